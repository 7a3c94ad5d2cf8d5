import { describe, expect, it } from 'vitest'
import { CONFIG, Hand } from '../../../test/raft/hand.ts'
import { RandomStreams } from '../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { Raft } from './raft.ts'
import type { Append, Entry, Message } from './types.ts'

const ABC = ['a', 'b', 'c']

function led(config = {}, ids = ABC): Hand {
  const hand = new Hand(ids, config)
  hand.elect('a')
  return hand
}

function appends(messages: readonly Message[], to: string): Append[] {
  return messages.filter((m): m is Append => m.type === 'append' && m.to === to)
}

function heartbeats(hand: Hand): void {
  hand.wait('a', 100 * MILLISECOND)
  hand.deliver()
}

describe('replication', () => {
  it('applies what a majority has, in order, at all members', () => {
    const hand = led()
    hand.put('a', 'x', 'y')
    hand.deliver('a', 'b')
    expect(hand.data('a')).toEqual([null, 'x', 'y'])
    hand.put('a', 'z')
    heartbeats(hand)
    for (const id of ABC) expect(hand.data(id)).toEqual([null, 'x', 'y', 'z'])
    expect(hand.monitor.violations).toEqual([])
  })

  it('refuses a proposal elsewhere, and names the leader', () => {
    const hand = led()
    const answer = hand.call('b', (core) => core.propose('x', hand.now))
    expect(answer).toEqual({ ok: false, leader: 'a' })
    expect(hand.call('a', (core) => core.propose('x', hand.now))).toEqual({
      ok: true,
      index: 2,
      term: 1,
    })
  })

  it('commits nothing without a majority', () => {
    const hand = led()
    hand.put('a', 'x')
    hand.deliver('a')
    expect(hand.member('a').core.commit).toBe(1)
  })

  it('puts what came up since the last Ready into one append, within the limits', () => {
    const hand = led({ maxEntries: 3, maxBytes: 20 })
    hand.put('a', 1, 2, 3, 4, 5)
    const sizes = appends(hand.messages, 'b').map(({ entries }) => entries.length)
    expect(sizes).toEqual([2, 2, 1])
  })

  it('keeps to its window, and goes on as answers come', () => {
    const hand = led({ maxEntries: 1, maxInflight: 2 })
    hand.put('a', 1, 2, 3, 4)
    expect(appends(hand.messages, 'b')).toHaveLength(2)
    hand.deliver()
    expect(hand.data('b')).toEqual([null, 1, 2, 3, 4])
  })

  it('finds what was lost after the next heartbeat', () => {
    const hand = led()
    hand.isLost = ({ type, to }) => type === 'append' && to === 'c'
    hand.put('a', 'x')
    hand.deliver()
    hand.isLost = () => false
    hand.put('a', 'y')
    hand.deliver()
    heartbeats(hand)
    expect(hand.data('c')).toEqual([null, 'x', 'y'])
  })

  it('sends again at once when a connection is reported broken', () => {
    const hand = led()
    hand.put('a', 'x')
    hand.deliver('a')
    hand.call('a', (core) => core.reportUnreachable('b', hand.now))
    expect(appends(hand.messages, 'b').map(({ index }) => index)).toEqual([1])
    hand.deliver()
    expect(hand.data('b')).toEqual([null, 'x'])
  })

  it('replaces what a deposed leader had appended alone', () => {
    const hand = led()
    hand.put('a', 'lost', 'lost too')
    hand.deliver('a')
    hand.elect('b', 'b', 'c')
    hand.put('b', 'kept')
    hand.deliver('b', 'c')
    hand.wait('b', 100 * MILLISECOND)
    hand.deliver()
    expect(hand.data('a')).toEqual([null, null, 'kept'])
    expect(
      hand
        .member('a')
        .disk.restored()
        .entries.map(({ data }) => data),
    ).toEqual([null, null, 'kept'])
  })

  it('ignores messages of strangers, of earlier terms and for others', () => {
    const hand = led()
    const { core } = hand.member('b')
    const beat = { type: 'heartbeat', from: 'a', to: 'b', term: 1, commit: 1, round: 0 } as const
    for (const odd of [{ from: 'z' }, { to: 'c' }, { term: 0 }]) {
      hand.call('b', () => core.step({ ...beat, ...odd }, hand.now))
    }
    expect(hand.messages).toEqual([])
    hand.call('b', () => core.step(beat, hand.now))
    expect(hand.messages).toHaveLength(1)
  })
})

