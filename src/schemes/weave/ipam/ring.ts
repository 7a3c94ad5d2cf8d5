import type { RandomStream } from '../../../sim/random.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import type { PeerName } from '../mesh/peer.ts'
import { type AddressRange, formatOffset, type Offset } from './address-range.ts'

/** Who owns the addresses from a token on, up to the next token. */
export interface RingEntry {
  readonly token: Offset
  readonly peer: PeerName
  readonly version: number
  /** How many addresses are free, as the owner last told. */
  readonly free: number
}

/** A ring as it travels and lies on disk. */
export interface RingState {
  readonly range: AddressRange
  readonly entries: readonly RingEntry[]
  /** With whom it was made. */
  readonly seeds: readonly PeerName[]
}

export const DIFFERENT_SEEDS = 'Received ring was seeded differently from ours'
export const DIFFERENT_RANGE = 'Received range differs from ours'

/** A transfer goes before all else that befell the entry. */
const TRANSFER_VERSIONS = 100

/** Whether some address of these ranges is in use here. */
type HasAllocations = (ranges: readonly AddressRange[]) => boolean

/** Which peer owns which addresses, as one peer knows it: weaveworks/weave, ipam/ring. */
export class Ring {
  readonly range: AddressRange
  readonly ourself: PeerName
  private list: readonly RingEntry[] = []
  private seedList: readonly PeerName[] = []
  /** `state`, as long as nothing changes. */
  private latest: RingState | null = null
  /** The last of the others' that had nothing new, and what ours was then. */
  private known: { readonly theirs: RingState; readonly ours: readonly RingEntry[] } | null = null

  constructor(range: AddressRange, ourself: PeerName) {
    this.range = range
    this.ourself = ourself
  }

  get isEmpty(): boolean {
    return this.list.length === 0
  }

  get entries(): readonly RingEntry[] {
    return this.list
  }

  get seeds(): readonly PeerName[] {
    return this.seedList
  }

  get state(): RingState {
    const { range, list: entries, seedList: seeds, latest } = this
    if (latest?.entries === entries && latest.seeds === seeds) return latest
    this.latest = { range, entries, seeds }
    return this.latest
  }

  restore(state: RingState): void {
    this.list = state.entries
    this.seedList = state.seeds
  }

  contains(address: Offset): boolean {
    return address >= this.range.start && address < this.range.end
  }

  /** Whose an address is; null when the ring is empty. */
  owner(address: Offset): PeerName | null {
    return this.isEmpty ? null : this.at(this.positionOf(address)).peer
  }

  /** Ranges of a peer, ascending; one that goes over the end of the ring is cut there. */
  ownedRanges(peer = this.ourself): readonly AddressRange[] {
    const ranges = this.list.flatMap((entry, i) => (entry.peer === peer ? [this.rangeAt(i)] : []))
    return this.cutAtEnd(ranges)
  }

  peerNames(): ReadonlySet<PeerName> {
    return new Set(this.list.map(({ peer }) => peer))
  }

  /** Divides the whole range among peers, in halves and halves of halves. The ring must be empty. */
  claimForPeers(peers: readonly PeerName[]): void {
    const entries: RingEntry[] = []
    subdivide(this.range, peers, entries)
    this.list = entries
    this.seedList = peers
  }

  /** Gives [start, end), which must be ours, to another peer. */
  grant({ start, end }: AddressRange, peer: PeerName): void {
    const entries = this.list.slice()
    let position = this.positionOf(start)
    const toNext = this.distance(start, this.at(position + 1).token)
    const free = Math.min(toNext, end - start)
    const before = this.at(position)
    position = (position + entries.length) % entries.length
    if (before.token === start) entries[position] = updated(before, peer, free)
    else {
      const kept = this.distance(before.token, start)
      entries[position] = updated(before, this.ourself, kept)
      // What lies before the first token belongs to the last entry, round the end of the ring.
      position = start < this.list[0]!.token ? 0 : position + 1
      entries.splice(position, 0, { token: start, peer, version: 0, free })
    }
    let i = position + 1
    for (; i < entries.length && entries[i]!.token < end; i++) {
      const { token, free: left } = entries[i]!
      entries[i] = updated(entries[i]!, peer, Math.min(left, this.distance(token, end)))
    }
    const token = end === this.range.end ? this.range.start : end
    if (!entries.some((entry) => entry.token === token)) {
      const next = entries[i % entries.length]!.token
      const rest = { token, peer: this.ourself, version: 0, free: this.distance(token, next) }
      entries.splice(token === this.range.start ? 0 : i, 0, rest)
    }
    this.list = entries
  }

