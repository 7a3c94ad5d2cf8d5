/**
 * Histories of clients of etcd's v3 and v2 under faults. ENCAP_DEEP=1 runs all seeds, `npm test` a twentieth;
 * ENCAP_LINEAR_SEED=v3-123 runs one.
 */
import { describe, it } from 'vitest'
import { describeTrials } from './batches.ts'
import { mixed } from './client.ts'
import type { Dialect } from './dialect.ts'
import { v2Dialect, v3Dialect } from './etcd-dialects.ts'
import { etcdStore } from './etcd-store.ts'
import { expectStaleReads } from './stale.ts'
import type { TrialPlan } from './trial.ts'

function planOf(seed: string, dialect: Dialect): TrialPlan {
  return {
    members: seed.endsWith('0') || seed.endsWith('5') ? 5 : 3,
    store: etcdStore(),
    clients: (dice, unit) =>
      dice.times(dice.integer(3, 5), () => mixed(dialect, dice.pick([['a'], ['a', 'b']]), unit)),
  }
}

describeTrials('v3', 2000, (seed) => planOf(seed, v3Dialect()))
describeTrials('v2', 400, (seed) => planOf(seed, v2Dialect(true)))

describe('stale modes', () => {
  it.each([
    ['serializable reads of v3', v3Dialect(true)],
    ['reads of v2 without quorum', v2Dialect(false)],
  ])('%s are stale in some run', (_, dialect) => {
    expectStaleReads((seed) => planOf(seed, dialect), 40)
  })
})
