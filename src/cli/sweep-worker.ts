import { loadScenario } from '../scenario/load.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { Run } from '../study/run.ts'
import { checkPoint, type PointCheck, type PointRequest } from '../study/sweep/check-point.ts'
import { measureRun, type RunMeasures } from '../study/sweep/measure-run.ts'
import type { SweepTask } from '../study/sweep/plan.ts'

/** What a worker is asked for: to check a point, or to run one. */
export type Job =
  | { readonly kind: 'check'; readonly request: PointRequest }
  | { readonly kind: 'run'; readonly task: SweepTask }

/** The entry of a worker of `encap sweep`. */
export default function sweepWorker(job: Job): PointCheck | RunMeasures {
  return job.kind === 'check' ? checkPoint(job.request, builtinSchemes) : run(job.task)
}

/** One run from its file to its numbers. */
function run({ text, file, settings, panel, variant }: SweepTask): RunMeasures {
  const options = panel === null ? { settings } : { settings, panel }
  const loaded = loadScenario(text, file, builtinSchemes, options)
  const scenario = loaded.ok ? loaded.scenarios.find((each) => each.variant === variant) : undefined
  if (scenario === undefined) throw new Error(`a checked point is wrong: ${settings.join(', ')}`)
  const run = new Run(scenario, builtinSchemes, { capture: false })
  while (!run.advance(Number.MAX_SAFE_INTEGER));
  return measureRun(run)
}