  /** Takes in what another peer's ring says that is newer. @returns an error, or whether something changed. */
  merge(other: RingState, hasAllocations: HasAllocations): string | boolean {
    if (this.known?.theirs === other && this.known.ours === this.list) return false
    const fault = faultOf(other)
    if (fault !== null) return fault
    if (other.seeds.length > 0 && this.seedList.length > 0) {
      if (other.seeds.join() !== this.seedList.join()) return DIFFERENT_SEEDS
    }
    if (other.range.start !== this.range.start || other.range.end !== this.range.end) {
      return DIFFERENT_RANGE
    }
    const merged = this.mergeEntries(other.entries, hasAllocations)
    if (typeof merged === 'string') return merged
    const entries = merged.entries.map((entry, i) => this.withinDistance(entry, i, merged.entries))
    const result = faultOf({ ...other, entries })
    if (result !== null) return `Merge of incoming data causes: ${result}`
    if (this.seedList.length === 0) this.seedList = other.seeds
    const isSame =
      entries.length === this.list.length && entries.every((entry, i) => entry === this.list[i])
    if (!isSame) this.list = entries
    if (!merged.isUpdated) this.known = { theirs: other, ours: this.list }
    return merged.isUpdated
  }

  /** Tells how many addresses are free in our ranges. @returns whether something changed. */
  reportFree(freeIn: (range: AddressRange) => number): boolean {
    let isChanged = false
    const list = this.list.map((entry, i) => {
      if (entry.peer !== this.ourself) return entry
      const free = this.cutAtEnd([this.rangeAt(i)]).reduce((sum, range) => sum + freeIn(range), 0)
      if (free === entry.free) return entry
      isChanged = true
      return { ...entry, free, version: entry.version + 1 }
    })
    if (isChanged) this.list = list
    return isChanged
  }

  /** Other peers that have told of free space in the range, by lot: who has more is more likely to come first. */
  donors(range: AddressRange, random: RandomStream): readonly PeerName[] {
    const spaces = new Map<PeerName, number>()
    for (const [i, { token, peer, free }] of this.list.entries()) {
      if (i + 1 < this.list.length && this.list[i + 1]!.token - 1 < range.start) continue
      if (token >= range.end) break
      if (free > 0 && peer !== this.ourself) spaces.set(peer, (spaces.get(peer) ?? 0) + free)
    }
    return [...spaces]
      .map(([peer, space]) => ({ peer, weight: space * random.next() }))
      .sort((a, b) => b.weight - a.weight)
      .map(({ peer }) => peer)
  }

  /** The first other peer in the ring for which `isValid` holds. */
  heir(isValid: (peer: PeerName) => boolean): PeerName | null {
    return this.list.find(({ peer }) => peer !== this.ourself && isValid(peer))?.peer ?? null
  }

  /** Makes all that is `from`'s `to`'s. @returns whether there was something. */
  transfer(from: PeerName, to: PeerName): boolean {
    const isThere = this.list.some(({ peer }) => peer === from)
    this.list = this.list.map((entry) => {
      if (entry.peer !== from) return entry
      return { ...entry, peer: to, version: entry.version + TRANSFER_VERSIONS }
    })
    return isThere
  }

  /** From one token on to another, round the end of the ring where need be. */
  private distance(start: Offset, end: Offset): number {
    if (end > start) return end - start
    return this.range.end - start + (end - this.range.start)
  }

  private at(position: number): RingEntry {
    const { length } = this.list
    return this.list[((position % length) + length) % length]!
  }

  /** Of the last token at or before an address; -1, which means the last of all, where there is none. */
  private positionOf(address: Offset): number {
    return this.list.findLastIndex(({ token }) => token <= address)
  }

  private rangeAt(position: number): AddressRange {
    return { start: this.at(position).token, end: this.at(position + 1).token }
  }

  private cutAtEnd(ranges: readonly AddressRange[]): readonly AddressRange[] {
    const last = ranges.at(-1)
    if (last === undefined || last.end > last.start) return ranges
    const head = { start: this.range.start, end: last.end }
    const rest = [...ranges.slice(0, -1), { start: last.start, end: this.range.end }]
    return head.end > head.start ? [head, ...rest] : rest
  }

  /** A range of ours that was split, and of which nothing was taken, may count more free than it holds. */
  private withinDistance(entry: RingEntry, i: number, entries: readonly RingEntry[]): RingEntry {
    const most = this.distance(entry.token, entries[(i + 1) % entries.length]!.token)
    return entry.peer === this.ourself && entry.free > most ? { ...entry, free: most } : entry
  }

