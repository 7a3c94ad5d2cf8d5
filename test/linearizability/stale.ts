import { expect } from 'vitest'
import { faultsOf } from './history.ts'
import { Trial, type TrialPlan } from './trial.ts'

/** Expects a run that is not linearizable, and that this is the reads' doing. */
export function expectStaleReads(
  planOf: (seed: string) => TrialPlan,
  runsMax: number,
  run = (trial: Trial) => trial.run(),
): void {
  const trial = firstStale(planOf, runsMax, run)
  if (trial === null) throw new Error(`no stale read in ${runsMax} runs`)
  const writes = trial.history.filter(({ request }) => request.kind !== 'get')
  expect([...faultsOf(writes), ...trial.store.cluster.violations]).toEqual([])
  expect(trial.settle()).toEqual([])
}

function firstStale(
  planOf: (seed: string) => TrialPlan,
  runsMax: number,
  run: (trial: Trial) => void,
): Trial | null {
  for (let i = 0; i < runsMax; i++) {
    const trial = new Trial(`stale-${i}`, planOf(`stale-${i}`))
    run(trial)
    if (faultsOf(trial.history).some((text) => text.endsWith('is not linearizable'))) return trial
  }
  return null
}
