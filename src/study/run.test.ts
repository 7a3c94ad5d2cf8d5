import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { SECOND } from '../sim/units.ts'
import { type RunResult, runResultSchema } from './result.ts'
import { Run } from './run.ts'

const STREAM = `
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 1000, packetRate: 10kpps, for: 100ms }
`
const REACHABLE = `
expect:
  - { reachable: { from: c1, to: c2 } }
  - { sent: { of: stream, equals: 1000 } }
`

function start(text: string, capture = false): Run {
  return new Run(scenario(text), builtinSchemes, { capture })
}

function finish(run: Run, slice = Infinity): RunResult {
  while (!run.advance(slice));
  return run.result()
}

describe('a run', () => {
  it('is the same in one go and in slices of any size', () => {
    const whole = finish(start(STREAM + REACHABLE))
    for (const slice of [1, 7, 1000]) {
      expect(finish(start(STREAM + REACHABLE), slice)).toEqual(whole)
    }
    expect(runResultSchema.parse(whole)).toEqual(whole)
  })

  it('measures at its end: the probes of its expectations come later and count for nothing', () => {
    const without = finish(start(STREAM))
    const run = start(STREAM + REACHABLE)
    const { expectations, ...rest } = finish(run)
    expect(expectations.map(({ passed }) => passed)).toEqual([true, true])
    expect({ ...rest, expectations: [] }).toEqual(without)
    expect(run.now).toBe(without.duration + 4 * SECOND)
    expect(run.world.ledger.imbalance()).toBe(0)
  })

  it('stopped before its end gives what was measured so far, and says so', () => {
    const run = start(STREAM)
    for (let i = 0; i < 30; i++) expect(run.advance(100)).toBe(false)
    const { partial, simulated, duration, workloads, ledger } = run.result()
    expect({ partial, balanced: ledger.balanced }).toEqual({ partial: true, balanced: true })
    expect(simulated).toBe(run.now)
    expect(simulated).toBeLessThan(duration)
    expect(workloads[0]).toMatchObject({ partial: true })
    expect(workloads[0]!.sent).toBe(997)
  })

  it('stopped among its probes is partial as well: they may not have answered yet', () => {
    const run = start(STREAM + REACHABLE)
    const { duration } = run.world.scenario
    while (run.now < duration) run.advance(1)
    const { partial, simulated, expectations } = run.result()
    expect({ partial, simulated }).toEqual({ partial: true, simulated: duration })
    expect(expectations.map(({ passed }) => passed)).toEqual([false, true])
    expect(finish(run).partial).toBe(false)
  })

  it('keeps the frames of its capture points, and only when asked to', () => {
    const points = 'captures: [h1/eth0, c2/eth0, leaf1/p1]'
    const run = start(STREAM + points, true)
    const { links, workloads } = finish(run)
    const [cable] = links
    const atHost = cable!.forward.frames + cable!.backward.frames
    // Of the switch's port the same frames, of the container its own: the stream, and ARP both ways.
    expect(run.capture!.captured).toBe(2 * atHost + workloads[0]!.sent + 2)
    expect(start(STREAM + points).capture).toBeNull()
  })
})
