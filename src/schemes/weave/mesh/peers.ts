import type { RandomStream } from '../../../sim/random.ts'
import { GobReader, gobContents } from './gob.ts'
import { Peer, type PeerName, SHORT_IDS } from './peer.ts'
import {
  type Link,
  PeerRecord,
  type PeerSummary,
  ReceivedRecord,
  type RecordPool,
} from './peer-record.ts'
import { PeerSet } from './peer-set.ts'
import { search, wasReached } from './search.ts'

/** Who is to be told of what changes among the peers. */
export interface PeersListener {
  /** A peer was forgotten. */
  peerRemoved(peer: Peer): void
  invalidateShortIds(): void
  /** Our own record has changed, and the others must hear of it. */
  ourselfModified(): void
}

/** Peers that have one short id: it means the one with the lowest name. */
interface ShortIdOwners {
  /** Null: used in the past, and free. */
  peer: Peer | null
  readonly others: Peer[]
}

/** What was new to us in an update, and whether it could be read. */
export interface AppliedUpdate {
  readonly news: PeerSet
  readonly error: string | null
}

const RANDOM_TRIES = 10

/** All peers that a router knows of, itself included: weaveworks/mesh, peers.go. */
export class Peers {
  readonly ourself: Peer
  readonly pool: RecordPool
  private readonly listener: PeersListener
  private readonly random: RandomStream
  private readonly names = new Map<PeerName, Peer>()
  private readonly indexed: (Peer | null)[] = []
  private readonly shortIds = new Map<number, ShortIdOwners>()
  /** The encoded state of all peers; null when it has to be made anew. */
  private complete: Uint8Array | null = null

  constructor(
    pool: RecordPool,
    summary: Omit<PeerSummary, 'version' | 'shortId' | 'hasShortId'>,
    random: RandomStream,
    listener: PeersListener,
  ) {
    this.pool = pool
    this.random = random
    this.listener = listener
    const shortId = random.integer(0, SHORT_IDS - 1)
    const record = new PeerRecord(pool, { ...summary, version: 0, shortId, hasShortId: true }, [])
    this.ourself = new Peer(record)
    this.ourself.references = 1
    this.insert(this.ourself)
    this.addShortId(this.ourself)
  }

  byName(name: PeerName): Peer | null {
    return this.names.get(name) ?? null
  }

  /** The peer that a short id means at present. */
  byShortId(id: number): Peer | null {
    return this.shortIds.get(id)?.peer ?? null
  }

  /** @param index of the peer's name in the pool. */
  at(index: number): Peer | null {
    return this.indexed[index] ?? null
  }

  all(): readonly Peer[] {
    return [...this.names.values()]
  }

  get count(): number {
    return this.names.size
  }

  /** A peer that introduced itself on a connection, which is counted. */
  introduce(summary: PeerSummary): Peer {
    let peer = this.byName(summary.name)
    if (peer === null) {
      peer = new Peer(new PeerRecord(this.pool, { ...summary, version: 0 }, []))
      this.insert(peer)
      this.addShortId(peer)
    }
    peer.references++
    return peer
  }

  /** Our connections or our short id have changed. */
  setOurself(links: readonly Link[], shortId = this.ourself.shortId): void {
    const { record } = this.ourself
    const summary = { ...summaryOf(record), version: record.version + 1, shortId }
    this.setRecord(this.ourself, new PeerRecord(this.pool, summary, links))
  }

  /** Records of those among `peers` that are still known. */
  encode(peers: PeerSet): Uint8Array {
    const isComplete = peers.size >= this.count
    if (isComplete && this.complete !== null) return this.complete
    const records: Uint8Array[] = []
    for (const index of peers.indexes) {
      const peer = this.at(index)
      if (peer !== null) records.push(peer.record.encode())
    }
    const bytes = gobContents(records)
    if (isComplete) this.complete = bytes
    return bytes
  }

  setOfAll(): PeerSet {
    const all = new PeerSet(this.indexed.length)
    for (const peer of this.names.values()) all.add(peer.record.index)
    return all
  }

  /** Takes over what is newer than what we know. */
  applyUpdate(update: Uint8Array): AppliedUpdate {
    const news = new PeerSet()
    const reader = new GobReader(update)
    const records: PeerRecord[] = []
    while (!reader.atEnd) {
      const bytes = reader.content()
      const index = this.pool.indexOfRecord(bytes)
      // Most of what comes is known already.
      if (index >= 0 && this.at(index)?.record.isSameVersion(bytes) === true) continue
      const received = new ReceivedRecord(this.pool, bytes)
      if (reader.isBroken || received.isBroken) return { news, error: 'unexpected EOF' }
      const { summary } = received
      if (summary.name === this.ourself.name) this.heardOfOurself(summary)
      else if (this.isNews(summary)) {
        const record = received.record(this.pool)
        if (record === null) return { news, error: 'unexpected EOF' }
        records.push(record)
      }
    }
    for (const record of records) {
      this.take(record)
      news.add(record.index)
    }
    for (const record of records) this.addMentioned(record)
    return { news, error: null }
  }

