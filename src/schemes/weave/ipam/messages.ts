/** What allocators tell each other on the channel `IPallocation`: weaveworks/weave, ipam/allocator.go. */
import { GobReader, GobWriter } from '../mesh/gob.ts'
import type { PeerName } from '../mesh/peer.ts'
import type { AddressRange } from './address-range.ts'
import type { Claims, PaxosNode, Proposal } from './paxos.ts'
import type { RingEntry, RingState } from './ring.ts'

export const SPACE_REQUEST = 0
export const RING_UPDATE = 1
export const SPACE_REQUEST_DENIED = 2

/** Either a ring, or what is known of the election, or, of an observer without a ring, neither. */
export interface AllocatorState {
  /** Seconds since 1970, for old versions. */
  readonly now: number
  readonly nicknames: ReadonlyMap<PeerName, string>
  readonly claims: readonly Claims[] | null
  readonly ring: RingState | null
}

export function encodeState({ now, nicknames, claims, ring }: AllocatorState): Uint8Array {
  const writer = new GobWriter()
  writer.field(0).uint(now)
  if (nicknames.size > 0) writer.field(1).raw(onceEncoded(nicknames, encodeNicknames))
  if (claims !== null) writer.field(2).raw(onceEncoded(claims, encodeAllClaims))
  if (ring !== null) writer.field(3).raw(onceEncoded(ring, encodeRing))
  return writer.endStruct().finish()
}

/** Parts of states that were encoded: none is ever changed, and most are told again and again. */
const encodedParts = new WeakMap<object, Uint8Array>()

function onceEncoded<T extends object>(part: T, encode: (part: T) => Uint8Array): Uint8Array {
  let bytes = encodedParts.get(part)
  if (bytes === undefined) {
    bytes = encode(part)
    encodedParts.set(part, bytes)
  }
  return bytes
}

function encodeNicknames(nicknames: ReadonlyMap<PeerName, string>): Uint8Array {
  const writer = new GobWriter().uint(nicknames.size)
  for (const [name, nickname] of nicknames) writer.uint(name).text(nickname)
  return writer.finish()
}

const NOTHING: { claims: readonly Claims[] | null; ring: RingState | null } = {
  claims: null,
  ring: null,
}

/** @returns null when the message is broken. */
export function decodeState(bytes: Uint8Array): AllocatorState | null {
  const reader = new GobReader(bytes)
  const state = { now: 0, nicknames: new Map<PeerName, string>(), ...NOTHING }
  reader.struct((field) => {
    if (field === 0) state.now = reader.uint()
    else if (field === 1) {
      readList(reader, () => {
        const name = reader.uint()
        state.nicknames.set(name, reader.text())
      })
    } else if (field === 2) state.claims = readList(reader, () => readClaims(reader))
    else state.ring = readRing(reader)
  })
  return reader.isBroken ? null : state
}

export function encodeRange(kind: number, { start, end }: AddressRange): Uint8Array {
  return new GobWriter().uint(kind).uint(start).uint(end).finish()
}

/** @returns null when the message is broken. */
export function decodeRange(bytes: Uint8Array): AddressRange | null {
  const reader = new GobReader(bytes)
  const range = { start: reader.uint(), end: reader.uint() }
  return reader.isBroken ? null : range
}

function encodeAllClaims(claims: readonly Claims[]): Uint8Array {
  const writer = new GobWriter().uint(claims.length)
  for (const each of claims) writer.raw(onceEncoded(each, encodeClaims))
  return writer.finish()
}

function encodeClaims({ node, promise, accepted, value }: Claims): Uint8Array {
  const writer = new GobWriter()
  writeNode(writer, node)
  writeProposal(writer, promise)
  writeProposal(writer, accepted)
  writer.uint(value.peers.length)
  for (const name of value.peers) writer.uint(name)
  writeProposal(writer, value.origin)
  return writer.finish()
}

function readClaims(reader: GobReader): Claims {
  return {
    node: readNode(reader),
    promise: readProposal(reader),
    accepted: readProposal(reader),
    value: { peers: readList(reader, () => reader.uint()), origin: readProposal(reader) },
  }
}

function writeNode(writer: GobWriter, { name, uid }: PaxosNode): void {
  writer.uint(name).uint64(uid)
}

function readNode(reader: GobReader): PaxosNode {
  return { name: reader.uint(), uid: reader.uint64() }
}

function writeProposal(writer: GobWriter, { round, proposer }: Proposal): void {
  writer.uint(round)
  writeNode(writer, proposer)
}

function readProposal(reader: GobReader): Proposal {
  return { round: reader.uint(), proposer: readNode(reader) }
}

function encodeRing({ range, entries, seeds }: RingState): Uint8Array {
  const writer = new GobWriter().uint(range.start).uint(range.end).uint(entries.length)
  for (const { token, peer, version, free } of entries) {
    writer.field(0).uint(token)
    writer.field(1).uint(peer)
    if (version !== 0) writer.field(2).uint(version)
    if (free !== 0) writer.field(3).uint(free)
    writer.endStruct()
  }
  writer.uint(seeds.length)
  for (const seed of seeds) writer.uint(seed)
  return writer.finish()
}

function readRing(reader: GobReader): RingState {
  const range = { start: reader.uint(), end: reader.uint() }
  const entries = readList(reader, () => readEntry(reader))
  return { range, entries, seeds: readList(reader, () => reader.uint()) }
}

function readEntry(reader: GobReader): RingEntry {
  const entry = { token: 0, peer: 0, version: 0, free: 0 }
  reader.struct((field) => {
    if (field === 0) entry.token = reader.uint()
    else if (field === 1) entry.peer = reader.uint()
    else if (field === 2) entry.version = reader.uint()
    else entry.free = reader.uint()
  })
  return entry
}

function readList<T>(reader: GobReader, read: () => T): T[] {
  const list: T[] = []
  for (let count = reader.uint(); count > 0 && !reader.isBroken; count--) list.push(read())
  return list
}
