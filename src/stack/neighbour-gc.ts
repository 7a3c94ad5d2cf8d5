import { SECOND } from '../sim/units.ts'
import type { Kernel } from './kernel.ts'
import type { Neighbour } from './neighbour.ts'

/** Entries younger than this are not reclaimed under pressure. */
const MIN_AGE = 5 * SECOND

/**
 * The limits gc_thresh1..3. They are counted once a kernel, over all its namespaces: a hundred
 * containers with eleven peers each overflow a table that no single one of them fills.
 */
export class NeighbourGc {
  overflows = 0
  private readonly kernel: Kernel
  private readonly entries = new Set<Neighbour>()
  private lastFlush = Number.NEGATIVE_INFINITY

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  get size(): number {
    return this.entries.size
  }

  /** Makes room for one more entry and enters it; false means "neighbour table overflow". */
  admit(neighbour: Neighbour): boolean {
    const { gcThresh2, gcThresh3 } = this.kernel.profile.neighbour
    const { now } = this.kernel.simulator
    const count = this.entries.size
    if (count >= gcThresh3 || (count >= gcThresh2 && now - this.lastFlush > MIN_AGE)) {
      const freed = this.forcedGc(now)
      if (!freed && count >= gcThresh3) {
        this.overflows++
        return false
      }
    }
    this.entries.add(neighbour)
    return true
  }

  forget(neighbour: Neighbour): void {
    this.entries.delete(neighbour)
  }

  /** Removes what nobody uses and nobody has touched of late. */
  private forcedGc(now: number): boolean {
    this.lastFlush = now
    let freed = false
    for (const neighbour of this.entries) {
      if (neighbour.isInTimer || now - neighbour.updated <= MIN_AGE) continue
      neighbour.table.remove(neighbour)
      freed = true
    }
    return freed
  }

  /** neigh_periodic_work: above gc_thresh1, forgets failed entries and those long unused. */
  collect(): void {
    const { gcThresh1, gcStaleTime } = this.kernel.profile.neighbour
    if (this.entries.size < gcThresh1) return
    const { now } = this.kernel.simulator
    for (const neighbour of this.entries) {
      if (neighbour.isInTimer) continue
      const idle = now - Math.max(neighbour.used, neighbour.confirmed)
      if (neighbour.state === 'FAILED' || idle > gcStaleTime) neighbour.table.remove(neighbour)
    }
  }
}
