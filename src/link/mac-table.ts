import { type MacAddress, macOf } from '../wire/mac-address.ts'
import { BucketOccupancy, type BucketOptions, NO_BANK } from './bucket-occupancy.ts'
import { ExpiryHeap } from './expiry-heap.ts'

/** What `learn` did. */
export const LEARN_REFRESHED = 0
export const LEARN_NEW = 1
export const LEARN_MOVED = 2
/** No room: the table is full, or the bucket of this address. */
export const LEARN_REFUSED = 3
/** A static entry stands in the way, or the ageing time is 0 and nothing is learned. */
export const LEARN_IGNORED = 4

export interface MacTableOptions {
  /** Learned entries; Infinity for a table without a limit. */
  readonly capacity: number
  /** Picoseconds; Infinity: entries stay. 0: nothing is learned, as with Linux's `ageing_time 0`. */
  readonly ageing: number
  /** Hash buckets of a hardware table; without them an entry may stand anywhere (associative). */
  readonly buckets?: BucketOptions
}

export interface MacEntry {
  readonly vlan: number
  readonly mac: MacAddress
  readonly port: number
  /** Picoseconds; of a static entry when it was added. */
  readonly lastSeen: number
  readonly isStatic: boolean
}

const NONE = -1
const STATIC = 0x40000000
const PORT_MASK = 0x3fffffff
const INITIAL_ROWS = 64

const WORDS = 4
/** The low half of the MAC, above it the low byte of the VLAN. */
const KEY_LO = 0
/** The high half, above it the VLAN's other four bits. */
const KEY_HI = 1
/** The port, plus STATIC; NONE in a free row. */
const PORT = 2
/** The next row of the chain, or of the free rows. */
const NEXT = 3

/**
 * The filtering database of a bridge (802.1D/802.1Q): which port leads to which (VLAN, MAC).
 *
 * It never evicts: when it is full a newcomer is refused and stays unknown until a slot frees. Age is
 * judged when a row is read: an entry that was not refreshed for the ageing time is gone, whether or
 * not anybody has removed it. Rows live in typed arrays that grow with the entries held at once, so
 * that a flood of addresses takes no more memory than the table may hold.
 */
export class MacTable {
  readonly capacity: number
  readonly ageing: number
  /** Entries made, moves not counted. */
  learned = 0
  refused = 0
  moved = 0
  /** Entries that ended by age, as far as noticed: `size` and `entries` notice all. */
  aged = 0
  /** Most learned entries held at once. */
  peak = 0

  private readonly occupancy: BucketOccupancy | null
  private readonly expiry: ExpiryHeap
  private rows = INITIAL_ROWS
  /** Four words a row, side by side because a look-up reads them all: see KEY_LO and those below it. */
  private words = new Int32Array(WORDS * INITIAL_ROWS)
  private seen = new Float64Array(INITIAL_ROWS)
  private banks = new Uint8Array(INITIAL_ROWS)
  private heads = new Int32Array(2 * INITIAL_ROWS).fill(NONE)
  private mask = 2 * INITIAL_ROWS - 1
  private freeHead = NONE
  /** Rows below were used at least once. */
  private fresh = 0

  constructor(options: MacTableOptions) {
    this.capacity = options.capacity
    this.ageing = options.ageing
    this.occupancy = options.buckets ? new BucketOccupancy(options.capacity, options.buckets) : null
    this.expiry = new ExpiryHeap(INITIAL_ROWS)
  }

