import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { FAKE_SCHEMES } from '../../test/fake-schemes.ts'
import { type JsonSchema, scenarioJsonSchema, schemasAt } from './json-schema.ts'

const SCHEMA = scenarioJsonSchema(FAKE_SCHEMES)

/** Every key with its schema, through lists and alternatives. */
function keysOf(schema: JsonSchema, path: string): [string, JsonSchema][] {
  const nested = [
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(Array.isArray(schema.items) ? schema.items : [schema.items]),
    schema.additionalProperties,
  ].filter((each): each is JsonSchema => typeof each === 'object')
  const own = Object.entries(schema.properties ?? {}).map(([key, value]): [string, JsonSchema] => [
    `${path}.${key}`,
    value,
  ])
  return [
    ...own.flatMap(([at, value]): [string, JsonSchema][] => [[at, value], ...keysOf(value, at)]),
    ...nested.flatMap((each) => keysOf(each, path)),
  ]
}

describe('the JSON Schema', () => {
  it('has a description for every key of every section', () => {
    const keys = keysOf(SCHEMA, '')
    expect(keys.length).toBeGreaterThan(200)
    const constants = ([, schema]: [string, JsonSchema]) => schema.const !== undefined
    const silent = keys.filter((key) => !constants(key) && !key[1].description).map(([at]) => at)
    expect(silent).toEqual([])
  })

  it('is plain JSON of draft 7 and has the sections', () => {
    expect(JSON.parse(JSON.stringify(SCHEMA))).toEqual(SCHEMA)
    expect(SCHEMA).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#' })
    expect(Object.keys(SCHEMA.properties!)).toEqual([
      ...['name', 'why', 'source', 'seed', 'duration', 'fabric', 'hosts', 'store', 'networks'],
      ...[
        'containers',
        'workload',
        'faults',
        'captures',
        'needs',
        'claim',
        'expect',
        'variants',
        'panels',
      ],
    ])
    expect(SCHEMA.required).toBeUndefined()
  })

  it('offers the options of each scheme where its name stands', () => {
    const keys = (scheme: string) =>
      schemasAt(SCHEMA, ['networks', 'x'], { networks: { x: { scheme } } }).flatMap((each) =>
        Object.keys(each.properties ?? {}),
      )
    expect(keys('tunnel')).toEqual(['scheme', 'subnet', 'hostPrefix', 'backend', 'mtu'])
    expect(keys('flat')).toEqual(['scheme', 'subnet', 'mode', 'ageing'])
    const inVariant = schemasAt(SCHEMA, ['variants', 'a', 'networks', 'x'], {
      variants: { a: { networks: { x: { scheme: 'flat' } } } },
    })
    expect(inVariant.flatMap((each) => Object.keys(each.properties ?? {}))).toContain('ageing')
  })

  it.each<[boolean, unknown]>([
    [true, {}],
    [true, { fabric: { links: '10Gbps', switch: 'trident3' } }],
    [true, { fabric: { links: { rate: '10Gbps', mtu: 9000 } } }],
    [true, { networks: { a: { scheme: 'tunnel', hostPrefix: 25 } } }],
    [
      true,
      {
        networks: { a: { backend: 'udp' } },
        variants: { x: { networks: { a: { scheme: 'tunnel' } } } },
      },
    ],
    [true, { workload: [{ kind: 'ping', from: 'c1', to: ['c2', 'c3'] }] }],
    [true, { panels: { x: { seed: 2, variants: { y: { seed: 3 } } } } }],
    [false, { panels: { x: { panels: {} } } }],
    [true, { variants: { x: { faults: [{ loss: '1%' }] } } }],
    [false, { fabric: { links: '10' } }],
    [false, { fabric: { rakcs: 2 } }],
    [false, { networks: { a: { scheme: 'flat', hostPrefix: 25 } } }],
    [false, { workload: [{ kind: 'pong' }] }],
    [false, { workload: [{ kind: 'ping', count: 0 }] }],
    [false, { variants: { x: { seeed: 1 } } }],
  ])('judges %j %j', (isRight, value) => {
    const validator = z.fromJSONSchema(SCHEMA as Parameters<typeof z.fromJSONSchema>[0])
    expect(validator.safeParse(value).success).toBe(isRight)
  })
})
