import { describe, expect, it } from 'vitest'
import { RaftLog } from './log.ts'
import { Outbox } from './outbox.ts'
import { Progress } from './progress.ts'
import type { Entry } from './types.ts'

const entry = (index: number, term: number): Entry => ({ index, term, data: null })

function restored(entries: Entry[], commit = 0) {
  return { hardState: { term: 1, vote: null, commit }, snapshot: null, entries }
}

function append(index: number, logTerm: number, entries: Entry[], commit: number) {
  const envelope = { type: 'append', from: 'a', to: 'b', term: 9 } as const
  return { ...envelope, index, logTerm, entries, commit }
}

describe('the log', () => {
  it('commits no further than it is known to agree with the leader', () => {
    const log = new RaftLog(restored([entry(1, 1), entry(2, 1), entry(3, 1)]))
    expect(log.accept(append(1, 1, [], 3))).toEqual({ index: 1 })
    expect(log.commit).toBe(1)
  })

  it('says where to look when it does not agree', () => {
    const log = new RaftLog(restored([entry(1, 1), entry(2, 1), entry(3, 4), entry(4, 4)]))
    expect(log.accept(append(4, 3, [], 0))).toEqual({
      index: 4,
      rejected: { hint: 2, hintTerm: 1 },
    })
  })

  it('refuses a leader that contradicts what is committed', () => {
    const log = new RaftLog(restored([entry(1, 1), entry(2, 1)], 2))
    expect(log.accept(append(2, 1, [], 2))).toEqual({ index: 2 })
    log.commit = 1
    log.accept(append(1, 1, [entry(2, 5)], 2))
    const late = { ...append(2, 5, [entry(2, 6)], 2) }
    expect(log.accept(late)).toBe('entry 2 conflicts with a committed one (commit 2)')
  })

  it('keeps what a delayed append has less of', () => {
    const log = new RaftLog(restored([entry(1, 1), entry(2, 1), entry(3, 1)]))
    expect(log.accept(append(0, 0, [entry(1, 1), entry(2, 1)], 0))).toEqual({ index: 2 })
    expect(log.lastIndex).toBe(3)
  })
})

describe('durability', () => {
  it('ends where entries are replaced, and a late word of the disk does not bring it back', () => {
    const log = new RaftLog(restored([entry(1, 1), entry(2, 1)]))
    const outbox = new Outbox(restored([]))
    log.push(entry(3, 1))
    const write = outbox.takeWrite(log, 1, null)!
    expect([log.stable, write.entries]).toEqual([2, [entry(3, 1)]])
    log.accept(append(1, 1, [entry(2, 2), entry(3, 2)], 0))
    expect(log.stable).toBe(1)
    outbox.persisted(write.id, log)
    expect(log.stable).toBe(1)
    const second = outbox.takeWrite(log, 2, null)!
    expect(second.entries).toEqual([entry(2, 2), entry(3, 2)])
    outbox.persisted(second.id, log)
    expect(log.stable).toBe(3)
  })
})

describe('progress', () => {
  it('takes no notice of answers to earlier probes', () => {
    const follower = new Progress('b', 10, 0)
    expect(follower.rejected(9, 5)).toBe(true)
    expect(follower.next).toBe(6)
    expect(follower.rejected(9, 2)).toBe(false)
    expect(follower.next).toBe(6)
    follower.accepted(5)
    expect(follower.rejected(5, 0)).toBe(false)
    expect(follower).toMatchObject({ state: 'replicate', match: 5, next: 6 })
  })
})