  private mergeEntries(
    theirs: readonly RingEntry[],
    hasAllocations: HasAllocations,
  ): Merged | string {
    const entries: RingEntry[] = []
    let isUpdated = false
    /** Of the range before, if that is as we had it. */
    let ownerBefore: PeerName | null = null
    let i = 0
    let j = 0
    while (i < this.list.length || j < theirs.length) {
      const mine = this.list[i]
      const their = theirs[j]
      if (their === undefined || (mine !== undefined && mine.token < their.token)) {
        entries.push(mine!)
        ownerBefore = mine!.peer
        i++
        continue
      }
      j++
      if (mine === undefined || their.token < mine.token) {
        if (ownerBefore === this.ourself && their.peer !== this.ourself) {
          const isSplit =
            mine === undefined || hasAllocations([{ start: their.token, end: mine.token }])
          if (isSplit) return entryInMyRange(their)
        }
        entries.push(their)
        isUpdated = true
        ownerBefore = null
        continue
      }
      const range = this.cutAtEnd([this.rangeAt(i)])
      i++
      const chosen = this.choose(mine, their, () => hasAllocations(range))
      if (typeof chosen === 'string') return chosen
      entries.push(chosen)
      if (chosen === their && their !== mine) {
        isUpdated = true
        ownerBefore = null
      } else ownerBefore = mine.peer
    }
    return { entries, isUpdated }
  }

  /** Of two entries for one token. */
  private choose(mine: RingEntry, theirs: RingEntry, isUsed: () => boolean): RingEntry | string {
    const isOurs = mine.peer === this.ourself
    if (mine.version > theirs.version) return mine
    if (mine.version === theirs.version) {
      if (mine.peer === theirs.peer) return mine
      if (isOurs && isUsed()) return inconsistentEntry(mine, theirs)
      return mine.free >= theirs.free ? mine : theirs
    }
    if (!isOurs) return theirs
    // A higher version of our own is from an earlier start of ours: what we say now must go before it.
    if (theirs.peer === this.ourself) return { ...mine, version: theirs.version + 1 }
    return isUsed() ? newerVersion(mine, theirs) : theirs
  }
}

interface Merged {
  readonly entries: readonly RingEntry[]
  readonly isUpdated: boolean
}

function updated(entry: RingEntry, peer: PeerName, free: number): RingEntry {
  return { token: entry.token, peer, version: entry.version + 1, free }
}

function subdivide(range: AddressRange, peers: readonly PeerName[], entries: RingEntry[]): void {
  const share = range.end - range.start
  if (share === 0) return
  if (share === 1 || peers.length === 1) {
    entries.push({ token: range.start, peer: peers[0]!, version: 0, free: share })
    return
  }
  const middle = range.start + Math.floor(share / 2)
  const half = Math.floor(peers.length / 2)
  subdivide({ start: range.start, end: middle }, peers.slice(0, half), entries)
  subdivide({ start: middle + (share % 2), end: range.end }, peers.slice(half), entries)
}

function faultOf({ range, entries }: RingState): string | null {
  for (let i = 1; i < entries.length; i++) {
    if (entries[i - 1]!.token > entries[i]!.token) return 'Ring not sorted'
    if (entries[i - 1]!.token === entries[i]!.token) return 'Token appears twice in ring'
  }
  for (const [i, { token, free }] of entries.entries()) {
    if (token < range.start || token >= range.end) return 'Token is out of range'
    const next = entries[(i + 1) % entries.length]!.token
    const round = next > token ? 0 : range.end - range.start
    const most = next - token + round
    if (free > most) {
      const name = `${formatOffset(token)}-${formatOffset(next)}`
      return `Entry ${name} reporting too much free space: ${free} > ${most}`
    }
  }
  return null
}

function entryInMyRange({ peer, token }: RingEntry): string {
  return `Peer ${formatMac(peer)} says it owns the IP range from ${formatOffset(token)}, which I think I own`
}

function inconsistentEntry(mine: RingEntry, theirs: RingEntry): string {
  const [ours, other] = [formatMac(mine.peer), formatMac(theirs.peer)]
  return `Inconsistent entries for ${formatOffset(mine.token)}: owned by ${ours} but incoming message says ${other}`
}

function newerVersion(mine: RingEntry, theirs: RingEntry): string {
  const place = `${formatOffset(mine.token)} v${mine.version}`
  const said = `incoming message says owner ${formatMac(theirs.peer)} v${theirs.version}`
  return `Received update for IP range I own at ${place}: ${said}`
}
