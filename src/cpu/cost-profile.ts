import { NANOSECOND } from '../sim/units.ts'
import lab618 from './profiles/lab-6.18.json' with { type: 'json' }
import server2020s from './profiles/server-2020s.json' with { type: 'json' }
import { type CpuStage, STAGES } from './stage.ts'

/** What one stage costs, in nanoseconds. */
interface StageCost {
  /** A unit: an skb, a system call, a wake-up. */
  readonly unit?: number
  /** A segment of a unit; a packet of its own counts as one. */
  readonly segment?: number
  readonly byte?: number
  /** Where the figures are from, and which of them was fitted on what. */
  readonly source: string
}

/** A data file of `profiles/`. Durations are nanoseconds. */
interface ProfileFile {
  readonly name: string
  readonly about: string
  readonly stages: Readonly<Record<string, StageCost>>
  /** A stage that a core has not run for `afterNs` costs `factor` times as much a unit. */
  readonly cold: { readonly factor: number; readonly afterNs: number; readonly source: string }
  readonly latencies: Readonly<Record<'wakeup' | 'interrupt', { ns: number; source: string }>>
}

/** What work costs on a machine: integers of picoseconds, by stage number. */
export interface CostProfile {
  readonly name: string
  /** One sentence: the machine that it stands for, and its known error. */
  readonly about: string
  readonly perUnit: Float64Array
  readonly perSegment: Float64Array
  /** Picoseconds a byte, with fractions: a charge is rounded as a whole. */
  readonly perByte: Float64Array
  /**
   * What a unit costs by cold caches, as a multiple: of a stage that the core has not run for `coldAfter`
   * picoseconds. Back-to-back packets are cheaper than sparse ones by a factor of up to three.
   */
  readonly coldFactor: number
  readonly coldAfter: number
  /** From a wake-up until the task runs on a core that was idle, picoseconds. */
  readonly wakeupLatency: number
  /** From a NIC's interrupt until the poll starts on a core that was idle, picoseconds. */
  readonly interruptLatency: number
}

/** Throws RangeError where the file names a stage that there is not, or leaves one out. */
export function costProfile(file: ProfileFile): CostProfile {
  const perUnit = new Float64Array(STAGES.length)
  const perSegment = new Float64Array(STAGES.length)
  const perByte = new Float64Array(STAGES.length)
  for (const name of Object.keys(file.stages)) {
    if (!STAGES.includes(name as CpuStage)) {
      throw new RangeError(`cost profile ${file.name}: there is no stage ${name}`)
    }
  }
  STAGES.forEach((name, stage) => {
    const cost = file.stages[name]
    if (cost === undefined) throw new RangeError(`cost profile ${file.name}: no cost of ${name}`)
    perUnit[stage] = Math.round((cost.unit ?? 0) * NANOSECOND)
    perSegment[stage] = Math.round((cost.segment ?? 0) * NANOSECOND)
    perByte[stage] = (cost.byte ?? 0) * NANOSECOND
  })
  const { wakeup, interrupt } = file.latencies
  return {
    name: file.name,
    about: file.about,
    perUnit,
    perSegment,
    perByte,
    coldFactor: file.cold.factor,
    coldAfter: Math.round(file.cold.afterNs * NANOSECOND),
    wakeupLatency: Math.round(wakeup.ns * NANOSECOND),
    interruptLatency: Math.round(interrupt.ns * NANOSECOND),
  }
}

/** The profiles that a scenario may name, besides `none`. */
export const COST_PROFILES: Readonly<Record<string, CostProfile>> = {
  'server-2020s': costProfile(server2020s),
  'lab-6.18': costProfile(lab618),
}
