import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { Run } from './run.ts'

const PARTS = `duration: 4s
workload:
  - { kind: udp, name: stream, from: c1, to: c2, size: 100, packetRate: 1kpps, at: 1s, for: 2s }
  - { kind: tcp, name: bulk, from: c1, to: c2, at: 3s, for: 100ms, warmup: 20ms }
faults:
  - { at: 2s, until: 2500ms, link: h2-leaf1, cut: true }
`

function run(parts: string, samples: boolean, slice = Infinity): Run {
  const run = new Run(scenario(parts), builtinSchemes, { capture: false, samples })
  while (!run.advance(slice)) {
    // As the command line does it, between two looks at the clock.
  }
  return run
}

describe('Sampler', () => {
  const sampled = run(PARTS, true)
  const { times, deliveries, tables } = sampled.samples()!
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number>((total, value) => total + (value ?? 0), 0)

  it('reads 200 times, at equal distances up to the end', () => {
    expect(times).toHaveLength(200)
    expect([times[0], times[99], times.at(-1)]).toEqual([2e10, 2e12, 4e12])
  })

  it('changes nothing of what is measured, whatever the slices', () => {
    expect(sampled.result()).toEqual(run(PARTS, false).result())
    const sliced = run(PARTS, true, 1000)
    expect(sliced.samples()).toEqual(sampled.samples())
    expect(run(PARTS, false).samples()).toBeNull()
  })

  it('tells when packets arrived, and that none did while the cable was cut', () => {
    const stream = deliveries.find(({ workload }) => workload === 'stream')!
    const row = sampled.result().workloads.find(({ name }) => name === 'stream')!
    expect(stream.unit).toBe('packets')
    expect(sum(stream.values)).toBe(row.delivered)
    // Intervals of 20 ms: begin at 1 s, cut from 2 to 2.5 s.
    expect(stream.values.slice(0, 50)).toEqual(Array(50).fill(null))
    expect(stream.values.slice(60, 64)).toEqual([20, 20, 20, 20])
    expect(stream.values.slice(101, 125)).toEqual(Array(24).fill(0))
    expect(stream.values.slice(130, 134)).toEqual([20, 20, 20, 20])
  })

  it('counts what TCP streams brought in their window, and nothing outside of it', () => {
    const bulk = deliveries.find(({ workload }) => workload === 'bulk')!
    const row = sampled.result().workloads.find(({ name }) => name === 'bulk')!
    expect(bulk.unit).toBe('bytes')
    expect(sum(bulk.values)).toBe(row.bytes)
    const known = bulk.values.flatMap((value, i) => (value === null ? [] : [times[i]! / 1e12]))
    expect([known[0], known.at(-1)]).toEqual([3.04, 3.1])
  })

  it('tells how full the fullest table of each kind was', () => {
    const macs = tables.find(({ kind }) => kind === 'switch-mac')!
    expect(macs.capacity).toBeGreaterThan(1000)
    expect(macs.values[0]).toBe(0)
    expect(Math.max(...macs.values)).toBe(sampled.result().switches[0]!.peak)
  })
})
