/**
 * Histories of clients of Consul's consistent mode under faults; those of its stale mode are stale. See etcd.test.ts.
 */
import { describe, it } from 'vitest'
import { describeTrials } from './batches.ts'
import { mixed } from './client.ts'
import { consulDialect } from './consul-dialect.ts'
import { consulStore } from './consul-store.ts'
import type { Dialect } from './dialect.ts'
import { expectStaleReads } from './stale.ts'
import type { TrialPlan } from './trial.ts'

function planOf(seed: string, dialect: Dialect): TrialPlan {
  return {
    members: seed.endsWith('0') ? 5 : 3,
    store: consulStore,
    clients: (dice, unit) =>
      dice.times(dice.integer(3, 5), () => mixed(dialect, dice.pick([['a'], ['a', 'b']]), unit)),
  }
}

// A run takes twice what one of etcd's does: `npm test` has half as many.
describeTrials('consul', 2000, (seed) => planOf(seed, consulDialect('consistent')), 40)

describe('stale modes', () => {
  it('reads of the stale mode are stale in some run', () => {
    expectStaleReads((seed) => planOf(seed, consulDialect('stale')), 40)
  })
})
