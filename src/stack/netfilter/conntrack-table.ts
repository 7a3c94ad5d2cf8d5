import { SECOND } from '../../sim/units.ts'
import {
  type ConntrackEntry,
  STATUS_ASSURED,
  STATUS_CONFIRMED,
  type TrackedTuple,
} from './conntrack-entry.ts'
import type { ConntrackTuple } from './conntrack-tuple.ts'

const BUCKETS_MIN = 64
/** Buckets in which early_drop looks for an entry to give up (NF_CT_EVICTION_RANGE). */
const EVICTION_RANGE = 8
/** Least time between two walks over the whole table (GC_SCAN_INTERVAL_MIN). */
const SWEEP_INTERVAL = SECOND

/**
 * The hash table of confirmed entries, each under both its tuples. Expired entries go when they are
 * met, and when room is needed. It begins small and doubles up to one bucket an entry, where the
 * kernel sizes it at boot: a data centre has thousands of them, most with a handful of flows.
 */
export class ConntrackTable {
  /** Entries, of which some may have expired. */
  size = 0
  /** Entries given up for new ones while the table was full. */
  earlyDropped = 0
  private buckets: (TrackedTuple | null)[] = new Array(BUCKETS_MIN).fill(null)
  private mask = BUCKETS_MIN - 1
  private readonly secret: number
  private sweptAt = Number.NEGATIVE_INFINITY

  /** @param secret random bits, so that flows spread over the buckets differently on each host. */
  constructor(secret: number) {
    this.secret = secret
  }

  find(tuple: ConntrackTuple, now: number): TrackedTuple | null {
    let node = this.buckets[this.hashOf(tuple) & this.mask]!
    while (node !== null) {
      if (node.equals(tuple)) {
        if (node.entry.expires > now) return node
        this.remove(node.entry)
        return null
      }
      node = node.next!
    }
    return null
  }

  insert(entry: ConntrackEntry, now: number): void {
    if (this.size >= this.buckets.length) this.makeRoom(now)
    this.link(entry.original)
    this.link(entry.reply)
    entry.status |= STATUS_CONFIRMED
    this.size++
  }

  /** Does nothing if the entry is not, or no longer, in the table. */
  remove(entry: ConntrackEntry): void {
    if (!this.unlink(entry.original)) return
    this.unlink(entry.reply)
    this.size--
  }

  /**
   * Whether the table takes one more entry. A full one gives up entries near the new one's place
   * that nobody would miss: flows that were never answered or never lasted.
   */
  admits(tuple: ConntrackTuple, limit: number, now: number): boolean {
    if (this.size < limit) return true
    // The kernel's worker would have taken the expired ones out by now.
    if (now - this.sweptAt >= SWEEP_INTERVAL) this.sweep(now)
    return this.size < limit || this.evict(this.hashOf(tuple), now)
  }

  /** The entries that have not expired. */
  *entries(now: number): Generator<ConntrackEntry> {
    for (const bucket of this.buckets) {
      for (let node = bucket; node !== null; node = node.next) {
        if (node === node.entry.original && node.entry.expires > now) yield node.entry
      }
    }
  }

  private hashOf(tuple: ConntrackTuple): number {
    let hash = mix(this.secret ^ tuple.source ^ tuple.protocol)
    hash = mix(hash ^ tuple.destination)
    return mix(hash ^ ((tuple.sourceId << 16) | tuple.destinationId))
  }

  private link(tuple: TrackedTuple): void {
    tuple.hash = this.hashOf(tuple)
    const bucket = tuple.hash & this.mask
    tuple.next = this.buckets[bucket]!
    this.buckets[bucket] = tuple
  }

  private unlink(tuple: TrackedTuple): boolean {
    const bucket = tuple.hash & this.mask
    let previous: TrackedTuple | null = null
    for (let node = this.buckets[bucket]!; node !== null; node = node.next!) {
      if (node === tuple) {
        if (previous === null) this.buckets[bucket] = tuple.next
        else previous.next = tuple.next
        tuple.next = null
        return true
      }
      previous = node
    }
    return false
  }

  private evict(hash: number, now: number): boolean {
    const before = this.size
    for (let i = 0; i < EVICTION_RANGE && this.size === before; i++) {
      const bucket = (hash + i) & this.mask
      let node = this.buckets[bucket]!
      while (node !== null) {
        const { entry } = node
        const expired = entry.expires <= now
        if (!expired && (entry.status & STATUS_ASSURED) !== 0) {
          node = node.next!
          continue
        }
        if (!expired) this.earlyDropped++
        this.remove(entry)
        // The removal may have taken the next one out as well: the other tuple of the same entry.
        node = this.buckets[bucket]!
      }
    }
    return this.size < before
  }

  private makeRoom(now: number): void {
    if (now - this.sweptAt >= SWEEP_INTERVAL) this.sweep(now)
    if (this.size >= this.buckets.length) this.grow()
  }

  private sweep(now: number): void {
    this.sweptAt = now
    const { buckets } = this
    for (let bucket = 0; bucket < buckets.length; bucket++) {
      let node = buckets[bucket]!
      while (node !== null) {
        if (node.entry.expires > now) {
          node = node.next!
          continue
        }
        this.remove(node.entry)
        node = buckets[bucket]!
      }
    }
  }

  private grow(): void {
    const old = this.buckets
    this.buckets = new Array(old.length * 2).fill(null)
    this.mask = this.buckets.length - 1
    for (const bucket of old) {
      let node = bucket
      while (node !== null) {
        const { next } = node
        const target = node.hash & this.mask
        node.next = this.buckets[target]!
        this.buckets[target] = node
        node = next
      }
    }
  }
}

/** A 32-bit finaliser (multiply and xor-shift): every bit of the input changes half of the output's. */
function mix(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  return x ^ (x >>> 16)
}
