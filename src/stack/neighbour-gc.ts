import { KernelTimer } from '../sim/jiffies.ts'
import { SECOND } from '../sim/units.ts'
import type { Kernel } from './kernel.ts'
import type { Neighbour } from './neighbour.ts'

/** Forced collections are this far apart, and since 5.0 spare entries that changed within it. */
const MIN_AGE = 5 * SECOND

/**
 * The limits gc_thresh1..3. They are counted once a kernel, over all its namespaces: a hundred
 * containers with eleven peers each overflow a table that no single one of them fills.
 */
export class NeighbourGc {
  overflows = 0
  /** Most entries that counted against the limits at once. */
  peak = 0
  private readonly kernel: Kernel
  /** What a collection may find, oldest first: since 5.0 entries set by hand are not among them. */
  private readonly listed = new Set<Neighbour>()
  private entries = 0
  private readonly timer: KernelTimer
  private lastFlush = Number.NEGATIVE_INFINITY

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.timer = new KernelTimer(() => this.runPeriodically())
  }

  /** Entries that count against gc_thresh2 and 3. */
  get size(): number {
    return this.listed.size
  }

  /**
   * Makes room for one more entry and enters it; false means "neighbour table overflow".
   * @param isByHand PERMANENT: it always finds room since 5.0.
   */
  admit(neighbour: Neighbour, isByHand: boolean): boolean {
    const isListed = this.isListed(isByHand)
    if (isListed && !this.hasRoom()) {
      this.overflows++
      return false
    }
    this.entries++
    if (isListed) this.list(neighbour)
    if (!this.timer.isArmed) this.arm()
    return true
  }

  private isListed(isByHand: boolean): boolean {
    return !isByHand || this.kernel.profile.permanentNeighboursCount
  }

  private hasRoom(): boolean {
    const { gcThresh2, gcThresh3 } = this.kernel.profile.neighbour
    const { now } = this.kernel.simulator
    const count = this.listed.size
    const isDue = count >= gcThresh2 && now - this.lastFlush > MIN_AGE
    if (count < gcThresh3 && !isDue) return true
    return this.forcedGc(now) || count < gcThresh3
  }

  private list(neighbour: Neighbour): void {
    this.listed.add(neighbour)
    if (this.listed.size > this.peak) this.peak = this.listed.size
  }

  /** An administrator has set the entry, or has given it back to the protocol. */
  setByHand(neighbour: Neighbour, isByHand: boolean): void {
    if (this.isListed(isByHand)) this.list(neighbour)
    else this.listed.delete(neighbour)
  }

  /** The entry has been removed from its table. */
  forget(neighbour: Neighbour): void {
    this.entries--
    this.listed.delete(neighbour)
  }

  /**
   * neigh_forced_gc: removes what nobody uses. Since 5.0 down to gc_thresh2, and only what has failed or
   * has not changed of late; before that whatever no timer holds.
   */
  private forcedGc(now: number): boolean {
    const { permanentNeighboursCount: isOld, neighbour: parameters } = this.kernel.profile
    const most = isOld ? Infinity : this.listed.size - parameters.gcThresh2
    this.lastFlush = now
    let freed = 0
    for (const neighbour of this.listed) {
      const { state } = neighbour
      if (neighbour.isInTimer || state === 'PERMANENT') continue
      const isSpent = state === 'FAILED' || state === 'NOARP' || now - neighbour.updated > MIN_AGE
      if (!isOld && !isSpent) continue
      neighbour.table.remove(neighbour)
      if (++freed >= most) break
    }
    return freed > 0
  }

  private arm(): void {
    // gc_interval has had no effect on this since 2.6: the period follows base_reachable_time.
    this.kernel.timers.arm(this.timer, this.kernel.profile.neighbour.baseReachableTime / 2)
  }

  private runPeriodically(): void {
    this.collect()
    if (this.entries > 0) this.arm()
  }

  /** neigh_periodic_work: above gc_thresh1, forgets failed entries and those long unused. */
  private collect(): void {
    const { gcThresh1, gcStaleTime } = this.kernel.profile.neighbour
    if (this.entries < gcThresh1) return
    const { now } = this.kernel.simulator
    for (const neighbour of this.listed) {
      if (neighbour.isInTimer || neighbour.state === 'PERMANENT') continue
      const idle = now - Math.max(neighbour.used, neighbour.confirmed)
      if (neighbour.state === 'FAILED' || idle > gcStaleTime) neighbour.table.remove(neighbour)
    }
  }
}
