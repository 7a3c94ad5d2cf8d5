import type { AckWork } from './ack-work.ts'
import { type Connection, TIMER_REORDERING, TIMER_RETRANSMIT } from './connection.ts'
import { CA_RECOVERY, TIMEOUT_MIN } from './constants.ts'
import { reduceCwnd } from './cwnd.ts'
import { markLost, retransmitQueue } from './retransmit.ts'
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, type Segment } from './segment.ts'
import { rearmRetransmit, setTimer } from './timers.ts'
import { enterRecovery } from './undo.ts'

/** Recoveries for which a wider reordering window is kept (TCP_RACK_RECOVERY_THRESH). */
export const PERSIST_RECOVERIES = 16

/** How long a segment may be late behind others that were sent after it (tcp_rack_reo_wnd). */
function reorderingWindow(tcp: Connection): number {
  if (tcp.reorderingSeen === 0) {
    if (tcp.caState >= CA_RECOVERY || tcp.sackedOut >= tcp.reordering) return 0
  }
  const { min, srtt } = tcp.rtt
  if (min === Infinity) return srtt
  return Math.min((min >> 2) * tcp.rack.windowSteps, srtt)
}

/** Microseconds until a segment counts as lost (tcp_rack_skb_timeout). */
export function untilLost(tcp: Connection, segment: Segment, reordering: number): number {
  return tcp.rack.rtt + reordering - (tcp.mstamp - segment.sentAt)
}

/** A segment sent at `sentAt` has arrived (tcp_rack_advance). @param tags before. */
export function rackAdvance(tcp: Connection, tags: number, end: number, sentAt: number): void {
  const { rack } = tcp
  const rtt = tcp.mstamp - sentAt
  // Too early for the retransmission: it was the first one that arrived.
  if (rtt < tcp.rtt.min && (tags & (RETRANSMITTED | EVER_RETRANSMITTED)) !== 0) return
  rack.isAdvanced = true
  rack.rtt = rtt
  if (sentAt > rack.sentAt || (sentAt === rack.sentAt && end > rack.end)) {
    rack.sentAt = sentAt
    rack.end = end
  }
}

/** Marks what is lost. @returns microseconds after which to look again, 0 = not needed. */
function detectLoss(tcp: Connection): number {
  const { rack, queue } = tcp
  const reordering = reorderingWindow(tcp)
  let timeout = 0
  let next: Segment | null = null
  for (let segment = queue.oldest; segment !== null; segment = next) {
    next = segment.newer
    if ((segment.tags & (LOST | RETRANSMITTED)) === LOST) continue
    const isSentBefore =
      rack.sentAt > segment.sentAt || (rack.sentAt === segment.sentAt && rack.end > segment.end)
    if (!isSentBefore) break
    const left = untilLost(tcp, segment, reordering)
    if (left <= 0) {
      markLost(tcp, segment)
      queue.removeTimed(segment)
    } else if (left > timeout) timeout = left
  }
  return timeout
}

/** After an ACK (tcp_rack_mark_lost). @returns whether a timer waits for what is only late. */
export function rackMarkLost(tcp: Connection): boolean {
  if (!tcp.rack.isAdvanced) return false
  tcp.rack.isAdvanced = false
  const timeout = detectLoss(tcp)
  if (timeout > 0) setTimer(tcp, TIMER_REORDERING, Math.min(timeout + TIMEOUT_MIN, tcp.rto))
  return timeout > 0
}

/** What was late is late no more, but lost (tcp_rack_reo_timeout). */
export function rackTimeout(tcp: Connection): void {
  const { inFlight, lost } = tcp
  detectLoss(tcp)
  if (inFlight !== tcp.inFlight) {
    if (tcp.caState !== CA_RECOVERY) {
      enterRecovery(tcp)
      reduceCwnd(tcp, 1, tcp.lost - lost, false)
    }
    retransmitQueue(tcp)
  }
  if (tcp.timerKind !== TIMER_RETRANSMIT) rearmRetransmit(tcp)
}

/** Duplicates that the peer reports widen the window, once a round trip (tcp_rack_update_reo_wnd). */
export function updateReorderingWindow(tcp: Connection, work: AckWork): void {
  const { rack } = tcp
  if (work.latestSentAt < 0) return
  if (work.priorDelivered < rack.lastDelivered) rack.isDsackSeen = false
  if (rack.isDsackSeen) {
    rack.windowSteps = Math.min(rack.windowSteps + 1, 0xff)
    rack.isDsackSeen = false
    rack.lastDelivered = tcp.delivered
    rack.persist = PERSIST_RECOVERIES
  } else if (rack.persist === 0) rack.windowSteps = 1
}
