import { describe, expect, it } from 'vitest'
import { scenario } from '../../../test/small-scenario.ts'
import { builtinSchemes } from '../../schemes/registry.ts'
import { Run } from '../run.ts'
import { measureRun } from './measure-run.ts'
import { metricInfo } from './metrics.ts'

const LOADS = `workload:
  - { kind: udp, name: big, from: c1, to: c2, size: 1000, packetRate: 1kpps, for: 100ms }
  - { kind: udp, name: small, from: c2, to: c1, size: 100, packetRate: 2kpps, for: 100ms }
  - { kind: ping, name: echo, from: c1, to: c2, count: 3, interval: 10ms }
faults:
  - { node: h2, at: 0s, loss: 10% }
`

function measured(parts: string, ...settings: readonly string[]) {
  const run = new Run(scenario(parts, ...settings), builtinSchemes, { capture: false })
  while (!run.advance(Number.MAX_SAFE_INTEGER));
  return { ...measureRun(run), result: run.result() }
}

describe('measures of a run', () => {
  it('adds workloads up, and tells each alone', () => {
    const { metrics, result } = measured(LOADS)
    const [big, small, echo] = result.workloads
    expect(metrics['sent']).toBe(100 + 200 + 3)
    expect(metrics['big.goodput']).toBe(big!.goodput)
    expect(metrics['goodput']).toBe(big!.goodput! + small!.goodput!)
    const lost = big!.lost! + small!.lost! + echo!.lost!
    expect(lost).toBeGreaterThan(0)
    expect(metrics['loss']).toBe(lost / 303)
    // Three workloads have latencies, so that no single number is that of all.
    expect(metrics['rtt.p50']).toBeUndefined()
    expect(metrics['echo.rtt.p50']).toBe((echo!.rtt as { p50: number }).p50)
    expect(metrics['cores']).toBeUndefined()
  })

  it('counts what is flooded against what came to the switches', () => {
    const stream = `workload:
  - { kind: udp, name: blind, from: h1, to: h2, size: 100, packetRate: 1kpps, for: 100ms }
`
    const { metrics, result } = measured(stream, 'fabric.switch={ macTable: { capacity: 1 } }')
    expect(metrics['floodedFrames']).toBeGreaterThan(90)
    expect(metrics['leaf1.flooded']).toBe(metrics['flooded'])
    const towards = result.links.map(({ name, forward, backward }) =>
      name.startsWith('leaf1') ? backward.frames : forward.frames,
    )
    const frames = towards.reduce((sum, each) => sum + each, 0)
    expect(metrics['flooded']).toBe(metrics['floodedFrames']! / frames)
    const ports = result.switches[0]!.flooded
    expect(metrics['floodRate']).toBe(Math.max(...ports.map(({ rate }) => rate)))
    expect(metrics['tableShare.switch-mac']).toBe(1)
    expect(metrics['macRefused']).toBe(result.switches[0]!.refused)
  })

  it('reports drops by reason, limits in words and expectations that failed', () => {
    const expectations = 'expect: [{ sent: { of: big, equals: 7 } }, { drops: { atLeast: 1 } }]\n'
    const { metrics, limitedBy, failed, result } = measured(LOADS + expectations)
    const reasons = Object.entries(metrics).filter(([name]) => name.startsWith('drops.'))
    const dropped = reasons.reduce((sum, [, count]) => sum + count, 0)
    expect(dropped).toBe(result.ledger.dropped)
    expect(metrics['drops']).toBeLessThanOrEqual(dropped)
    expect(metrics['drops.link_loss']).toBe(33)
    expect(limitedBy['big']).toBe('loss')
    expect(failed).toEqual(['sent: { of: big, equals: 7 }'])
  })

  it('tells cores where work takes time', () => {
    const one = LOADS.split('\n').slice(0, 2).join('\n')
    const { metrics, result } = measured(`${one}\n`, 'hosts.costs=server-2020s')
    const { cpu } = result.workloads[0]!
    expect(metrics['cores']).toBe(cpu!.cores)
    expect(metrics['cores.receive']).toBe(cpu!.receivers.cores)
    expect(metrics['busyCores']).toBeGreaterThan(0)
    expect(metrics['busyCores']).toBeLessThan(metrics['cores']!)
  })

  it('gives every metric a name that is understood', () => {
    const { metrics } = measured(LOADS, 'hosts.costs=server-2020s')
    for (const name of Object.keys(metrics)) {
      const { base, of } = metricInfo(name)
      expect(of === null ? base : `${of}.${base}`).toBe(name)
      expect([null, 'big', 'small', 'echo', 'leaf1']).toContain(of)
    }
    expect(metricInfo('drops.link_loss').unit).toBe('count')
    expect(metricInfo('tableShare.switch-mac').unit).toBe('share')
    expect(() => metricInfo('drops.link_los')).toThrow('did you mean "link_loss"?')
    expect(() => metricInfo('leaf1.hops')).toThrow('there is no metric')
  })
})
