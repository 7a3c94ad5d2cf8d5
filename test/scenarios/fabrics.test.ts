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

describe('BGP between the routers', () => {
  const FABRIC = 'mode: l3, racks: 3, hostsPerRack: 1, spines: 2, routing: bgp'
  const UNSEEN = 'bgp: { fastFailover: false }'
  const ping = (at: string, count = 2) =>
    `workload: [{ kind: ping, pairs: mesh, count: ${count}, at: ${at} }]`
  const cut = (more: string) => `faults: [{ at: 4s, cut: true, ${more} }]`

  it('brings every rack to every other within milliseconds, and to the way out', () => {
    const delivered = reached(`
fabric: { ${FABRIC}, gateway: true }
workload:
  - { kind: ping, pairs: mesh, count: 2, at: 100ms }
  - { kind: ping, from: [h1, h2, h3], to: outside, count: 2, at: 100ms }
`)
    expect(delivered).toEqual([12, 6])
  })

  it('does not wait for the punt path of a spine with many leaves', () => {
    const { ledger, workloads } = run(`
fabric: { mode: l3, racks: 40, hostsPerRack: 1, spines: 1, routing: bgp }
workload: [{ kind: ping, from: h1, to: h40, count: 5, interval: 10ms, at: 100ms }]
`)
    expect(workloads[0]!.delivered).toBe(5)
    expect(JSON.stringify(ledger)).not.toContain('punt_rate')
  })

  it('works in a drawn fabric, over a way with more hops when the short one is cut', () => {
    const nodes = ['r1', 'r2', 'r3'].map((name) => `{ name: ${name}, kind: router }`)
    const hosts = ['a', 'b'].map((name) => `{ name: ${name}, kind: host }`)
    const links = ['a r1', 'b r2', 'r1 r2', 'r2 r3', 'r3 r1'].map((pair) => {
      const [from, to] = pair.split(' ')
      return `{ from: ${from}, to: ${to} }`
    })
    const drawn = `fabric: { routing: bgp, draw: { nodes: [${[...nodes, ...hosts]}], links: [${links}] } }`
    expect(reached(`${drawn}\n${ping('5s')}\n${cut('link: r1-r2')}`)).toEqual([4])
  })

  it.each([
    ['at once when it sees a link go', `fabric: { ${FABRIC} }`, '4.001s', 12],
    ['not yet when it does not', `fabric: { ${FABRIC}, ${UNSEEN} }`, '4.001s', 0],
    ['with the hold time then', `fabric: { ${FABRIC}, ${UNSEEN} }`, '13.1s', 12],
  ])('moves the routes %s', (_, fabric, at, expected) => {
    // Whichever way the hash chose: of each pair of cables one is left.
    const delivered = reached(`${fabric}\n${ping(at)}\n${cut('node: spine1')}`)[0]!
    if (expected === 12) expect(delivered).toBe(12)
    else expect(delivered).toBeLessThan(12)
  })

  it('uses a link again when the cut is over', () => {
    const { links } = run(`
fabric: { ${FABRIC} }
workload: [{ kind: udp, from: h1, to: h2, size: 100, packetRate: 1kpps, parallel: 16, at: 10s, for: 1s }]
faults: [{ at: 4s, until: 6s, link: leaf1-spine1, cut: true }]
`)
    const frames = links
      .filter(({ name }) => name.startsWith('leaf1-'))
      .map(({ forward }) => forward.frames)
    expect(frames).toHaveLength(2)
    for (const count of frames) expect(count).toBeGreaterThan(150)
  })

  it.each(['crash', 'stop'])(
    'loses the racks of a router whose process has a %s, for so long',
    (how) => {
      const text = (at: string) => `
fabric: { mode: l3, racks: 2, hostsPerRack: 1, spines: 1, routing: bgp }
${ping(at)}
faults: [{ at: 4s, until: 8s, ${how}: leaf1/bgpd }]
`
      // The only spine forgets the way to leaf1 at once, and has it back after some seconds.
      expect([reached(text('5s')), reached(text('20s'))]).toEqual([[0], [4]])
    },
  )

  it('leaves one fabric in two parts when no way is left, and joins them again', () => {
    const text = (at: string) => `
fabric: { mode: l3, racks: 2, hostsPerRack: 1, spines: 1, routing: bgp }
${ping(at)}
faults: [{ at: 4s, until: 30s, node: spine1, cut: true }]
`
    expect([reached(text('5s')), reached(text('32s'))]).toEqual([[0], [4]])
  })

  it.each([
    ['mode: l2, routing: bgp', /mode l2 has no routers/],
    ['mode: l3, racks: 2, bgp: { holdTime: 9s }', /the routes are static/],
    [`${FABRIC}, bgp: { holdTime: 2s, keepalive: 500ms }`, /whole number of seconds, 3 or more/],
    [`${FABRIC}, bgp: { holdTime: 3500ms, keepalive: 1s }`, /whole number of seconds/],
    [`${FABRIC}, bgp: { holdTime: 9s, keepalive: 4s }`, /at most a third/],
    [`${FABRIC}, bgp: { connectRetry: 0s }`, /takes some time/],
  ])('is refused with { %s }', (fabric, message) => {
    const loaded = loadScenario(`fabric: { ${fabric} }`, 'fabric.yaml', builtinSchemes)
    if (loaded.ok) throw new Error('it was taken')
    expect(loaded.issues.map((issue) => issue.message).join('; ')).toMatch(message)
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
