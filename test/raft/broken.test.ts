/**
 * Raft broken on purpose: the monitor sees what each rule is for, once it is taken away. What
 * breaks are the network's parts (the disk, the core's rules), never a switch in the core.
 */
import { describe, expect, it } from 'vitest'
import { Durable } from '../../src/control/raft/durable.ts'
import { Raft } from '../../src/control/raft/raft.ts'
import type { HardState, VoteRequest, Write } from '../../src/control/raft/types.ts'
import { Hand } from './hand.ts'
import { type Parts, SOUND } from './network.ts'
import { Trial } from './trial.ts'

/** The rarest takes some 400 on average. */
const RUNS_MAX = 5000
const DEEP = process.env['ENCAP_DEEP'] === '1'

/** Keeps the log, but not for whom it voted. */
class ForgetfulDisk extends Durable {
  override apply(write: Write): void {
    const forget = (state: HardState) => ({ ...state, vote: null })
    super.apply({ ...write, hardState: write.hardState && forget(write.hardState) })
  }
}

class CountsOldTerms extends Raft {
  protected override mayCommit(): boolean {
    return true
  }
}

class VotesForShortLogs extends Raft {
  protected override isUpToDate(): boolean {
    return true
  }
}

class VotesTwice extends Raft {
  protected override mayVote(_request: VoteRequest): boolean {
    return true
  }
}

/** Runs until something is found; its words, and how many runs it took. */
function findings(parts: Parts, isFound: (text: string) => boolean): string {
  for (let run = 0; run < RUNS_MAX; run++) {
    const trial = new Trial(`broken-${run}`, parts)
    trial.run()
    const { monitor, failures } = trial.network
    const found = [...monitor.violations, ...failures].find(isFound)
    if (found !== undefined) return found
  }
  return 'nothing'
}

/** The run of the Raft dissertation's figure 3.7, after a first entry that all have. */
function oldTermRun(hand: Hand): unknown[] {
  hand.makeLeader('a')
  hand.put('a', 'x')
  hand.deliver('a', 'b')
  // b has x as well, when e is elected without it and appends an entry of its own.
  hand.isLost = ({ type }) => type === 'append'
  hand.makeLeader('e', 'c', 'd', 'e')
  hand.restart('e')
  hand.restart('a')
  // a leads again; x reaches a majority with c, but nothing of a's new term does.
  hand.isLost = (message) =>
    message.type === 'append' &&
    message.to === 'c' &&
    message.entries.some(({ term }) => term === message.term) &&
    hand.member('c').core.termAt(message.index) === message.logTerm
  hand.makeLeader('a', 'a', 'b', 'c')
  hand.isLost = () => false
  const x = ['a', 'b', 'c'].map((id) => hand.member(id).core.termAt(2))
  if (x.some((term) => term !== 1)) throw new Error(`x is not at a majority: ${x}`)
  const applied = hand.data('a')
  hand.restart('a')
  hand.makeLeader('e', 'c', 'd', 'e')
  return applied
}

const MONITOR = /^(election safety|log matching|leader completeness|state machine safety)/

describe('a broken core is caught', () => {
  it('that forgets its vote in a crash', () => {
    const hand = new Hand(['a', 'b', 'c'], {}, Raft, () => new ForgetfulDisk())
    hand.isLost = ({ type }) => type === 'append'
    hand.elect('a', 'a', 'b')
    hand.restart('b')
    hand.elect('c', 'b', 'c')
    expect(hand.monitor.violations).toEqual(['election safety: a and c both lead term 1'])
  })

  it.runIf(DEEP)(
    'that forgets its vote in a crash, by chance',
    () => {
      const parts = { ...SOUND, disk: () => new ForgetfulDisk() }
      expect(findings(parts, (text) => MONITOR.test(text))).toMatch(/^election safety/)
    },
    60_000,
  )

  it('that commits entries of earlier terms by counting', () => {
    const hand = new Hand(['a', 'b', 'c', 'd', 'e'], { maxEntries: 1 }, CountsOldTerms)
    expect(oldTermRun(hand)).toEqual([null, 'x'])
    expect(hand.monitor.violations[0]).toMatch(/^leader completeness: a applied entry 2/)
  })

  it('and a sound one does not commit them in that run', () => {
    const hand = new Hand(['a', 'b', 'c', 'd', 'e'], { maxEntries: 1 })
    expect(oldTermRun(hand)).toEqual([null])
    expect(hand.monitor.violations).toEqual([])
  })

  it('that votes for candidates whose logs lack entries', () => {
    const parts: Parts = { ...SOUND, core: (...of) => new VotesForShortLogs(...of) }
    expect(findings(parts, (text) => MONITOR.test(text))).toMatch(/^leader completeness/)
  })

  it('that votes twice in a term', () => {
    const parts: Parts = { ...SOUND, core: (...of) => new VotesTwice(...of) }
    expect(findings(parts, (text) => MONITOR.test(text))).toMatch(/^election safety/)
  })

  it('whose disk says durable before it is', () => {
    expect(findings({ ...SOUND, lies: true }, (text) => MONITOR.test(text))).toMatch(MONITOR)
  })
})
