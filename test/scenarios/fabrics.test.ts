/** Fabrics with more than one way between two racks: nothing goes round in circles, nobody is cut off. */
import { describe, expect, it } from 'vitest'
import { loadScenario } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'

const EVENTS_MAX = 100_000

function run(text: string) {
  const loaded = loadScenario(text, 'fabric.yaml', builtinSchemes)
  if (!loaded.ok) throw new Error(loaded.issues[0]!.message)
  const run = new Run(loaded.scenarios[0]!, builtinSchemes, { capture: false })
  expect(run.advance(EVENTS_MAX)).toBe(true)
  return run.result()
}

const reached = (text: string) => run(text).workloads.map(({ delivered }) => delivered)

describe.each(['l2', 'l3', 'cloud'])('mode %s', (mode) => {
  it.each([1, 2, 3])('joins three racks by %d spines', (spines) => {
    const [hosts, outside] = reached(`
fabric: { mode: ${mode}, racks: 3, hostsPerRack: 2, spines: ${spines}, gateway: true }
workload:
  - { kind: ping, pairs: mesh, count: 2 }
  - { kind: ping, from: [h1, h3, h6], to: outside, count: 2 }
`)
    expect([hosts, outside]).toEqual([60, 6])
  })
})

describe('the spanning tree of mode l2', () => {
  const LATE = 'workload: [{ kind: ping, pairs: mesh, count: 2, at: 5s }]'

  it('finds the other way when a spine is cut off', () => {
    const fabric = 'fabric: { mode: l2, racks: 3, hostsPerRack: 1, spines: 2 }'
    const faults = 'faults: [{ at: 4s, node: spine1, cut: true }]'
    expect(reached(`${fabric}\n${LATE}\n${faults}`)).toEqual([12])
  })

  it('has nothing to find where there is no other way', () => {
    const fabric = 'fabric: { mode: l2, racks: 3, hostsPerRack: 1, spines: 1 }'
    const faults = 'faults: [{ at: 4s, node: spine1, cut: true }]'
    expect(reached(`${fabric}\n${LATE}\n${faults}`)).toEqual([0])
  })

  it('goes back when the cut ends', () => {
    const fabric = 'fabric: { mode: l2, racks: 2, hostsPerRack: 1, spines: 2 }'
    const faults =
      'faults: [{ at: 1s, until: 2s, node: spine1, cut: true }, { at: 3s, node: spine2, cut: true }]'
    expect(reached(`${fabric}\n${LATE}\n${faults}`)).toEqual([4])
  })
})

it('spreads the stations of a cloud over its spines', () => {
  const { links } = run(`
fabric: { mode: cloud, racks: 2, hostsPerRack: 4, spines: 2 }
workload: [{ kind: ping, pairs: mesh, count: 1 }]
`)
  const up = links
    .filter(({ name }) => name.startsWith('leaf1-'))
    .map(({ forward }) => forward.frames)
  // 16 requests and 16 replies go from rack 1 to the four stations of rack 2.
  expect(up).toEqual([16, 16])
})