  /** A frame from (vlan, hi:lo) came in on `port`. @returns one of the LEARN constants. */
  learn(vlan: number, hi: number, lo: number, port: number, now: number): number {
    const row = this.find(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    if (row === NONE) return this.insert(vlan, hi, lo, port, now)
    if (this.words[WORDS * row + PORT] === port && now - this.seen[row]! < this.ageing) {
      this.seen[row] = now
      return LEARN_REFRESHED
    }
    return this.renew(row, port, now)
  }

  /** The port that leads to (vlan, hi:lo), or -1. */
  lookup(vlan: number, hi: number, lo: number, now: number): number {
    const row = this.find(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    if (row === NONE) return NONE
    const port = this.words[WORDS * row + PORT]!
    return now - this.seen[row]! < this.ageing || port >= STATIC ? port & PORT_MASK : NONE
  }

  isStatic(vlan: number, hi: number, lo: number): boolean {
    const row = this.find(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    return row !== NONE && this.words[WORDS * row + PORT]! >= STATIC
  }

  private find(keyHi: number, keyLo: number): number {
    const { words } = this
    let row = this.heads[hashOf(keyHi, keyLo) & this.mask]!
    while (row !== NONE) {
      const at = WORDS * row
      if (words[at + KEY_LO] === keyLo && words[at + KEY_HI] === keyHi) break
      row = words[at + NEXT]!
    }
    return row
  }

  /** A known row that aged, moved or is static. */
  private renew(row: number, port: number, now: number): number {
    const before = this.words[WORDS * row + PORT]!
    if (before >= STATIC) return LEARN_IGNORED
    const aged = now - this.seen[row]! >= this.ageing
    this.words[WORDS * row + PORT] = port
    this.seen[row] = now
    if (aged) {
      this.aged++
      this.learned++
      return LEARN_NEW
    }
    this.moved++
    return LEARN_MOVED
  }

  private insert(vlan: number, hi: number, lo: number, port: number, now: number): number {
    if (this.ageing === 0) return LEARN_IGNORED
    this.expire(now)
    let bank = 0
    if (this.expiry.size >= this.capacity) bank = NO_BANK
    else if (this.occupancy !== null) bank = this.occupancy.take(vlan, hi, lo)
    if (bank === NO_BANK) {
      this.refused++
      return LEARN_REFUSED
    }
    const row = this.allocate(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    this.words[WORDS * row + PORT] = port
    this.seen[row] = now
    this.banks[row] = bank
    this.expiry.add(row, now + this.ageing)
    this.learned++
    if (this.expiry.size > this.peak) this.peak = this.expiry.size
    return LEARN_NEW
  }

  /** Frees the rows that are too old. A row whose bound has not come cannot be, so most calls look once. */
  private expire(now: number): void {
    const { expiry } = this
    while (expiry.nextBound <= now) {
      const row = expiry.first
      // Age, not the bound, decides: it is the test that look-ups make.
      if (now - this.seen[row]! < this.ageing) {
        expiry.postponeFirst(Math.max(this.seen[row]! + this.ageing, now + 1))
      } else {
        this.aged++
        this.free(row)
      }
    }
  }

  /** Adds or replaces an entry that does not age, is not moved by learning and is outside the capacity. */
  addStatic(vlan: number, hi: number, lo: number, port: number, now: number): void {
    this.remove(vlan, hi, lo)
    const row = this.allocate(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    this.words[WORDS * row + PORT] = port | STATIC
    this.seen[row] = now
  }

  /** @returns whether there was such an entry. */
  remove(vlan: number, hi: number, lo: number): boolean {
    const row = this.find(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    if (row === NONE) return false
    this.free(row)
    return true
  }

  /** Forgets what was learned on a port; its static entries only when the port itself goes. */
  flushPort(port: number, withStatic = false): void {
    for (let row = 0; row < this.fresh; row++) {
      if (
        this.words[WORDS * row + PORT] === port ||
        (withStatic && this.words[WORDS * row + PORT] === (port | STATIC))
      ) {
        this.free(row)
      }
    }
  }

  /** Forgets everything that was learned. */
  flushAll(): void {
    for (let row = 0; row < this.fresh; row++) {
      if (this.words[WORDS * row + PORT] !== NONE && this.words[WORDS * row + PORT]! < STATIC)
        this.free(row)
    }
  }

  /** Learned entries that are not too old. */
  size(now: number): number {
    this.expire(now)
    return this.expiry.size
  }

  /** One entry, for traces and tables; null when there is none or it is too old. */
  entry(vlan: number, hi: number, lo: number, now: number): MacEntry | null {
    const row = this.find(hi | ((vlan >>> 8) << 24), lo | (vlan << 24))
    if (row === NONE || this.lookup(vlan, hi, lo, now) === NONE) return null
    return this.entryAt(row)
  }

  /** All entries, by VLAN and then MAC. */
  *entries(now: number): Generator<MacEntry> {
    this.expire(now)
    const found: MacEntry[] = []
    for (let row = 0; row < this.fresh; row++) {
      if (this.words[WORDS * row + PORT] !== NONE) found.push(this.entryAt(row))
    }
    yield* found.sort((a, b) => a.vlan - b.vlan || a.mac - b.mac)
  }

  private entryAt(row: number): MacEntry {
    const port = this.words[WORDS * row + PORT]!
    return {
      vlan: this.vlanOf(row),
      mac: macOf(
        this.words[WORDS * row + KEY_HI]! & 0xffffff,
        this.words[WORDS * row + KEY_LO]! & 0xffffff,
      ),
      port: port & PORT_MASK,
      lastSeen: this.seen[row]!,
      isStatic: port >= STATIC,
    }
  }

  private vlanOf(row: number): number {
    return (
      (this.words[WORDS * row + KEY_LO]! >>> 24) | ((this.words[WORDS * row + KEY_HI]! >>> 24) << 8)
    )
  }

  private allocate(keyHi: number, keyLo: number): number {
    let row = this.freeHead
    if (row !== NONE) this.freeHead = this.words[WORDS * row + NEXT]!
    else {
      if (this.fresh === this.rows) this.grow()
      row = this.fresh++
    }
    this.words[WORDS * row + KEY_LO] = keyLo
    this.words[WORDS * row + KEY_HI] = keyHi
    this.link(row)
    return row
  }

  private link(row: number): void {
    const chain =
      hashOf(this.words[WORDS * row + KEY_HI]!, this.words[WORDS * row + KEY_LO]!) & this.mask
    this.words[WORDS * row + NEXT] = this.heads[chain]!
    this.heads[chain] = row
  }

  private free(row: number): void {
    if (this.words[WORDS * row + PORT]! < STATIC) {
      this.expiry.remove(row)
      const hi = this.words[WORDS * row + KEY_HI]! & 0xffffff
      const lo = this.words[WORDS * row + KEY_LO]! & 0xffffff
      this.occupancy?.release(this.banks[row]!, this.vlanOf(row), hi, lo)
    }
    const chain =
      hashOf(this.words[WORDS * row + KEY_HI]!, this.words[WORDS * row + KEY_LO]!) & this.mask
    if (this.heads[chain] === row) this.heads[chain] = this.words[WORDS * row + NEXT]!
    else {
      let previous = this.heads[chain]!
      while (this.words[WORDS * previous + NEXT] !== row)
        previous = this.words[WORDS * previous + NEXT]!
      this.words[WORDS * previous + NEXT] = this.words[WORDS * row + NEXT]!
    }
    this.words[WORDS * row + PORT] = NONE
    this.words[WORDS * row + NEXT] = this.freeHead
    this.freeHead = row
  }

  /** Called with every row in use. */
  private grow(): void {
    const { words, seen, banks } = this
    this.rows *= 2
    this.words = new Int32Array(WORDS * this.rows)
    this.words.set(words)
    this.seen = new Float64Array(this.rows)
    this.seen.set(seen)
    this.banks = new Uint8Array(this.rows)
    this.banks.set(banks)
    this.expiry.grow(this.rows)
    this.heads = new Int32Array(2 * this.rows).fill(NONE)
    this.mask = 2 * this.rows - 1
    for (let row = 0; row < this.fresh; row++) this.link(row)
  }
}

/** Its low bits count. Neighbouring addresses stay neighbours, 64 at a time, for most come in runs. */
function hashOf(keyHi: number, keyLo: number): number {
  const mixed = Math.imul((keyLo >>> 6) ^ Math.imul(keyHi, 0x85ebca6b), 0x9e3779b1)
  return keyLo ^ mixed ^ (mixed >>> 15)
}