  /** Forgets who cannot be reached by any path and has no connection with us. */
  collectGarbage(): void {
    search(this.ourself, this, { symmetric: false })
    const removed = this.all().filter((peer) => !wasReached(peer) && peer.references === 0)
    for (const peer of removed) {
      this.names.delete(peer.name)
      this.indexed[peer.record.index] = null
      this.deleteShortId(peer)
    }
    if (removed.length === 0) return
    this.complete = null
    if (this.byShortId(this.ourself.shortId) !== this.ourself) this.reassignShortId()
    for (const peer of removed) this.listener.peerRemoved(peer)
  }

  /** Someone still spreads what an earlier start of ours said: ours must have the higher version. */
  private heardOfOurself(summary: PeerSummary): void {
    const { record } = this.ourself
    if (summary.uid === record.uid || summary.version < record.version) return
    const version = summary.version + 1
    this.setRecord(
      this.ourself,
      new PeerRecord(this.pool, { ...summaryOf(record), version }, record.links),
    )
    this.listener.ourselfModified()
  }

  private isNews(summary: PeerSummary): boolean {
    const peer = this.byName(summary.name)
    if (peer === null) return true
    const { version, uid, hasShortId } = peer.record
    if (summary.version !== version) return summary.version > version
    if (summary.uid !== uid) return summary.uid > uid
    return summary.hasShortId && !hasShortId
  }

  private take(record: PeerRecord): void {
    const peer = this.byName(record.name)
    if (peer === null) {
      const added = new Peer(record)
      this.insert(added)
      this.addShortId(added)
      return
    }
    const { shortId, hasShortId } = peer.record
    const changed = shortId !== record.shortId || hasShortId !== record.hasShortId
    if (changed) this.deleteShortId(peer)
    this.setRecord(peer, record)
    if (changed) this.addShortId(peer)
  }

  private addMentioned(record: PeerRecord): void {
    record.links.forEach((link, i) => {
      if (this.at(record.indexes[i]!) !== null) return
      const summary = { name: link.name, nickName: '', uid: 0n, version: 0, shortId: 0 }
      this.insert(new Peer(new PeerRecord(this.pool, { ...summary, hasShortId: false }, [])))
    })
  }

  private insert(peer: Peer): void {
    this.names.set(peer.name, peer)
    this.indexed[peer.record.index] = peer
    this.complete = null
  }

  private setRecord(peer: Peer, record: PeerRecord): void {
    peer.record = record
    this.complete = null
  }

  private addShortId(peer: Peer): void {
    if (!peer.record.hasShortId) return
    const owners = this.shortIds.get(peer.shortId)
    if (owners === undefined) {
      this.shortIds.set(peer.shortId, { peer, others: [] })
      return
    }
    const { peer: owner } = owners
    if (owner !== null && peer.name > owner.name) {
      owners.others.push(peer)
      return
    }
    // Who bears a free id anew, or a lower name, makes it mean another peer.
    owners.peer = peer
    if (owner !== null) owners.others.push(owner)
    this.listener.invalidateShortIds()
    if (owner === this.ourself) this.reassignShortId()
  }

  private deleteShortId(peer: Peer): void {
    const owners = this.shortIds.get(peer.shortId)
    if (!peer.record.hasShortId || owners === undefined) return
    if (owners.peer !== peer) {
      const at = owners.others.indexOf(peer)
      if (at >= 0) owners.others.splice(at, 1)
      return
    }
    // The entry stays, so that it is noticed when the id comes into use again.
    owners.peer = owners.others.sort((a, b) => a.name - b.name).shift() ?? null
    if (owners.peer !== null) this.listener.invalidateShortIds()
  }

  private reassignShortId(): void {
    const shortId = this.chooseShortId()
    if (shortId === null) return
    this.deleteShortId(this.ourself)
    this.setOurself(this.ourself.record.links, shortId)
    this.addShortId(this.ourself)
    this.listener.ourselfModified()
  }

  /** @returns null when all are taken. */
  private chooseShortId(): number | null {
    for (let i = 0; i < RANDOM_TRIES; i++) {
      const id = this.random.integer(0, SHORT_IDS - 1)
      if (this.byShortId(id) === null) return id
    }
    const free: number[] = []
    for (let id = 0; id < SHORT_IDS; id++) if (this.byShortId(id) === null) free.push(id)
    return free.length === 0 ? null : free[this.random.integer(0, free.length - 1)]!
  }
}

function summaryOf(record: PeerRecord): PeerSummary {
  const { name, nickName, uid, version, shortId, hasShortId } = record
  return { name, nickName, uid, version, shortId, hasShortId }
}
