import { loadScenario } from '../scenario/load.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { Run } from '../study/run.ts'
import { measureRun, type RunMeasures } from '../study/sweep/measure-run.ts'
import type { SweepTask } from '../study/sweep/plan.ts'

/** The entry of a worker of `encap sweep`: one run from its file to its numbers. */
export default function sweepWorker(task: SweepTask): RunMeasures {
  const { text, file, settings, panel, variant } = task
  const options = panel === null ? { settings } : { settings, panel }
  const loaded = loadScenario(text, file, builtinSchemes, options)
  const scenario = loaded.ok ? loaded.scenarios.find((each) => each.variant === variant) : undefined
  if (scenario === undefined) throw new Error(`a checked point is wrong: ${settings.join(', ')}`)
  const run = new Run(scenario, builtinSchemes, { capture: false })
  while (!run.advance(Number.MAX_SAFE_INTEGER));
  return measureRun(run)
}
