import type { TcpOptions } from '../../wire/tcp-options.ts'
import { type AckWork, DATA_SACKED, DSACKED, ORIGINAL_ACKED, PROBE_DSACKED } from './ack-work.ts'
import type { Connection } from './connection.ts'
import { CA_LOSS } from './constants.ts'
import { rackAdvance } from './rack.ts'
import { cutSent, forget } from './retransmit.ts'
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, SACKED, type Segment } from './segment.ts'
import { highestSackedEnd, noteReordering } from './undo.ts'

/** The blocks of one ACK as stream offsets, in order of the stream; reused. */
const starts = new Float64Array(4)
const ends = new Float64Array(4)
let duplicateBlock = -1

/** Takes in the SACK blocks of an ACK (tcp_sacktag_write_queue). */
export function tagSacked(tcp: Connection, ack: number, options: TcpOptions, work: AckWork): void {
  if (tcp.sackedOut === 0) tcp.highestSacked = tcp.packetsOut > 0 ? tcp.queue.head : null
  const blocks = readBlocks(tcp, ack, options, work)
  if (ack < work.priorUna - tcp.maxWindow || tcp.packetsOut === 0) return
  for (let i = 0; i < blocks; i++) tagBlock(tcp, starts[i]!, ends[i]!, i === duplicateBlock, work)
  if (tcp.caState !== CA_LOSS || tcp.undoMarker >= 0) noteReordering(tcp, work.reordered)
}

/** Reads and sorts the blocks that can be true. @returns their number. */
function readBlocks(tcp: Connection, ack: number, options: TcpOptions, work: AckWork): number {
  const { sackEdges, sackBlocks } = options
  let count = 0
  let isDuplicate = false
  duplicateBlock = -1
  for (let i = 0; i < sackBlocks; i++) {
    const start = offsetOf(tcp, sackEdges[2 * i]!)
    const end = offsetOf(tcp, sackEdges[2 * i + 1]!)
    if (i === 0) {
      isDuplicate =
        start < ack ||
        (sackBlocks > 1 &&
          start >= offsetOf(tcp, sackEdges[2]!) &&
          end <= offsetOf(tcp, sackEdges[3]!))
      if (isDuplicate) isDuplicate = noteDuplicate(tcp, start, end, work)
    }
    const isReport = i === 0 && isDuplicate
    if (!isPossible(tcp, start, end, isReport) || end <= work.priorUna) continue
    count = insertBlock(count, start, end, isReport)
  }
  return count
}

/** The stream offset of a sequence number near what is not acknowledged. */
function offsetOf(tcp: Connection, edge: number): number {
  return tcp.sndUna + ((edge - ((tcp.iss + tcp.sndUna) | 0)) | 0)
}

/** Whether a block can be true (tcp_is_sackblock_valid). */
function isPossible(tcp: Connection, start: number, end: number, isDuplicate: boolean): boolean {
  if (start >= end || end > tcp.sndNxt) return false
  if (start > tcp.sndUna) return true
  // Below that only duplicates are reported, and only those matter that a reduction may be undone for.
  const { undoMarker } = tcp
  if (!isDuplicate || undoMarker < 0 || end > tcp.sndUna) return false
  return start >= undoMarker || (end > undoMarker && start >= end - tcp.maxWindow)
}

function insertBlock(count: number, start: number, end: number, isDuplicate: boolean): number {
  let at = count
  while (at > 0 && starts[at - 1]! > start) {
    starts[at] = starts[at - 1]!
    ends[at] = ends[at - 1]!
    if (duplicateBlock === at - 1) duplicateBlock = at
    at--
  }
  starts[at] = start
  ends[at] = end
  if (isDuplicate) duplicateBlock = at
  return count + 1
}

/** The peer has had a range twice (tcp_check_dsack, tcp_dsack_seen). @returns whether that can be. */
function noteDuplicate(tcp: Connection, start: number, end: number, work: AckWork): boolean {
  const bytes = end - start
  if (bytes <= 0 || bytes > tcp.maxWindow) return false
  const segments = Math.max(Math.ceil(bytes / tcp.mss), 1)
  if (bytes <= tcp.mss && tcp.probeHighSeq !== 0 && tcp.probeHighSeq === end) {
    work.flags |= PROBE_DSACKED
  }
  tcp.dsackDups += segments
  // The network doubled it: nothing of it was sent twice.
  if (tcp.dsackDups > tcp.totalRetrans) return false
  if (tcp.reorderingSeen > 0 && !work.has(PROBE_DSACKED)) tcp.rack.isDsackSeen = true
  work.flags |= DSACKED
  work.sackDelivered += segments
  if (end <= work.priorUna && end > tcp.undoMarker) countUndo(tcp, segments)
  return true
}

/** Of so many retransmissions it is known that they were not needed. */
function countUndo(tcp: Connection, segments: number): void {
  if (tcp.undoMarker >= 0 && tcp.undoRetrans > 0) {
    tcp.undoRetrans = Math.max(tcp.undoRetrans - segments, 0)
  }
}

