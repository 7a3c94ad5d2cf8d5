import { TCP_FIN, TCP_PSH } from '../../wire/tcp.ts'
import { RETRANSMITTED, Segment } from './segment.ts'

/**
 * What has been written and not yet acknowledged: first what was sent (the retransmission queue), then
 * what was not (the write queue). What was sent is also linked in the order of sending, for RACK.
 */
export class SendQueue {
  head: Segment | null = null
  tail: Segment | null = null
  /** The first that was never sent. */
  unsent: Segment | null = null
  /** Of those sent, the one whose latest sending is longest ago, and the last one sent. */
  oldest: Segment | null = null
  newest: Segment | null = null
  /** Segments of the queue: each costs memory besides its content. */
  size = 0

  /** The last of those that were sent. */
  get lastSent(): Segment | null {
    return this.unsent === null ? this.tail : this.unsent.previous
  }

  append(segment: Segment): void {
    const { tail } = this
    segment.previous = tail
    if (tail === null) this.head = segment
    else tail.next = segment
    this.tail = segment
    this.unsent ??= segment
    this.size++
  }

  /** The first unsent segment has been sent. */
  advance(): void {
    this.unsent = this.unsent!.next
  }

  /** Takes the head off: it is acknowledged. */
  shift(): void {
    const head = this.head!
    this.removeTimed(head)
    this.unlink(head)
  }

  private unlink(segment: Segment): void {
    const { next, previous } = segment
    if (previous === null) this.head = next
    else previous.next = next
    if (next === null) this.tail = previous
    else next.previous = previous
    if (this.unsent === segment) this.unsent = next
    segment.next = null
    segment.previous = null
    this.size--
  }

  /** Notes that a segment is sent now (tcp_tsorted_sent_queue). */
  touch(segment: Segment): void {
    if (this.newest === segment) return
    this.removeTimed(segment)
    const { newest } = this
    segment.older = newest
    if (newest === null) this.oldest = segment
    else newest.newer = segment
    this.newest = segment
    segment.isTimed = true
  }

  removeTimed(segment: Segment): void {
    if (!segment.isTimed) return
    const { newer, older } = segment
    if (older === null) this.oldest = newer
    else older.newer = newer
    if (newer === null) this.newest = older
    else newer.older = older
    segment.newer = null
    segment.older = null
    segment.isTimed = false
  }

  /**
   * Cuts a segment after `bytes` (tcp_fragment). The second part has the tags of the first and stands
   * behind it, also in the order of sending; counts are the caller's matter.
   */
  split(segment: Segment, bytes: number): Segment {
    const rest = new Segment(segment.start + bytes, segment.end)
    rest.flags = segment.flags
    rest.mss = segment.mss
    rest.tags = segment.tags
    rest.sentAt = segment.sentAt
    rest.delivered = segment.delivered
    segment.end = rest.start
    segment.flags &= ~(TCP_FIN | TCP_PSH)
    rest.next = segment.next
    rest.previous = segment
    if (segment.next === null) this.tail = rest
    else segment.next.previous = rest
    segment.next = rest
    this.size++
    if (segment.isTimed) this.insertTimed(rest, segment)
    return rest
  }

  private insertTimed(segment: Segment, older: Segment): void {
    segment.older = older
    segment.newer = older.newer
    if (older.newer === null) this.newest = segment
    else older.newer.older = segment
    older.newer = segment
    segment.isTimed = true
  }

  /**
   * Moves the content of the next unsent segment into this unsent one, up to `bytes` (tcp_grow_skb):
   * a unit need not end where a write did.
   */
  grow(segment: Segment, bytes: number): void {
    const { next } = segment
    if (next === null) return
    const { length } = next
    if (length > bytes) {
      segment.end += bytes
      next.start += bytes
      return
    }
    segment.end = next.end
    segment.flags |= next.flags
    this.unlink(next)
  }

  /** Merges a sent segment with the following one, which has the same tags. */
  join(segment: Segment): void {
    const next = segment.next!
    segment.end = next.end
    segment.flags |= next.flags
    segment.count += next.count
    segment.tags |= next.tags & ~RETRANSMITTED
    this.removeTimed(next)
    this.unlink(next)
  }

  /** Forgets everything. */
  clear(): void {
    this.head = null
    this.tail = null
    this.unsent = null
    this.oldest = null
    this.newest = null
    this.size = 0
  }
}
