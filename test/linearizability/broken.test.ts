/**
 * Stores broken on purpose: what clients are told gives them away, or Raft's promises are seen to break. With
 * ENCAP_DEEP=1 it prints in how many of 2000 runs; measured: see each case.
 */
import { describe, expect, it } from 'vitest'
import { type MemberParts, SOUND_PARTS } from '../../src/control/cluster/parts.ts'
import { DEEP } from '../seeds.ts'
import { ACKNOWLEDGES_EARLY, FORGETS_VOTES, READS_UNCONFIRMED } from './broken.ts'
import { mixed } from './client.ts'
import { v3Dialect } from './etcd-dialects.ts'
import { etcdStore } from './etcd-store.ts'
import { faultsOf } from './history.ts'
import { Trial } from './trial.ts'

const RUNS = DEEP ? 2000 : 100
/** In `npm test` the first finding is enough. */
const ENOUGH = DEEP ? Infinity : 1

interface Case {
  readonly name: string
  readonly parts: MemberParts
  readonly run: (trial: Trial) => void
  /** Whether Raft's monitor has a part in it: reads break none of its promises. */
  readonly breaksRaft: boolean
}

const CASES: Case[] = [
  // Clients saw 541, the monitor 749.
  {
    name: 'acknowledges before the commit',
    parts: ACKNOWLEDGES_EARLY,
    run: (trial) => trial.run(),
    breaksRaft: true,
  },
  // Clients saw 134.
  {
    name: 'lets a deposed leader answer reads',
    parts: READS_UNCONFIRMED,
    run: (trial) => trial.runDepositions(),
    breaksRaft: false,
  },
  // Of 200: clients saw 10, the monitor 26.
  {
    name: 'forgets its vote in a crash',
    parts: FORGETS_VOTES,
    run: (trial) => trial.runStorm(),
    breaksRaft: true,
  },
]

function trialOf(run: number, parts: MemberParts): Trial {
  return new Trial(`broken-${run}`, {
    members: 3,
    store: etcdStore(parts),
    clients: (dice, unit) => dice.times(4, () => mixed(v3Dialect(), ['a', 'b'], unit)),
  })
}

/** In how many runs clients saw it, and Raft's monitor. */
function findings({ parts, run }: Case): { clients: number; monitor: number; runs: number } {
  const found = { clients: 0, monitor: 0, runs: 0 }
  for (; found.runs < RUNS && found.clients + found.monitor < ENOUGH; found.runs++) {
    const trial = trialOf(found.runs, parts)
    try {
      run(trial)
      // What is broken need not come to agree.
      trial.advance(5)
    } catch (error) {
      // Two leaders of one term: the core finds its log impossible.
      if (trial.store.cluster.violations.length === 0) throw error
    }
    if (faultsOf(trial.history).length > 0) found.clients++
    if (trial.store.cluster.violations.length > 0) found.monitor++
  }
  return found
}

describe('a broken store is caught', () => {
  it.each(CASES)(
    'that $name',
    (broken) => {
      const { clients, monitor, runs } = findings(broken)
      if (DEEP) console.log(`${broken.name}: ${runs} runs, clients ${clients}, monitor ${monitor}`)
      expect(clients + monitor).toBeGreaterThan(0)
      if (DEEP) expect(clients).toBeGreaterThan(0)
      expect(monitor > 0 && !broken.breaksRaft).toBe(false)
    },
    600_000,
  )

  it.each(CASES)(
    'and a sound one is not, in the runs of one that $name',
    ({ run }) => {
      for (let i = 0; i < (DEEP ? 100 : 3); i++) {
        const trial = trialOf(i, SOUND_PARTS)
        run(trial)
        expect([...trial.settle(), ...trial.faults()], `broken-${i}`).toEqual([])
        trial.bench.expectBalance()
      }
    },
    600_000,
  )
})
