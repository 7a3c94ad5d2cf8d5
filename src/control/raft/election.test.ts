import { describe, expect, it } from 'vitest'
import { Hand } from '../../../test/raft/hand.ts'
import { RandomStreams } from '../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { Clock, consulTiming, etcdTiming } from './timing.ts'

const ABC = ['a', 'b', 'c']

describe('elections', () => {
  it('elects a leader, whose empty entry all apply', () => {
    const hand = new Hand(ABC)
    hand.elect('a')
    expect(hand.member('a').core.role).toBe('leader')
    for (const id of ABC) {
      expect(hand.member(id).core.leader).toBe('a')
      expect(hand.member(id).applied).toEqual([{ index: 1, term: 1, data: null }])
    }
  })

  it('elects a member that is alone', () => {
    const hand = new Hand(['a'])
    hand.elect('a')
    hand.put('a', 'x')
    expect(hand.data('a')).toEqual([null, 'x'])
  })

  it('sends no request for votes before the term is durable', () => {
    const hand = new Hand(ABC)
    hand.stuck.add('a')
    const { core } = hand.member('a')
    hand.now = core.nextDeadline
    hand.call('a', () => core.advance(hand.now))
    expect(core.role).toBe('candidate')
    expect(hand.messages).toEqual([])
    hand.call('a', () => core.persisted(1, hand.now))
    expect(hand.messages.map(({ type, to }) => `${type} ${to}`)).toEqual(['vote b', 'vote c'])
  })

  it('gives one vote a term, and keeps it over a restart', () => {
    const hand = new Hand(ABC)
    hand.isLost = ({ type }) => type === 'append'
    hand.elect('a', 'a', 'b')
    hand.restart('b')
    hand.elect('c', 'b', 'c')
    expect(hand.member('c').core).toMatchObject({ role: 'candidate', term: 1 })
    expect(hand.member('b').core.vote).toBe('a')
  })

  it('keeps its vote when it gives up a candidacy', () => {
    const hand = new Hand(ABC)
    hand.elect('a', 'a')
    const beat = { type: 'heartbeat', from: 'b', to: 'a', term: 1, commit: 0, round: 0 } as const
    hand.call('a', (core) => core.step(beat, hand.now))
    expect(hand.member('a').core).toMatchObject({ role: 'follower', term: 1, vote: 'a' })
  })

  it('gives no vote to a log that is shorter or older', () => {
    const hand = new Hand(ABC)
    hand.elect('a', 'a', 'b')
    hand.elect('c', 'b', 'c')
    expect(hand.member('c').core.role).toBe('candidate')
    hand.makeLeader('b')
    expect(hand.member('b').core.role).toBe('leader')
  })

  it('is lost when a majority refuses', () => {
    const hand = new Hand(ABC)
    hand.elect('a', 'a', 'b')
    hand.restart('a')
    hand.elect('c')
    hand.elect('c')
    expect(hand.member('c').core).toMatchObject({ role: 'follower', term: 2 })
  })

  it('lets a pre-vote that cannot win leave the terms alone', () => {
    const hand = new Hand(ABC, { preVote: true })
    hand.elect('a')
    hand.elect('c', 'c')
    hand.wait('c', 20 * SECOND)
    hand.deliver('c')
    expect(hand.member('c').core).toMatchObject({ role: 'preCandidate', term: 1 })
    hand.elect('b', 'b', 'c')
    expect(hand.member('b').core).toMatchObject({ role: 'leader', term: 2 })
  })

  it('brings back a member that went on to later terms alone', () => {
    const hand = new Hand(ABC, { checkQuorum: true })
    hand.elect('a')
    for (let term = 0; term < 5; term++) hand.elect('c', 'c')
    expect(hand.member('c').core.term).toBe(6)
    hand.wait('a', 0)
    hand.call('a', (core) => core.advance(hand.now))
    hand.deliver()
    // The leader's heartbeat is answered with the later term, or c would never follow again.
    hand.makeLeader('a')
    expect(hand.member('c').core.leader).toBe('a')
  })
})