describe('the disk', () => {
  it('of a follower must have the entries before they are acknowledged', () => {
    const hand = led()
    hand.stuck.add('b').add('c')
    hand.put('a', 'x')
    hand.deliver()
    expect(hand.member('b').core.lastIndex).toBe(2)
    expect(hand.member('a').core.commit).toBe(1)
    hand.call('b', (core) => core.persisted(99, hand.now))
    hand.deliver()
    expect(hand.data('a')).toEqual([null, 'x'])
  })

  it('of the leader works while the followers do theirs', () => {
    const hand = led()
    hand.stuck.add('a')
    hand.put('a', 'x')
    hand.deliver('a', 'b')
    // One follower and a leader that has not written it are no majority.
    expect(hand.member('a').core.commit).toBe(1)
    hand.call('a', (core) => core.persisted(99, hand.now))
    expect(hand.data('a')).toEqual([null, 'x'])
  })

  it('is not counted when two followers have the entry', () => {
    const hand = led()
    hand.stuck.add('a')
    hand.put('a', 'x')
    hand.deliver()
    expect(hand.data('a')).toEqual([null, 'x'])
  })

  it('gives back all that was acknowledged', () => {
    const hand = led()
    hand.put('a', 'x')
    hand.deliver()
    for (const id of ABC) hand.restart(id)
    expect(hand.member('b').core).toMatchObject({ term: 1, vote: 'a', lastIndex: 2 })
    hand.makeLeader('b')
    expect(hand.data('c')).toEqual([null, 'x', null])
  })

  it('need not be flushed when only the commit index moves', () => {
    const hand = led()
    hand.put('a', 'x')
    hand.deliver('a', 'b')
    const { core } = hand.member('c')
    const entries: Entry[] = [{ index: 2, term: 1, data: 'x' }]
    const append = { type: 'append', from: 'a', to: 'c', term: 1, index: 1, logTerm: 1 } as const
    core.step({ ...append, entries, commit: 1 }, hand.now)
    expect(core.takeReady()?.write).toMatchObject({ entries, hardState: null, sync: true })
    core.step({ ...append, entries: [], index: 2, commit: 2 }, hand.now)
    expect(core.takeReady()?.write).toMatchObject({
      entries: [],
      hardState: { commit: 2 },
      sync: false,
    })
  })

  it('that lost what it had promised ends the member', () => {
    const hand = led()
    hand.put('a', 'x')
    hand.deliver()
    const { core } = hand.member('b')
    const empty = { hardState: { term: 1, vote: 'a', commit: 0 }, snapshot: null, entries: [] }
    const config = { ...CONFIG, id: 'b', peers: ABC }
    const lost = new Raft(config, empty, new RandomStreams('s').stream('b'), hand.now)
    const beat = { type: 'heartbeat', from: 'a', to: 'b', term: 1, commit: 2, round: 0 } as const
    core.step(beat, hand.now)
    lost.step(beat, hand.now)
    expect(core.failure).toBe(null)
    expect(lost.failure).toBe('tocommit(2) is out of range [lastIndex(0)]')
    expect(lost.nextDeadline).toBe(Infinity)
  })
})

