import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { prefix } from '../../../wire/ipv4-address.ts'
import {
  type AddressRange,
  biggestBlock,
  formatOffset,
  offsetOf,
  rangeOf,
} from './address-range.ts'
import { DIFFERENT_RANGE, DIFFERENT_SEEDS, Ring } from './ring.ts'

const UNIVERSE = rangeOf(prefix('10.32.0.0/12'))
const START = UNIVERSE.start
const never = (): boolean => false
const always = (): boolean => true

function ringOf(ourself: number, peers: readonly number[], range = UNIVERSE): Ring {
  const ring = new Ring(range, ourself)
  ring.claimForPeers(peers)
  return ring
}

function tokens(ring: Ring): string[] {
  return ring.entries.map(
    ({ token, peer, version }) => `${formatOffset(token)} ${peer} v${version}`,
  )
}

function part(start: number, end: number): AddressRange {
  return { start: START + start, end: START + end }
}

describe('a new ring', () => {
  it('gives three peers a half and two quarters: the first half goes to the fewer', () => {
    const ring = ringOf(1, [1, 2, 3])
    expect(tokens(ring)).toEqual(['10.32.0.0 1 v0', '10.40.0.0 2 v0', '10.44.0.0 3 v0'])
    expect(ring.entries.map(({ free }) => free)).toEqual([2 ** 19, 2 ** 18, 2 ** 18])
  })

  it('knows whose an address is, and ranges by owner', () => {
    const ring = ringOf(2, [1, 2])
    expect(ring.owner(START)).toBe(1)
    expect(ring.owner(UNIVERSE.end - 1)).toBe(2)
    expect(ring.ownedRanges()).toEqual([{ start: START + 2 ** 19, end: UNIVERSE.end }])
    expect(new Ring(UNIVERSE, 1).owner(START)).toBeNull()
  })
})

describe('a grant', () => {
  it('in the middle makes two tokens', () => {
    const ring = ringOf(1, [1])
    ring.grant(part(256, 512), 2)
    expect(tokens(ring)).toEqual(['10.32.0.0 1 v1', '10.32.1.0 2 v0', '10.32.2.0 1 v0'])
    expect(ring.entries.map(({ free }) => free)).toEqual([256, 256, 2 ** 20 - 512])
  })

  it('at a token changes it, and at the end of the ring needs none behind', () => {
    const ring = ringOf(1, [1])
    ring.grant(part(2 ** 19, 2 ** 20), 2)
    expect(tokens(ring)).toEqual(['10.32.0.0 1 v1', '10.40.0.0 2 v0'])
    ring.grant(part(0, 16), 3)
    expect(tokens(ring)).toEqual(['10.32.0.0 3 v2', '10.32.0.16 1 v0', '10.40.0.0 2 v0'])
  })

  it('over tokens in between gives them all', () => {
    const ring = ringOf(1, [1])
    ring.grant(part(0, 16), 2)
    const other = new Ring(UNIVERSE, 2)
    other.restore(ring.state)
    other.grant(part(4, 8), 1)
    ring.merge(other.state, never)
    ring.grant(part(16, 64), 2)
    expect(ring.ownedRanges(2)).toEqual([part(0, 4), part(8, 16), part(16, 64)])
  })
})

