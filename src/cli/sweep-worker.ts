import { loadScenario } from '../scenario/load.ts'
import type { Schemes } from '../schemes/registry.ts'
import { Run } from '../study/run.ts'
import { checkPoint, type PointCheck, type PointRequest } from '../study/sweep/check-point.ts'
import { measureRun, type RunMeasures } from '../study/sweep/measure-run.ts'
import type { SweepTask } from '../study/sweep/plan.ts'
import { schemesWith } from './user-schemes.ts'

/** What a worker is asked for: to check a point, or to run one. */
export type Job = {
  /** Files with schemes of the user's. */
  readonly schemes: readonly string[]
} & (
  | { readonly kind: 'check'; readonly request: PointRequest }
  | { readonly kind: 'run'; readonly task: SweepTask }
)

/** Of the first job: all of a sweep have the same. */
let schemes: Promise<Schemes> | null = null

/** The entry of a worker of `encap sweep`. */
export default async function sweepWorker(job: Job): Promise<PointCheck | RunMeasures> {
  schemes ??= schemesWith(job.schemes)
  const registry = await schemes
  return job.kind === 'check' ? checkPoint(job.request, registry) : run(job.task, registry)
}

/** One run from its file to its numbers. */
function run({ text, file, settings, panel, variant }: SweepTask, registry: Schemes): RunMeasures {
  const options = panel === null ? { settings } : { settings, panel }
  const loaded = loadScenario(text, file, registry, options)
  const scenario = loaded.ok ? loaded.scenarios.find((each) => each.variant === variant) : undefined
  if (scenario === undefined) throw new Error(`a checked point is wrong: ${settings.join(', ')}`)
  const run = new Run(scenario, registry, { capture: false })
  while (!run.advance(Number.MAX_SAFE_INTEGER));
  return measureRun(run)
}