describe('snapshots', () => {
  it('are due every so many entries, and keep some for those that lag', () => {
    const hand = led({ snapshotEvery: 4, snapshotKeep: 2 })
    const { core, disk } = hand.member('a')
    hand.put('a', 1, 2)
    hand.deliver()
    expect(core.snapshotDue(3)).toBe(false)
    hand.put('a', 3)
    hand.deliver()
    expect(core.snapshotDue(4)).toBe(true)
    hand.call('a', () => core.compact(4, 'state'))
    expect([core.compacted, core.snapshotDue(4)]).toEqual([2, false])
    expect(disk.restored()).toMatchObject({ snapshot: { index: 4, data: 'state' }, entries: [] })
    expect(() => core.compact(99, 'state')).toThrow('no snapshot at 99')
  })

  it('bring up a follower whose entries are gone, and it goes on from there', () => {
    const hand = led({ snapshotKeep: 1 })
    hand.put('a', 1, 2, 3)
    hand.deliver('a', 'b')
    hand.call('a', (core) => core.compact(4, 'state'))
    heartbeats(hand)
    const c = hand.member('c')
    expect([c.installs, c.core.applied]).toEqual([1, 4])
    hand.put('a', 4)
    hand.deliver()
    expect(hand.data('c')).toEqual([null, 4])
    hand.restart('c')
    expect(c.core).toMatchObject({ applied: 4, lastIndex: 5, failure: null })
  })

  it('are not sent again and again to a peer that is not there', () => {
    const hand = led()
    hand.put('a', 1, 2, 3)
    hand.deliver('a', 'b')
    hand.call('a', (core) => core.compact(4, 'state'))
    hand.isLost = ({ type }) => type === 'snapshot'
    heartbeats(hand)
    for (let i = 0; i < 5; i++) hand.call('a', (core) => core.reportUnreachable('c', hand.now))
    expect(hand.messages).toEqual([])
    hand.isLost = () => false
    heartbeats(hand)
    expect(hand.member('c').installs).toBe(1)
  })

  it('are given up when nothing is heard of them', () => {
    const hand = led()
    hand.put('a', 1, 2, 3)
    hand.deliver('a', 'b')
    hand.call('a', (core) => core.compact(4, 'state'))
    hand.isLost = ({ type }) => type === 'snapshot'
    heartbeats(hand)
    hand.isLost = () => false
    heartbeats(hand)
    expect(hand.member('c').installs).toBe(0)
    hand.wait('a', 10 * SECOND)
    hand.deliver()
    heartbeats(hand)
    expect(hand.member('c').installs).toBe(1)
  })
})

describe('reads', () => {
  it('are confirmed by one round of heartbeats, for all that came before it', () => {
    const hand = led()
    hand.call('a', (core) => {
      core.readIndex('r1', hand.now)
      core.readIndex('r2', hand.now)
    })
    expect(hand.messages.map(({ type }) => type)).toEqual(['heartbeat', 'heartbeat'])
    expect(hand.member('a').reads).toEqual([])
    hand.deliver('a', 'b')
    expect(hand.member('a').reads).toEqual([
      { context: 'r1', index: 1 },
      { context: 'r2', index: 1 },
    ])
  })

  it('are not confirmed by answers to an earlier round', () => {
    const hand = led()
    hand.call('a', (core) => core.readIndex('r1', hand.now))
    const early = hand.messages
    hand.messages = []
    for (const message of early) hand.call('b', (core) => core.step({ ...message, to: 'b' }, 0))
    hand.call('a', (core) => core.readIndex('r2', hand.now))
    hand.messages = hand.messages.filter(({ type }) => type === 'heartbeatResponse')
    hand.deliver()
    expect(hand.member('a').reads.map(({ context }) => context)).toEqual(['r1'])
  })

  it('of followers go to the leader', () => {
    const hand = led()
    hand.put('a', 'x')
    hand.deliver()
    expect(hand.call('b', (core) => core.readIndex('r', hand.now))).toBe(true)
    hand.deliver()
    expect(hand.member('b').reads).toEqual([{ context: 'r', index: 2 }])
  })

  it('wait until the leader has committed in its term', () => {
    const hand = new Hand(ABC)
    hand.isLost = ({ type }) => type === 'append'
    hand.elect('a')
    expect(hand.member('a').core.hasLease(hand.now)).toBe(false)
    hand.call('a', (core) => core.readIndex('r', hand.now))
    heartbeats(hand)
    expect(hand.member('a').reads).toEqual([])
    hand.isLost = () => false
    heartbeats(hand)
    expect(hand.member('a').reads).toEqual([{ context: 'r', index: 1 }])
  })

  it('are refused where no leader is known', () => {
    const hand = new Hand(ABC)
    expect(hand.call('a', (core) => core.readIndex('r', hand.now))).toBe(false)
  })
})

describe('the configuration', () => {
  it.each([
    [{ peers: ['a', 'a'] }, 'repeat'],
    [{ id: '' }, 'no name'],
    [{ maxEntries: 0 }, 'maxEntries'],
    [{ snapshotKeep: -1 }, 'snapshotKeep'],
  ])('is refused: %j', (wrong, reason) => {
    const config = { ...CONFIG, id: 'a', peers: ABC, ...wrong }
    const empty = { hardState: { term: 0, vote: null, commit: 0 }, snapshot: null, entries: [] }
    const random = new RandomStreams('s').stream('a')
    expect(() => new Raft(config, empty, random, 0)).toThrow(reason)
  })
})
