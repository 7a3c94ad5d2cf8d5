import { SECOND } from '../../sim/units.ts'
import type { WorkloadModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { Context } from './context.ts'
import { endOf } from './workloads.ts'

/** The length of the run, and that nothing is to happen after it. */
export function resolveDuration(context: Context, workloads: readonly WorkloadModel[]): number {
  const last = workloads.reduce((end, workload) => Math.max(end, endOf(workload)), 0)
  const lastFault = context.input.faults.reduce(
    (end, { at, until = at }) => Math.max(end, at, until),
    0,
  )
  const given = context.input.duration
  if (given === undefined) return Math.max(last, lastFault, SECOND) + SECOND
  const check = (path: Path, at: number, what: string) => {
    if (at < given) return
    const remedy = `begin earlier, or a longer "duration"`
    context.report(
      'out_of_range',
      [...path, 'at'],
      `${what} begins after the run has ended`,
      remedy,
    )
  }
  context.input.workload.forEach((entry, i) => {
    check(['workload', i], entry.at, 'the workload')
  })
  context.input.faults.forEach((entry, i) => {
    check(['faults', i], entry.at, 'the fault')
  })
  if (given === 0) {
    context.report('out_of_range', ['duration'], 'a run of no length', 'a duration above 0')
  }
  return given
}