describe('a merge', () => {
  it('takes over an empty ring, newer versions and unknown tokens', () => {
    const ours = new Ring(UNIVERSE, 2)
    const theirs = ringOf(1, [1])
    expect(ours.merge(theirs.state, never)).toBe(true)
    theirs.grant(part(0, 64), 2)
    expect(ours.merge(theirs.state, never)).toBe(true)
    expect(ours.ownedRanges()).toEqual([part(0, 64)])
    expect(ours.merge(theirs.state, never)).toBe(false)
  })

  it('refuses a split of what we own and use, and bears it where nothing is used', () => {
    const ours = ringOf(1, [1, 2])
    const theirs = ringOf(2, [1, 2])
    theirs.transfer(1, 2)
    theirs.grant(part(64, 128), 3)
    expect(ours.merge(theirs.state, always)).toBe(
      'Received update for IP range I own at 10.32.0.0 v0: incoming message says owner 00:00:00:00:00:02 v101',
    )
    expect(ours.merge(theirs.state, never)).toBe(true)
    expect(ours.ownedRanges()).toEqual([])
  })

  it('refuses a token within our last range, used or not', () => {
    const ours = ringOf(1, [1])
    const theirs = ringOf(1, [1])
    theirs.grant(part(64, 2 ** 20), 2)
    const stale = { ...theirs.state, entries: theirs.entries.slice(1) }
    const error =
      'Peer 00:00:00:00:00:02 says it owns the IP range from 10.32.0.64, which I think I own'
    expect(ours.merge(stale, always)).toBe(error)
  })

  it('of one version keeps the owner with more free space, unless it is in use', () => {
    const ours = ringOf(1, [1])
    const entry = { token: START, peer: 2, version: 0, free: 10 }
    const theirs = { ...ours.state, entries: [entry] }
    expect(ours.merge(theirs, always)).toBe(
      'Inconsistent entries for 10.32.0.0: owned by 00:00:00:00:00:01 but incoming message says 00:00:00:00:00:02',
    )
    expect(ours.merge(theirs, never)).toBe(false)
    expect(ours.owner(START)).toBe(1)
    ours.reportFree(() => 5)
    expect(ours.merge({ ...theirs, entries: [{ ...entry, version: 1 }] }, never)).toBe(true)
    expect(ours.owner(START)).toBe(2)
  })

  it('refuses other seeds, other ranges and broken rings', () => {
    const ours = ringOf(1, [1, 2])
    expect(ours.merge(ringOf(3, [1, 3]).state, never)).toBe(DIFFERENT_SEEDS)
    const narrow = ringOf(1, [1, 2], rangeOf(prefix('10.32.0.0/16')))
    expect(ours.merge(narrow.state, never)).toBe(DIFFERENT_RANGE)
    const { entries } = ours
    const broken = (list: typeof entries) => ours.merge({ ...ours.state, entries: list }, never)
    expect(broken([entries[1]!, entries[0]!])).toBe('Ring not sorted')
    expect(broken([entries[0]!, entries[0]!])).toBe('Token appears twice in ring')
    expect(broken([{ ...entries[0]!, token: 5 }])).toBe('Token is out of range')
    expect(broken([{ ...entries[0]!, free: 2 ** 21 }])).toContain('reporting too much free space')
  })

  it('imposes what we own over what an earlier start of ours said', () => {
    const ours = ringOf(1, [1])
    const entry = { ...ours.entries[0]!, version: 7, free: 3 }
    expect(ours.merge({ ...ours.state, entries: [entry] }, always)).toBe(false)
    expect(ours.entries[0]).toEqual({ ...ours.entries[0]!, version: 8, free: 2 ** 20 })
  })
})

describe('those who have space', () => {
  it('are asked by lot, with the weight of what they have, ourselves and the full left out', () => {
    const ring = ringOf(1, [1, 2, 3])
    const random = new RandomStreams('1').stream('donors')
    const first = { 2: 0, 3: 0 } as Record<number, number>
    for (let i = 0; i < 1000; i++) first[ring.donors(UNIVERSE, random)[0]!]!++
    expect(first[2]! + first[3]!).toBe(1000)
    expect(Math.abs(first[2]! - 500)).toBeLessThan(60)
    expect(ring.donors(part(0, 16), random)).toEqual([])
    expect(ring.donors(part(2 ** 19, 2 ** 19 + 16), random)).toEqual([2])
  })
})

describe('the biggest block of a range', () => {
  it('lies at a multiple of its size', () => {
    const base = offsetOf(0)
    for (let start = 0; start < 40; start++) {
      for (let end = start + 1; end < 72; end++) {
        const block = biggestBlock({ start: base + start, end: base + end })
        const size = block.end - block.start
        expect(block.start % size).toBe(0)
        expect(block.start).toBeGreaterThanOrEqual(start)
        expect(block.end).toBeLessThanOrEqual(end)
        // No block of twice the size fits.
        const next = Math.ceil(start / (2 * size)) * 2 * size
        expect(next + 2 * size).toBeGreaterThan(end)
      }
    }
  })
})
