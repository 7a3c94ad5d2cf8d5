import type { Frame } from '../wire/frame.ts'
import { DROP_REASONS, type DropReason, dropReasonInfo } from './drop-reason.ts'
import type { Tracer } from './tracer.ts'

/** A drop is counted by where it happened as well. */
export interface DropCount {
  readonly place: string
  readonly reason: DropReason
  count: number
}

/** Something that holds frames between events: counted by walking, never by subtraction. */
export interface Holder {
  /** Frames held now, instance by instance. */
  heldFrames(): number
}

/**
 * The books of one run. An instance is one frame in one place: a frame flooded to n ports is n
 * instances of one object. Encapsulation and decapsulation change an instance, they do not make one.
 *
 *     originated + copied + fragments + segments
 *       = delivered + consumed + merged + split + dropped + held
 *
 * A datagram that is cut into n fragments ends as `split` and n `fragments` begin; of n fragments put
 * together n-1 end as `merged` and the last goes on as the datagram.
 */
export class Ledger {
  originated = 0
  copied = 0
  fragments = 0
  segments = 0
  delivered = 0
  consumed = 0
  merged = 0
  split = 0
  dropped = 0
  /** Frames that crossed a link or a veth: the packet-hops of the benchmarks. */
  hops = 0
  tracer: Tracer | null = null
  private readonly holders: Holder[] = []
  private readonly drops = new Map<string, Map<DropReason, DropCount>>()

  /** Registers a place in which frames wait. */
  addHolder(holder: Holder): void {
    this.holders.push(holder)
  }

  /**
   * The drop funnel: every frame that ends undelivered ends here.
   * @param place where, as `host/device` or `switch/port`.
   * @param row the table row or rule that decided, for traces; stringified only when traced.
   */
  drop(frame: Frame, reason: DropReason, place: string, row?: unknown): void {
    this.dropped++
    frame.orphan()
    this.countDrop(place, reason, 1)
    if (frame.trace !== 0) this.tracer?.dropped(frame, reason, place, row)
  }

  private countDrop(place: string, reason: DropReason, count: number): void {
    let reasons = this.drops.get(place)
    if (reasons === undefined) {
      reasons = new Map()
      this.drops.set(place, reasons)
    }
    const entry = reasons.get(reason)
    if (entry === undefined) reasons.set(reason, { place, reason, count })
    else entry.count += count
  }

  /** Drops by place and reason, in the order in which they first happened. */
  *dropCounts(): Generator<DropCount> {
    for (const reasons of this.drops.values()) yield* reasons.values()
  }

  /** Total by reason, in the order of the list of reasons; reasons that did not occur are left out. */
  dropsByReason(kind?: 'loss' | 'filter'): Map<DropReason, number> {
    const totals = new Map<DropReason, number>()
    for (const { reason, count } of this.dropCounts()) {
      if (kind !== undefined && dropReasonInfo(reason).kind !== kind) continue
      totals.set(reason, (totals.get(reason) ?? 0) + count)
    }
    const order = Object.keys(DROP_REASONS)
    return new Map([...totals].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0])))
  }

  get created(): number {
    return this.originated + this.copied + this.fragments + this.segments
  }

  get ended(): number {
    return this.delivered + this.consumed + this.merged + this.split + this.dropped
  }

  held(): number {
    let held = 0
    for (const holder of this.holders) held += holder.heldFrames()
    return held
  }

  /** Difference between the two sides of the balance; anything but zero is a bug of ours. */
  imbalance(): number {
    return this.created - this.ended - this.held()
  }
}
