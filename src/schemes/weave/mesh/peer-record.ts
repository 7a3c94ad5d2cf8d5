import type { Simulator } from '../../../sim/simulator.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { formatSocketAddress, GobReader, GobWriter, parseSocketAddress } from './gob.ts'
import type { PeerName } from './peer.ts'

/** One connection of a peer, as that peer tells of it. */
export interface Link {
  readonly name: PeerName
  /** Ends of the TCP connection at the other side: of an inbound one, an ephemeral port. */
  readonly address: Ipv4Address
  readonly port: number
  readonly isOutbound: boolean
  readonly isEstablished: boolean
}

export interface PeerSummary {
  readonly name: PeerName
  readonly nickName: string
  readonly uid: bigint
  /** Counted up by the peer with each change of its connections. */
  readonly version: number
  readonly shortId: number
  /** False of a placeholder. */
  readonly hasShortId: boolean
}

const NO_LINK = 0
const LINK = 1
export const ESTABLISHED_LINK = 2

/** What a peer says of itself and its connections; never changed, so that all who heard it can hold the same. */
export class PeerRecord implements PeerSummary {
  readonly name: PeerName
  readonly nickName: string
  readonly uid: bigint
  readonly version: number
  readonly shortId: number
  readonly hasShortId: boolean
  readonly links: readonly Link[]
  /** Index of the peer's name, and of the names that it links to, in the order of `links`. */
  readonly index: number
  readonly indexes: Int32Array
  private readonly pool: RecordPool
  private readonly states: Uint8Array
  private bytes: Uint8Array | null
  /** Of the summary, which comes first; 0 before it was asked for. */
  private headLength = 0

  constructor(
    pool: RecordPool,
    summary: PeerSummary,
    links: readonly Link[],
    bytes: Uint8Array | null = null,
  ) {
    this.pool = pool
    this.name = summary.name
    this.nickName = summary.nickName
    this.uid = summary.uid
    this.version = summary.version
    this.shortId = summary.shortId
    this.hasShortId = summary.hasShortId
    this.links = links
    this.index = pool.indexOf(summary.name)
    const indexes = new Int32Array(links.length)
    let length = 0
    for (let i = 0; i < links.length; i++) {
      indexes[i] = pool.indexOf(links[i]!.name)
      length = Math.max(length, indexes[i]! + 1)
    }
    this.indexes = indexes
    this.states = new Uint8Array(length)
    for (let i = 0; i < links.length; i++) {
      this.states[indexes[i]!] = links[i]!.isEstablished ? ESTABLISHED_LINK : LINK
    }
    this.bytes = bytes
  }

  /** NO_LINK, LINK or ESTABLISHED_LINK. @param index of the other peer. */
  linkState(index: number): number {
    return this.states[index] ?? NO_LINK
  }

  encode(): Uint8Array {
    if (this.bytes === null) {
      this.bytes = encodeRecord(this, this.links)
      this.pool.add(this)
    }
    return this.bytes
  }

  /** Whether an encoded record is of the same start and version of the peer, by its first bytes. */
  isSameVersion(encoded: Uint8Array): boolean {
    const bytes = this.encode()
    if (this.headLength === 0) {
      const reader = new GobReader(bytes)
      readSummary(reader)
      this.headLength = reader.position
    }
    for (let i = 0; i < this.headLength; i++) if (bytes[i] !== encoded[i]) return false
    return true
  }
}

function encodeRecord(summary: PeerSummary, links: readonly Link[]): Uint8Array {
  const writer = new GobWriter()
  writer.field(0).uint(summary.name)
  if (summary.nickName !== '') writer.field(1).text(summary.nickName)
  if (summary.uid !== 0n) writer.field(2).uint64(summary.uid)
  if (summary.version !== 0) writer.field(3).uint(summary.version)
  if (summary.shortId !== 0) writer.field(4).uint(summary.shortId)
  if (summary.hasShortId) writer.field(5).uint(1)
  writer.endStruct().uint(links.length)
  for (const link of links) {
    writer.field(0).uint(link.name)
    writer.field(1).text(formatSocketAddress(link.address, link.port))
    if (link.isOutbound) writer.field(2).uint(1)
    if (link.isEstablished) writer.field(3).uint(1)
    writer.endStruct()
  }
  return writer.finish()
}

