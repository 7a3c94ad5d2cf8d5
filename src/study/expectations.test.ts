import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import type { ExpectationResult } from './result.ts'
import { Run } from './run.ts'

const WORKLOADS = `
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 1000, packetRate: 10kpps, for: 100ms }
  - { kind: ping, name: asks, from: c1, to: c2, count: 20, interval: 10ms, at: 1s }
  - { kind: udp-rr, name: rr, from: c2, to: c1, for: 10ms, at: 1.5s }
  - { kind: udp, name: refused, from: c1, to: 8.8.8.8, size: 10, packetRate: 1kpps, for: 10ms }
`
const LOSSY = 'faults: [{ node: h2, at: 1.05s, loss: 30% }]\n'

function judge(
  expectations: readonly string[],
  faults = '',
  settings: readonly string[] = [],
): ExpectationResult[] {
  const section = `expect:\n${expectations.map((each) => `  - { ${each} }\n`).join('')}`
  const run = new Run(scenario(WORKLOADS + faults + section, ...settings), builtinSchemes, {
    capture: false,
  })
  while (!run.advance(Infinity));
  expect(run.world.ledger.imbalance()).toBe(0)
  return run.result().expectations
}

/** Each with its verdict. */
function verdicts(cases: readonly (readonly [string, boolean])[], faults = ''): void {
  const results = judge(
    cases.map(([text]) => text),
    faults,
  )
  expect(results.map(({ text, passed }) => [text, passed])).toEqual(
    cases.map(([text, passed]) => [`${text}`, passed]),
  )
}

describe('comparisons', () => {
  it('are exact, within a tolerance, or bounds that count themselves', () => {
    verdicts([
      ['sent: { of: stream, equals: 1000 }', true],
      ['sent: { of: stream, equals: 999 }', false],
      ['sent: { of: stream, equals: 990, within: 2% }', true],
      ['sent: { of: stream, equals: 900, within: 2% }', false],
      ['sent: { of: stream, atLeast: 1000 }', true],
      ['sent: { of: stream, atLeast: 1001 }', false],
      ['sent: { of: stream, atMost: 1000 }', true],
      ['sent: { of: stream, atMost: 999 }', false],
      ['sent: { of: stream, between: [1000, 1000] }', true],
      ['sent: { of: stream, between: [1001, 2000] }', false],
    ])
  })
})

