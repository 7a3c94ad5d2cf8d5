/** A scheme from outside of src/ plugs in by the registry alone: file format, run, report, contract. */
import { describe, expect, it } from 'vitest'
import { runJsonSchema } from '../../src/scenario/json-schema.ts'
import { loadScenario } from '../../src/scenario/load.ts'
import type { Scheme } from '../../src/schemes/contract.ts'
import { hostScheme } from '../../src/schemes/host/index.ts'
import { Schemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'
import { schemeContract } from '../contract/scheme-contract.ts'
import { toyScheme } from './toy.ts'

const schemes = new Schemes([hostScheme as Scheme, toyScheme as Scheme])

const FILE = `
name: toys
fabric: { racks: 1, hostsPerRack: 3, links: 10Gbps }
networks: { box: { scheme: toy, subnet: 10.77.0.0/16, blockLength: 26 } }
containers: { perHost: 2 }
workload:
  - { kind: ping, pairs: mesh, count: 2, interval: 100ms }
  - { kind: udp, name: stream, from: c1, to: c6, packetRate: 10kpps, size: 1000, for: 100ms }
expect:
  - { delivered: { of: ping-1, equals: 60 } }
  - { loss: { of: stream, equals: 0% } }
  - { drops: { equals: 0 } }
  # The switch sees the hosts alone: the packets are routed.
  - { macEntries: { equals: 3 } }
  - { reachable: { from: h1, to: c6 } }
captures: [c1/eth0]
`

describe('a scheme from outside', () => {
  it('runs from a scenario file to its expectations', () => {
    const loaded = loadScenario(FILE, 'toys.yaml', schemes)
    expect(loaded).toMatchObject({ ok: true })
    if (!loaded.ok) return
    const run = new Run(loaded.scenarios[0]!, schemes, { capture: false })
    while (!run.advance(1e6));
    const { expectations, networks, notes } = run.result()
    expect(expectations.filter(({ passed }) => !passed)).toEqual([])
    expect(expectations).toHaveLength(5)
    expect(networks).toMatchObject([
      { scheme: 'toy', variant: 'toy/proxy-arp', encapsulation: 'native', forwarding: 'L3' },
    ])
    expect(notes).toEqual(['box (toy/proxy-arp): nobody uses this in earnest'])
  })

  it('has its options checked where they stand in the file', () => {
    const wrong = FILE.replace('blockLength: 26', 'blockLenght: 26')
    expect(loadScenario(wrong, 'toys.yaml', schemes)).toMatchObject({
      ok: false,
      issues: [{ line: 4, path: 'networks.box.blockLenght', remedy: expect.anything() }],
    })
    const useless = FILE.replace('blockLength: 26', 'blockLength: 16')
    expect(loadScenario(useless, 'toys.yaml', schemes)).toMatchObject({
      ok: false,
      issues: [{ line: 4, path: 'networks.box.blockLength', message: 'no block fits' }],
    })
  })

  it('stands in the JSON Schema with its options', () => {
    const text = JSON.stringify(runJsonSchema(schemes))
    expect(text).toContain('"const":"toy"')
    expect(text).toContain('Prefix length of the block of a host.')
  })
})

schemeContract({
  name: 'toy',
  scheme: toyScheme as Scheme,
  small: { blockLength: 28 },
})