function readSummary(reader: GobReader): PeerSummary {
  const summary = { name: 0, nickName: '', uid: 0n, version: 0, shortId: 0, hasShortId: false }
  reader.struct((field) => {
    if (field === 0) summary.name = reader.uint()
    else if (field === 1) summary.nickName = reader.text()
    else if (field === 2) summary.uid = reader.uint64()
    else if (field === 3) summary.version = reader.uint()
    else if (field === 4) summary.shortId = reader.uint()
    else summary.hasShortId = reader.uint() === 1
  })
  return summary
}

function readLink(reader: GobReader): Link {
  const link = { name: 0, address: 0, port: 0, isOutbound: false, isEstablished: false }
  reader.struct((field) => {
    if (field === 0) link.name = reader.uint()
    else if (field === 1) Object.assign(link, parseSocketAddress(reader.text()))
    else if (field === 2) link.isOutbound = reader.uint() === 1
    else link.isEstablished = reader.uint() === 1
  })
  return link
}

/** A record as it came: its links are read only by who needs them. */
export class ReceivedRecord {
  readonly summary: PeerSummary
  private readonly bytes: Uint8Array
  private readonly reader: GobReader
  private readonly known: PeerRecord | null

  constructor(pool: RecordPool, bytes: Uint8Array) {
    this.bytes = bytes
    this.reader = new GobReader(bytes)
    this.known = pool.find(bytes)
    this.summary = this.known ?? readSummary(this.reader)
  }

  get isBroken(): boolean {
    return this.reader.isBroken
  }

  /** @returns null when the message is broken. */
  record(pool: RecordPool): PeerRecord | null {
    if (this.known !== null) return this.known
    const links: Link[] = []
    for (let count = this.reader.uint(); count > 0 && !this.isBroken; count--) {
      links.push(readLink(this.reader))
    }
    if (this.isBroken) return null
    return pool.add(new PeerRecord(pool, this.summary, links, this.bytes.slice()))
  }
}

/** Versions of one peer's record that are worth keeping: those still on their way. */
const VERSIONS_KEPT = 8

const pools = new WeakMap<Simulator, RecordPool>()

/**
 * What the routers of a run have in common is in memory once: a record that 200 of them hold, and an index for
 * each name. No router learns anything from it that did not come to it in a message, byte for byte.
 */
export class RecordPool {
  private readonly indexes = new Map<PeerName, number>()
  private readonly records: PeerRecord[][] = []

  static of(simulator: Simulator): RecordPool {
    let pool = pools.get(simulator)
    if (pool === undefined) {
      pool = new RecordPool()
      pools.set(simulator, pool)
    }
    return pool
  }

  /** Names in it. */
  get size(): number {
    return this.records.length
  }

  indexOf(name: PeerName): number {
    let index = this.indexes.get(name)
    if (index === undefined) {
      index = this.records.length
      this.indexes.set(name, index)
      this.records.push([])
    }
    return index
  }

  /** The index of a name that is in the pool already; -1 of another. */
  knownIndexOf(name: PeerName): number {
    return this.indexes.get(name) ?? -1
  }

  /** The index of the peer whose record these bytes are; -1 when it is not in the pool, or they are none. */
  indexOfRecord(bytes: Uint8Array): number {
    const reader = new GobReader(bytes)
    // Every record begins with the field of its name.
    return reader.uint() === 1 ? this.knownIndexOf(reader.uint()) : -1
  }

  /** The record that these bytes are; null when nobody has sent or read such a one lately. */
  find(bytes: Uint8Array): PeerRecord | null {
    const index = this.indexOfRecord(bytes)
    if (index < 0) return null
    const records = this.records[index]!
    for (let i = records.length - 1; i >= 0; i--) {
      const record = records[i]!
      if (isEqual(record.encode(), bytes)) return record
    }
    return null
  }

  add(record: PeerRecord): PeerRecord {
    const records = this.records[record.index]!
    if (records.length === VERSIONS_KEPT) records.shift()
    records.push(record)
    return record
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
