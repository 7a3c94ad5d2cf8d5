import { MICROSECOND, SECOND } from '../../../sim/units.ts'
import type { V2Event, V2Node } from './event.ts'
import { type Listing, showNode, type TreeNode } from './node.ts'

interface Kept {
  readonly node: TreeNode
  readonly listing: Listing
  readonly event: V2Event
  /** Wall clock, picoseconds: from `since` until before `until` every TTL is what it says. */
  readonly since: number
  readonly until: number
}

const KEPT = 4

/**
 * The last answers that listed a directory: after a change all its watchers ask for the same at the same
 * time. They hold until the next change, and until a TTL in them has another second.
 */
export class RecentListings {
  private kept: Kept[] = []
  private next = 0
  private index = -1

  /** @param now wall clock, picoseconds. */
  read(node: TreeNode, listing: Listing, index: number, now: number): V2Event {
    if (index !== this.index) {
      this.kept = []
      this.next = 0
      this.index = index
    }
    for (const each of this.kept) {
      if (now < each.since || now >= each.until || each.node !== node) continue
      if (each.listing.depth === listing.depth && each.listing.sorted === listing.sorted) {
        return each.event
      }
    }
    const shown = showNode(node, now, listing)
    const event: V2Event = { action: 'get', node: shown, etcdIndex: index }
    this.kept[this.next] = { node, listing, event, since: now, until: validUntil(shown) }
    this.next = (this.next + 1) % KEPT
    return event
  }
}

/** A little before the first TTL that the listing shows goes down: times are rounded. */
function validUntil({ expiration, ttl, nodes }: V2Node): number {
  let until = Infinity
  if (expiration !== undefined) until = expiration - (ttl! - 1) * SECOND - MICROSECOND
  for (const node of nodes ?? []) until = Math.min(until, validUntil(node))
  return until
}
