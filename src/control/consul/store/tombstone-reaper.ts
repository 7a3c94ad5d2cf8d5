import { SECOND } from '../../../sim/units.ts'

/** Source: consul agent/consul/config.go, TombstoneTTL and TombstoneTTLGranularity. */
const TTL = 15 * 60 * SECOND
const GRANULARITY = 30 * SECOND

/**
 * The leader's clock of tombstones: those of half a minute are reaped together, by one command.
 * Source: consul agent/consul/state/tombstone_gc.go.
 */
export class TombstoneReaper {
  /** Expiry of a bin to the newest index in it, the earliest first. */
  private readonly bins = new Map<number, number>()
  private isLeader = false
  private readonly now: () => number

  constructor(now: () => number) {
    this.now = now
  }

  /** Nobody told the new leader when the tombstones were made: all up to here count as new. */
  lead(lastIndex: number): void {
    this.isLeader = true
    this.hint(lastIndex)
  }

  stepDown(): void {
    this.isLeader = false
    this.bins.clear()
  }

  /** A tombstone was made at this index. */
  hint(index: number): void {
    if (!this.isLeader) return
    const expiry = this.now() + TTL
    const bin = expiry + GRANULARITY - (expiry % GRANULARITY)
    this.bins.set(bin, Math.max(index, this.bins.get(bin) ?? 0))
  }

  /** The index up to which to reap now; undefined = nothing to do. */
  due(): number | undefined {
    let index: number | undefined
    for (const [bin, newest] of this.bins) {
      if (bin > this.now()) break
      this.bins.delete(bin)
      index = Math.max(index ?? 0, newest)
    }
    return index
  }

  /** When `due` has something next; Infinity = never. */
  nextAt(): number {
    const [first] = this.bins.keys()
    return first ?? Number.POSITIVE_INFINITY
  }
}