describe('metrics', () => {
  it('of a run without a fault', () => {
    verdicts([
      ['delivered: { of: stream, equals: 1000 }', true],
      ['delivered: { of: asks, equals: 20 }', true],
      ['loss: { of: stream, equals: 0% }', true],
      ['goodput: { of: stream, equals: 80Mbps, within: 0.2% }', true],
      ['drops: { equals: 0 }', true],
      ['drops: { reason: arp_ignored, equals: 0 }', false],
      ['macEntries: { equals: 2 }', true],
      ['macEntries: { switch: leaf1, equals: 2 }', true],
      ['macRefused: { equals: 0 }', true],
      ['macMoves: { equals: 0 }', true],
      ['floodedFrames: { equals: 0 }', true],
      ['wireEfficiency: { between: [90%, 94%] }', true],
      ['reachable: { from: c1, to: c2 }', true],
      ['reachable: { from: c1, to: c2, equals: false }', false],
      ['reachable: { from: c1, to: h1 }', false],
      ['reachable: { from: c1, to: h1, equals: false }', true],
    ])
  })

  it('of a lossy one: all losses together, by reason, by place', () => {
    const results = judge(
      [
        ...['loss: { of: stream, atMost: 50% }', 'drops: { equals: 0 }'],
        ...['drops: { reason: link_loss, equals: 0 }', 'drops: { at: leaf1, equals: 0 }'],
        ...['drops: { at: leaf1/p2, equals: 0 }', 'drops: { at: h1, equals: 0 }'],
        'drops: { reason: bad_fcs, equals: 0 }',
      ],
      LOSSY,
    )
    const measured = results.map((result) => result.measured!)
    const [loss, all, lost, atLeaf, atPort, elsewhere, damaged] = measured as [number, ...number[]]
    // From half the stream on three in ten: 150 of 1000, give or take three standard deviations.
    expect(loss).toBeGreaterThan(0.12)
    expect(loss).toBeLessThan(0.18)
    expect(lost).toBeGreaterThan(120)
    expect([all, elsewhere, damaged]).toEqual([lost, 0, 0])
    expect(atLeaf).toBe(atPort)
    expect(atLeaf).toBeGreaterThan(lost! / 2)
  })

  it('round trips by any percentile, in order', () => {
    const stats = ['min', 'p1', 'p50', 'p75', 'p90', 'p95', 'p99.9', 'p100', 'max', 'mean']
    const results = judge(stats.map((stat) => `rtt: { of: asks, stat: ${stat}, atMost: 1s }`))
    expect(results.every(({ passed }) => passed)).toBe(true)
    const values = results.slice(0, 9).map(({ measured }) => measured!)
    expect(values).toEqual(values.toSorted((a, b) => a - b))
    expect(values[0]).toBeGreaterThan(0)
    expect(values[8]).toBeGreaterThan(values[0]!)
    expect(values[7]).toBe(values[8])
    expect(results[9]!.measured).toBeGreaterThan(values[0]!)
  })

  it('fail where there was nothing to measure', () => {
    const cut = 'faults: [{ node: h2, at: 0s, cut: true }]\n'
    const [rtt, percentile, mean] = judge(
      ['min', 'p95', 'mean'].map((stat) => `rtt: { of: asks, stat: ${stat}, atMost: 1s }`),
      cut,
    )
    for (const result of [rtt, percentile, mean]) {
      expect(result).toMatchObject({
        ...{ passed: false, measured: null, shown: 'nothing was measured' },
      })
    }
  })

  it('a system call that failed counts as sent', () => {
    verdicts([
      ['sent: { of: refused, equals: 10 }', true],
      ['delivered: { of: refused, equals: 0 }', true],
    ])
  })

  it('are shown with their unit, and with the line of the file', () => {
    const results = judge([
      ...['goodput: { of: stream, atLeast: 1bps }', 'loss: { of: stream, atMost: 1% }'],
      ...['rtt: { of: asks, stat: min, atMost: 1s }', 'sent: { of: stream, atLeast: 1 }'],
      'reachable: { from: c1, to: c2 }',
    ])
    expect(results.map(({ shown }) => shown)).toEqual([
      ...[
        expect.stringMatching(/^0\.0[78]\d* Gb\/s$/),
        '0 %',
        expect.stringMatching(/^[\d.]+ us$/),
      ],
      ...['1000', 'reachable'],
    ])
    expect(results.map(({ line }) => line)).toEqual([13, 14, 15, 16, 17])
  })
  it('of cores and of what limits, on machines that have some', () => {
    const settings = ['hosts={ costs: server-2020s, cpus: 4 }']
    const cases: readonly (readonly [string, boolean])[] = [
      ['cores: { of: stream, side: send, between: [0.001, 0.2] }', true],
      ['cores: { of: stream, side: receive, between: [0.001, 0.2] }', true],
      ['cores: { of: stream, atMost: 0.001 }', false],
      ['coresPerGoodput: { of: stream, atLeast: 0.5 }', true],
      ['packetRate: { of: stream, equals: 10kpps, within: 1% }', true],
      ['limitedBy: { of: stream, is: application }', true],
      ['limitedBy: { of: stream, is: [link, send-core] }', false],
      ['transactions: { of: rr, atLeast: 1000 }', true],
      ['limitedBy: { of: rr, is: round-trip }', true],
    ]
    const results = judge(
      cases.map(([text]) => text),
      '',
      settings,
    )
    expect(results.map(({ text, passed }) => [text, passed])).toEqual(cases)
    expect(results.slice(2, 6).map(({ shown }) => shown)).toEqual([
      expect.stringMatching(/^0\.\d+ cores$/),
      expect.stringMatching(/^[\d.]+ cores$/),
      expect.stringMatching(/^[\d.]+ packets a second$/),
      'application (the pace)',
    ])
    const [send, receive, both] = results.map(({ measured }) => measured!)
    expect(send! + receive!).toBeCloseTo(both!, 9)
  })
})
