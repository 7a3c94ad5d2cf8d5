import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../../schemes/registry.ts'
import { Case } from './case.ts'
import { entrantsOf } from './entrant.ts'
import { readBase } from './read-base.ts'

const FILE = 'scenarios/compare.yaml'
const read = readBase(readFileSync(FILE, 'utf8'), FILE, builtinSchemes)
if (!read.ok) throw new Error('the bundled file is wrong')
const { base } = read
const all = entrantsOf(builtinSchemes)

it('every scheme shows itself, each variant under a name of its own', () => {
  expect(new Set(all.map(({ scheme }) => scheme))).toEqual(new Set(builtinSchemes.names()))
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  const isSilent = (name: string) => builtinSchemes.get(name)!.showcase === undefined
  expect(builtinSchemes.names().filter(isSilent)).toEqual([])
})

describe.each(all.map((entrant) => [entrant.name, entrant] as const))('%s', (_name, entrant) => {
  const asked = new Case(base, entrant, '1', builtinSchemes)

  it('goes with the bundled file', () => {
    const { scenario } = asked.scenario('as it is', {})
    expect(scenario.networks.map(({ scheme }) => scheme)).toEqual([entrant.scheme])
    expect(scenario.store === null).toBe(entrant.store === null)
    const names = ['one-flow', 'small-packets', 'round-trips']
    expect(scenario.workloads.map(({ name }) => name)).toEqual(names)
  })
})

describe('a second network', () => {
  const alone = all.filter((entrant) => {
    const asked = new Case(base, entrant, '1', builtinSchemes)
    return !asked.isPossible({ a: asked.network(), b: asked.network('another') })
  })

  it('goes beside the first, but where both want one device or chain of the host', () => {
    expect(alone.map(({ name }) => name)).toEqual(['bridge', 'flannel/ipip'])
  })
})
