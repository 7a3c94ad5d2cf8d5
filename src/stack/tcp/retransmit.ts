import { type Connection, TIMER_REORDERING, TIMER_RETRANSMIT } from './connection.ts'
import { CA_LOSS } from './constants.ts'
import { currentSsthresh, isReducing, setCaState } from './cwnd.ts'
import { currentMss } from './mss.ts'
import { isSmallQueueFull } from './output.ts'
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, SACKED, type Segment } from './segment.ts'
import { setTimer } from './timers.ts'
import { transmit } from './transmit.ts'
import { unitSegments } from './tso.ts'

/** Changes the counts when a sent segment stands for fewer or more segments than before (tcp_adjust_pcount). */
function adjustCount(tcp: Connection, segment: Segment, before: number): void {
  const fewer = before - segment.count
  if (fewer === 0) return
  tcp.packetsOut -= fewer
  if ((segment.tags & SACKED) !== 0) tcp.sackedOut -= fewer
  if ((segment.tags & RETRANSMITTED) !== 0) tcp.retransOut -= fewer
  if ((segment.tags & LOST) !== 0) tcp.lostOut -= fewer
  if (!tcp.usesSack && tcp.sackedOut > 0) tcp.sackedOut -= Math.min(tcp.sackedOut, fewer)
}

/** Cuts a segment that has been sent (tcp_fragment). @returns the second part. */
export function cutSent(tcp: Connection, segment: Segment, bytes: number, mss: number): Segment {
  const before = segment.count
  const rest = tcp.queue.split(segment, bytes)
  segment.setCount(mss)
  rest.setCount(mss)
  const together = segment.count + rest.count
  const own = segment.count
  segment.count = together
  adjustCount(tcp, segment, before)
  segment.count = own
  return rest
}

/** Takes off what a peer has acknowledged of a segment (tcp_trim_head). @returns segments fewer. */
export function trimHead(segment: Segment, una: number): number {
  const before = segment.count
  segment.start = una
  if (before > 1) segment.setCount(segment.mss)
  return before - segment.count
}

/** A segment is taken for lost (tcp_mark_skb_lost), or its retransmission is. */
export function markLost(tcp: Connection, segment: Segment): void {
  if ((segment.tags & SACKED) !== 0) return
  const hint = tcp.retransmitHint
  if (hint === null ? tcp.retransOut >= tcp.lostOut : segment.start < hint.start) {
    tcp.retransmitHint = segment
  }
  if ((segment.tags & LOST) === 0) {
    tcp.lostOut += segment.count
    tcp.lost += segment.count
    segment.tags |= LOST
  } else if ((segment.tags & RETRANSMITTED) !== 0) {
    segment.tags &= ~RETRANSMITTED
    tcp.retransOut -= segment.count
    tcp.lost += segment.count
  }
}

/**
 * Sends a segment again, at most `most` segments of it (__tcp_retransmit_skb), without saying so in the
 * books of loss recovery. @returns whether it left.
 */
export function retransmitQuietly(tcp: Connection, segment: Segment, most: number): boolean {
  tcp.probeSize = 0
  if (segment.start < tcp.sndUna) trimHead(segment, tcp.sndUna)
  const mss = currentMss(tcp)
  let room = tcp.windowEnd - segment.start
  if (room <= 0) {
    // A closed window is probed with the first segment, and with no other.
    if (segment.start !== tcp.sndUna) return false
    room = mss
  }
  let bytes = mss * most
  if (bytes > room) bytes = Math.floor(room / mss) * mss || room
  if (segment.length > bytes) cutSent(tcp, segment, bytes, mss)
  else {
    const before = segment.count
    segment.setCount(mss)
    adjustCount(tcp, segment, before)
    if (segment.length < Math.min(room, mss)) collapse(tcp, segment, Math.min(room, mss))
  }
  const isSent = transmit(tcp, segment)
  segment.tags |= EVER_RETRANSMITTED
  if (!isSent) return false
  tcp.totalRetrans += segment.count
  tcp.bytesRetransmitted += segment.length
  return true
}