/** The sent segment in which `offset` lies, or the first after it; looked for near the latest one found. */
function seek(tcp: Connection, offset: number): Segment | null {
  const { queue } = tcp
  let segment = tcp.sackHint ?? queue.head
  while (segment?.previous != null && segment.start > offset) segment = segment.previous
  while (segment !== null && segment !== queue.unsent && segment.end <= offset) {
    segment = segment.next
  }
  return segment === queue.unsent ? null : segment
}

/** tcp_sacktag_walk. */
function tagBlock(
  tcp: Connection,
  start: number,
  end: number,
  isDuplicate: boolean,
  work: AckWork,
): void {
  const { queue } = tcp
  let segment = seek(tcp, start)
  while (segment !== null && segment !== queue.unsent && segment.start < end) {
    tcp.sackHint = segment
    if (matches(tcp, segment, start, end)) {
      tagSegment(tcp, segment, isDuplicate, work)
      segment = joinPrevious(tcp, segment)
    }
    segment = segment.next
  }
}

/** Whether a block covers a segment; a unit is cut where its covered part begins or ends. */
function matches(tcp: Connection, segment: Segment, start: number, end: number): boolean {
  if (start <= segment.start && segment.end <= end) return true
  if (segment.count <= 1) return false
  const { mss, length } = segment
  if (start <= segment.start) {
    // Blocks cover whole segments: what is left of one does not count.
    const bytes = Math.floor((end - segment.start) / mss) * mss
    if (bytes === 0 || bytes >= length) return false
    cutSent(tcp, segment, bytes, mss)
    return true
  }
  const bytes = Math.ceil((start - segment.start) / mss) * mss
  if (bytes < length) cutSent(tcp, segment, bytes, mss)
  return false
}

/** tcp_sacktag_one. */
function tagSegment(tcp: Connection, segment: Segment, isDuplicate: boolean, work: AckWork): void {
  const { tags, count } = segment
  if (isDuplicate && (tags & (RETRANSMITTED | EVER_RETRANSMITTED)) !== 0) {
    if (segment.end > tcp.undoMarker) countUndo(tcp, count)
    if ((tags & SACKED) !== 0 && segment.start < work.reordered) work.reordered = segment.start
  }
  // What is acknowledged as well is about to leave the queue.
  if (segment.end <= tcp.sndUna) return
  if ((tags & SACKED) === 0) tagNew(tcp, segment, work)
  if (isDuplicate && (segment.tags & RETRANSMITTED) !== 0) {
    segment.tags &= ~RETRANSMITTED
    tcp.retransOut -= count
  }
}

function tagNew(tcp: Connection, segment: Segment, work: AckWork): void {
  const { tags, count } = segment
  rackAdvance(tcp, tags, segment.end, segment.sentAt)
  if ((tags & RETRANSMITTED) === 0) {
    if ((tags & EVER_RETRANSMITTED) === 0) noteOriginal(tcp, segment, work)
    if ((tags & LOST) !== 0) unmark(tcp, segment, LOST)
  } else if ((tags & LOST) !== 0) unmark(tcp, segment, LOST | RETRANSMITTED)
  segment.tags |= SACKED
  work.flags |= DATA_SACKED
  tcp.sackedOut += count
  work.sackDelivered += count
  work.noteDelivered(segment.sentAt, segment.delivered)
  tcp.queue.removeTimed(segment)
  if (segment.start >= highestSackedEnd(tcp)) {
    const { next } = segment
    tcp.highestSacked = next === tcp.queue.unsent ? null : next
  }
}

/** A segment that was sent once only has arrived. */
function noteOriginal(tcp: Connection, segment: Segment, work: AckWork): void {
  const { start, end, sentAt } = segment
  if (start < highestSackedEnd(tcp) && start < work.reordered) work.reordered = start
  if (end <= tcp.highSeq) work.flags |= ORIGINAL_ACKED
  if (work.firstSackedAt < 0) work.firstSackedAt = sentAt
  work.lastSackedAt = sentAt
}

function unmark(tcp: Connection, segment: Segment, tags: number): void {
  segment.tags &= ~tags
  tcp.lostOut -= segment.count
  if ((tags & RETRANSMITTED) !== 0) tcp.retransOut -= segment.count
}

/** Neighbours that have both arrived become one, so that later blocks pass them in a step (tcp_shift_skb_data). */
function joinPrevious(tcp: Connection, segment: Segment): Segment {
  const { previous } = segment
  if (previous === null || previous.tags !== SACKED || segment.tags !== SACKED) return segment
  if (previous.mss !== segment.mss || previous.length !== previous.count * previous.mss) {
    return segment
  }
  forget(tcp, segment, segment.next === tcp.queue.unsent ? null : segment.next)
  tcp.sackHint = previous
  tcp.queue.join(previous)
  return previous
}