describe('checkQuorum', () => {
  it('makes members that hear a leader ignore candidates', () => {
    const hand = new Hand(ABC, { checkQuorum: true })
    hand.elect('a')
    const { term } = hand.member('a').core
    const request = { type: 'vote', from: 'c', to: 'b', term: 9, index: 9, logTerm: 9 } as const
    hand.call('b', (core) => core.step(request, hand.now))
    expect(hand.member('b').core.term).toBe(term)
    hand.now += SECOND
    hand.call('b', (core) => core.step(request, hand.now))
    expect(hand.member('b').core).toMatchObject({ term: 9, vote: 'c' })
  })

  it.each([
    ['etcd', etcdTiming(), 2 * SECOND],
    ['consul', consulTiming(1), SECOND / 2],
  ])('deposes a leader of %s that hears no majority', (_name, timing, lease) => {
    const hand = new Hand(ABC, { checkQuorum: true, timing })
    hand.elect('a')
    const { core } = hand.member('a')
    expect(core.hasLease(hand.now)).toBe(true)
    hand.call('a', () => core.readIndex('r', hand.now))
    hand.wait('a', lease - MILLISECOND)
    expect(core.role).toBe('leader')
    expect(core.hasLease(hand.now)).toBe(lease <= timing.lease)
    hand.wait('a', 20 * MILLISECOND)
    expect(core.role).toBe('follower')
    expect(core.hasLease(hand.now)).toBe(false)
    expect(hand.member('a').reads).toEqual([{ context: 'r', index: null }])
  })

  it('lets it lead on without, as etcd 2 does', () => {
    const hand = new Hand(ABC)
    hand.elect('a')
    hand.wait('a', 60 * SECOND)
    expect(hand.member('a').core.role).toBe('leader')
  })
})

describe('timing', () => {
  it('counts etcd time in ticks: 10 to 19 of them, the running one as full', () => {
    const clock = new Clock(100 * MILLISECOND, 30, new RandomStreams('t').stream('x'))
    const { election } = etcdTiming()
    const drawn = new Set(Array.from({ length: 500 }, () => clock.draw(election) / MILLISECOND))
    expect([...drawn].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 10 }, (_, i) => 1000 + 100 * i),
    )
    expect(clock.after(30 + 99 * MILLISECOND, SECOND)).toBe(30 + SECOND)
    expect(clock.after(30 + 100 * MILLISECOND, SECOND)).toBe(30 + 1.1 * SECOND)
  })

  it('draws hashicorp durations from one to two times', () => {
    const clock = new Clock(0, 0, new RandomStreams('t').stream('x'))
    const { election, heartbeat } = consulTiming()
    for (let i = 0; i < 500; i++) {
      expect(clock.draw(election)).toSatisfy((time: number) => time >= 5e12 && time < 10e12)
      expect(clock.draw(heartbeat)).toSatisfy((time: number) => time >= 0.5e12 && time < 1e12)
    }
  })

  it('polls at a hashicorp follower: contact puts no deadline off', () => {
    const hand = new Hand(ABC, { timing: consulTiming(1) })
    hand.elect('a')
    const { core } = hand.member('b')
    const deadline = core.nextDeadline
    const beat = { type: 'heartbeat', from: 'a', to: 'b', term: 1, commit: 0, round: 0 } as const
    hand.call('b', () => core.step(beat, deadline - 1))
    expect(core.nextDeadline).toBe(deadline)
    hand.call('b', () => core.advance(deadline))
    expect(core.role).toBe('follower')
    expect(core.nextDeadline).toBeGreaterThanOrEqual(deadline + SECOND)
  })

  it('tells idle followers of a commit at once, or by the clock of hashicorp/raft', () => {
    for (const [timing, isTold] of [
      [etcdTiming(), true],
      [consulTiming(1), false],
    ] as const) {
      const hand = new Hand(ABC, { timing })
      hand.elect('a')
      expect(hand.data('b')).toEqual(isTold ? [null] : [])
      hand.wait('a', 100 * MILLISECOND)
      hand.deliver()
      expect(hand.data('b')).toEqual([null])
    }
  })

  it('refuses what the daemons refuse', () => {
    expect(() => etcdTiming(100, 400)).toThrow('at least 5 times')
    expect(() => consulTiming(0)).toThrow('raft_multiplier')
  })
})
