import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { ipv4 } from '../../../wire/ipv4-address.ts'
import { GobReader, GobWriter } from './gob.ts'
import { type Peer, SHORT_IDS } from './peer.ts'
import { type Link, PeerRecord, type PeerSummary, RecordPool } from './peer-record.ts'
import { Peers } from './peers.ts'
import { subsetSize } from './routes.ts'

interface Told {
  readonly removed: number[]
  invalidated: number
  modified: number
}

function peersOf(name: number, pool = new RecordPool()): { peers: Peers; told: Told } {
  const told: Told = { removed: [], invalidated: 0, modified: 0 }
  const summary = { name, nickName: `h${name}`, uid: 7n }
  const peers = new Peers(pool, summary, new RandomStreams('1').stream(`peers ${name}`), {
    peerRemoved: (peer: Peer) => told.removed.push(peer.name),
    invalidateShortIds: () => told.invalidated++,
    ourselfModified: () => told.modified++,
  })
  return { peers, told }
}

function linkTo(name: number, isEstablished = true): Link {
  return { name, address: ipv4(`10.0.0.${name}`), port: 6783, isOutbound: true, isEstablished }
}

/** An update with one record. */
function update(summary: Partial<PeerSummary> & { name: number }, ...links: Link[]): Uint8Array {
  const rest = { nickName: `h${summary.name}`, uid: 9n, version: 1, shortId: 1, hasShortId: true }
  const record = new PeerRecord(new RecordPool(), { ...rest, ...summary }, links)
  return new GobWriter().content(record.encode()).finish()
}

describe('what a router knows of the others', () => {
  it('goes out and comes in as it was', () => {
    const { peers } = peersOf(1)
    const { peers: others } = peersOf(2)
    others.setOurself([linkTo(1), linkTo(3, false)])
    const { news } = peers.applyUpdate(others.encode(others.setOfAll()))
    expect(news.indexes.map((index) => peers.at(index)?.name)).toEqual([2])
    const { record } = peers.byName(2)!
    expect(record.links).toEqual([linkTo(1), linkTo(3, false)])
    expect([record.uid, record.version, record.nickName]).toEqual([7n, 1, 'h2'])
    // 3 is only mentioned: a placeholder without a short id.
    expect(peers.byName(3)!.record.hasShortId).toBe(false)
  })

  it('grows newer, never older; of one version the higher uid counts', () => {
    const { peers } = peersOf(1)
    const news = (...args: Parameters<typeof update>): number =>
      peers.applyUpdate(update(...args)).news.size
    expect(news({ name: 2, version: 5 })).toBe(1)
    expect(news({ name: 2, version: 5 })).toBe(0)
    expect(news({ name: 2, version: 4 }, linkTo(1))).toBe(0)
    expect(news({ name: 2, version: 5, uid: 8n })).toBe(0)
    expect(news({ name: 2, version: 5, uid: 10n })).toBe(1)
    expect(news({ name: 2, version: 6, uid: 1n })).toBe(1)
  })

  it('of itself is its own: an earlier start is outdone by a higher version', () => {
    const { peers, told } = peersOf(1)
    expect(peers.applyUpdate(update({ name: 1, version: 40, uid: 3n })).news.size).toBe(0)
    expect(peers.ourself.record.version).toBe(41)
    expect(told.modified).toBe(1)
    peers.applyUpdate(update({ name: 1, version: 90, uid: 7n }))
    expect(peers.ourself.record.version).toBe(41)
  })

  it('forgets who cannot be reached, unless there is a connection', () => {
    const { peers, told } = peersOf(1)
    peers.applyUpdate(update({ name: 2 }, linkTo(3)))
    peers.setOurself([linkTo(2)])
    peers.collectGarbage()
    expect(told.removed).toEqual([])
    peers.introduce({ ...peers.byName(3)!.record, name: 4 })
    peers.setOurself([])
    peers.collectGarbage()
    expect(told.removed).toEqual([2, 3])
    expect(peers.all().map(({ name }) => name)).toEqual([1, 4])
  })

  it('is not moved by a broken message', () => {
    const whole = update({ name: 2 }, linkTo(3))
    for (let length = 1; length < whole.length; length++) {
      const { peers } = peersOf(1)
      expect(peers.applyUpdate(whole.subarray(0, length)).error).toBe('unexpected EOF')
      expect(peers.count).toBe(1)
    }
  })
})

describe('short ids', () => {
  it('that two have mean the lower name; the other, if it is us, takes another', () => {
    const { peers, told } = peersOf(5)
    const { shortId } = peers.ourself
    peers.applyUpdate(update({ name: 9, shortId }))
    expect(peers.byShortId(shortId)).toBe(peers.ourself)
    expect(told.invalidated).toBe(0)
    peers.applyUpdate(update({ name: 2, shortId }))
    expect(peers.byShortId(shortId)?.name).toBe(2)
    expect(peers.ourself.shortId).not.toBe(shortId)
    expect(peers.byShortId(peers.ourself.shortId)).toBe(peers.ourself)
    expect(told.modified).toBe(1)
    expect(told.invalidated).toBeGreaterThan(0)
    // 2 goes away, and 9, who had it as well, is meant.
    peers.applyUpdate(update({ name: 2, shortId: (shortId + 1) % SHORT_IDS, version: 2 }))
    expect(peers.byShortId(shortId)?.name).toBe(9)
  })
})

describe('sizes', () => {
  it('of gossip are as real logarithms say', () => {
    for (let n = 1; n <= 4096; n++) {
      expect(subsetSize(n)).toBe(Math.floor(2 * Math.log2(n) + 1e-9))
    }
  })

  it('of numbers are as gob has them', () => {
    for (const value of [0, 1, 127, 128, 255, 256, 65535, 2 ** 40, 2 ** 48 - 1]) {
      const bytes = new GobWriter().uint(value).uint64(BigInt(value)).finish()
      const reader = new GobReader(bytes)
      expect(reader.uint()).toBe(value)
      expect(reader.uint64()).toBe(BigInt(value))
      let octets = 1
      while (value >= 256 ** octets) octets++
      expect(bytes.length).toBe(2 * (value < 128 ? 1 : 1 + octets))
    }
  })
})
