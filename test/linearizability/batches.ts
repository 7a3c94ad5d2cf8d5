import { describe, expect, it } from 'vitest'
import { seeds } from '../seeds.ts'
import { Trial, type TrialPlan } from './trial.ts'

const BATCH = 50

/** Trials of sound stores: all that clients are told is of one order, and in the end the members agree. */
export function describeTrials(
  name: string,
  set: number,
  planOf: (seed: string) => TrialPlan,
  shares?: number,
): void {
  const all = seeds(name, set, 'ENCAP_LINEAR_SEED', shares)
  const total = { answered: 0, unknown: 0, elections: 0 }
  const batches = Array.from({ length: Math.ceil(all.length / BATCH) }, (_, i) =>
    all.slice(i * BATCH, (i + 1) * BATCH),
  )
  describe(`${name} under random faults`, () => {
    it.each(batches)(
      'is linearizable and comes to agree: %s ...',
      (...batch) => {
        for (const seed of batch) {
          const trial = new Trial(seed, planOf(seed))
          trial.run()
          const unsettled = trial.settle()
          expect([...unsettled, ...trial.faults()], seed).toEqual([])
          trial.bench.expectBalance()
          for (const { answer } of trial.history) total[answer === null ? 'unknown' : 'answered']++
          total.elections += trial.store.cluster.leadership.elections
        }
      },
      600_000,
    )

    it.skipIf(all.length < BATCH / 5)('has had something to check', () => {
      expect(total.answered / all.length).toBeGreaterThan(30)
      expect(total.unknown / all.length).toBeGreaterThan(3)
      expect(total.elections / all.length).toBeGreaterThan(1.5)
    })
  })
}
