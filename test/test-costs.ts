import type { CostProfile } from '../src/cpu/cost-profile.ts'
import { type CpuStage, STAGES } from '../src/cpu/stage.ts'
import { NANOSECOND } from '../src/sim/units.ts'

export interface TestCosts {
  /** Nanoseconds a unit, of stages that cost something. */
  readonly unit?: Partial<Record<CpuStage, number>>
  readonly segment?: Partial<Record<CpuStage, number>>
  readonly byte?: Partial<Record<CpuStage, number>>
  /** Nanoseconds. Default 0. */
  readonly wakeup?: number
  readonly interrupt?: number
}

/** A cost profile in which only what a test names costs anything, and cold caches nothing. */
export function testCosts(costs: TestCosts = {}): CostProfile {
  const table = (named: Partial<Record<CpuStage, number>> = {}) =>
    Float64Array.from(STAGES, (stage) => (named[stage] ?? 0) * NANOSECOND)
  return {
    name: 'test',
    about: 'A machine of a test.',
    perUnit: table(costs.unit),
    perSegment: table(costs.segment),
    perByte: table(costs.byte),
    coldFactor: 1,
    coldAfter: Infinity,
    wakeupLatency: (costs.wakeup ?? 0) * NANOSECOND,
    interruptLatency: (costs.interrupt ?? 0) * NANOSECOND,
  }
}

/** Every stage costs this many nanoseconds a unit: a real-looking load of everything. */
export function flatCosts(unit: number, rest: TestCosts = {}): CostProfile {
  const all = Object.fromEntries(STAGES.map((stage) => [stage, unit])) as Record<CpuStage, number>
  return testCosts({ ...rest, unit: { ...all, ...rest.unit } })
}