/** Small segments are sent again as one (tcp_retrans_try_collapse). */
function collapse(tcp: Connection, segment: Segment, most: number): void {
  const { queue } = tcp
  while (segment.next !== null && segment.next !== queue.unsent) {
    const { next } = segment
    const isSimilar = next.tags === segment.tags || (next.tags & ~EVER_RETRANSMITTED) === 0
    if (!isSimilar || (next.tags & SACKED) !== 0 || segment.count > 1 || next.count > 1) return
    if (segment.length + next.length > most || next.end > tcp.windowEnd) return
    forget(tcp, next, segment)
    tcp.packetsOut -= next.count
    if ((next.tags & LOST) !== 0) tcp.lostOut -= next.count
    if ((next.tags & RETRANSMITTED) !== 0) tcp.retransOut -= next.count
    queue.join(segment)
    segment.count = 1
  }
}

/** Nothing points to a segment any more that is about to be gone. */
export function forget(tcp: Connection, gone: Segment, successor: Segment | null): void {
  if (tcp.retransmitHint === gone) tcp.retransmitHint = successor
  if (tcp.highestSacked === gone) tcp.highestSacked = successor
  if (tcp.sackHint === gone) tcp.sackHint = null
}

/** Retransmits a segment that is taken for lost (tcp_retransmit_skb). */
export function retransmit(tcp: Connection, segment: Segment, most: number): boolean {
  const isSent = retransmitQuietly(tcp, segment, most)
  if (isSent) {
    segment.tags |= RETRANSMITTED
    tcp.retransOut += segment.count
  }
  if (Number.isNaN(tcp.retransStamp)) tcp.retransStamp = tcp.timestamp
  if (tcp.undoRetrans < 0) tcp.undoRetrans = 0
  tcp.undoRetrans += segment.count
  return isSent
}

/** Sends again what is taken for lost, as far as the window admits (tcp_xmit_retransmit_queue). */
export function retransmitQueue(tcp: Connection): void {
  if (tcp.packetsOut === 0) return
  const { queue } = tcp
  const { head } = queue
  const mostSegments = unitSegments(tcp, currentMss(tcp))
  let hole: Segment | null = null
  let isHeadSent = false
  let segment = tcp.retransmitHint ?? head
  for (; segment !== null && segment !== queue.unsent; segment = segment.next) {
    if (hole === null) tcp.retransmitHint = segment
    const quota = Math.min(tcp.cwnd - tcp.inFlight, mostSegments)
    if (quota <= 0 || tcp.retransOut >= tcp.lostOut) break
    const { tags } = segment
    if ((tags & LOST) === 0) {
      if (hole === null && (tags & (SACKED | RETRANSMITTED)) === 0) hole = segment
      continue
    }
    if ((tags & (SACKED | RETRANSMITTED)) !== 0) continue
    if (isSmallQueueFull(tcp, segment, 1)) break
    if (!retransmit(tcp, segment, quota)) break
    if (isReducing(tcp)) tcp.prr.onSent(segment.count)
    if (segment === head && tcp.timerKind !== TIMER_REORDERING) isHeadSent = true
  }
  if (isHeadSent) setTimer(tcp, TIMER_RETRANSMIT, tcp.rto)
}

/** The path takes only shorter segments: those that were longer are lost (tcp_simple_retransmit). */
export function retransmitLonger(tcp: Connection): void {
  const mss = currentMss(tcp)
  const { queue } = tcp
  for (let s = queue.head; s !== null && s !== queue.unsent; s = s.next) {
    if (Math.min(s.length, s.mss) > mss) markLost(tcp, s)
  }
  tcp.retransmitHint = null
  if (tcp.lostOut === 0) return
  if (!tcp.usesSack) limitDuplicates(tcp)
  if (tcp.caState !== CA_LOSS) {
    tcp.highSeq = tcp.sndNxt
    tcp.ssthresh = currentSsthresh(tcp)
    tcp.priorSsthresh = 0
    tcp.undoMarker = -1
    setCaState(tcp, CA_LOSS)
  }
  retransmitQueue(tcp)
}

/**
 * Without SACK, each duplicate ACK stands for a segment that has arrived: never for more than may have
 * (tcp_limit_reno_sacked). @returns whether there were too many.
 */
export function limitDuplicates(tcp: Connection): boolean {
  const holes = Math.min(Math.max(tcp.lostOut, 1), tcp.packetsOut)
  if (tcp.sackedOut + holes <= tcp.packetsOut) return false
  tcp.sackedOut = tcp.packetsOut - holes
  return true
}
