/**
 * Raft under random faults: its safety properties hold in every run, reads are never stale, and a
 * network that has become sound makes all members agree.
 *
 * ENCAP_DEEP=1 runs a set of 10,000 seeds, `npm test` a twentieth of it: which one,
 * test/seeds.json says. ENCAP_RAFT_SEED=raft-123 runs one.
 */
import { describe, expect, it } from 'vitest'
import { seeds } from '../seeds.ts'
import { Trial } from './trial.ts'

const SET = 10_000
const BATCH = 100

describe('raft under random faults', () => {
  const all = seeds('raft', SET, 'ENCAP_RAFT_SEED')
  const total = { applied: 0, reads: 0, snapshots: 0 }
  for (let first = 0; first < all.length; first += BATCH) {
    const batch = all.slice(first, first + BATCH)
    it(`is safe and comes to agree: ${batch[0]} and ${batch.length - 1} more`, () => {
      for (const seed of batch) {
        const trial = new Trial(seed)
        const { network } = trial
        try {
          trial.run()
          trial.settle()
          expect([...network.monitor.violations, ...network.failures]).toEqual([])
        } catch (error) {
          throw new Error(`${seed}: ${(error as Error).message}`, { cause: error })
        }
        total.applied += network.appliedAnywhere
        total.reads += network.readsAnswered
        total.snapshots += network.snapshotsSent
      }
    }, 60_000)
  }

  it.skipIf(process.env['ENCAP_RAFT_SEED'] !== undefined)('has had something to check', () => {
    expect(total.applied / all.length).toBeGreaterThan(50)
    expect(total.reads / all.length).toBeGreaterThan(5)
    expect(total.snapshots / all.length).toBeGreaterThan(1)
  })
})
