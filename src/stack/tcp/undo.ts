import type { Connection } from './connection.ts'
import { CA_CWR, CA_DISORDER, CA_OPEN, CA_RECOVERY } from './constants.ts'
import { beginReduction, currentSsthresh, isReducing, setCaState } from './cwnd.ts'
import { PERSIST_RECOVERIES } from './rack.ts'
import { EVER_RETRANSMITTED, LOST, type Segment } from './segment.ts'

/** Whether the head of the queue was ever sent again (tcp_any_retrans_done). */
function isAnyRetransmitted(tcp: Connection): boolean {
  const { head } = tcp.queue
  if (tcp.retransOut > 0) return true
  return head !== null && head !== tcp.queue.unsent && (head.tags & EVER_RETRANSMITTED) !== 0
}

/** What was retransmitted so far might have been for nothing (tcp_init_undo). */
export function beginUndo(tcp: Connection): void {
  tcp.undoMarker = tcp.sndUna
  let made = tcp.retransOut
  if (tcp.probeHighSeq !== 0 && tcp.isProbeRetransmission) made++
  tcp.undoRetrans = made === 0 ? -1 : made
}

/** Losses are evident: the window goes down to what the algorithm says (tcp_enter_recovery). */
export function enterRecovery(tcp: Connection): void {
  if (!isAnyRetransmitted(tcp)) tcp.retransStamp = Number.NaN
  tcp.priorSsthresh = 0
  beginUndo(tcp)
  if (!isReducing(tcp)) {
    tcp.priorSsthresh = currentSsthresh(tcp)
    beginReduction(tcp)
  }
  if (tcp.rack.persist > 0) tcp.rack.persist--
  setCaState(tcp, CA_RECOVERY)
}

/** An ACK echoes a time before the first retransmission, so the first sending arrived (tcp_packet_delayed). */
function isOriginalAcked(tcp: Connection): boolean {
  const { retransStamp } = tcp
  if (Number.isNaN(retransStamp)) {
    // Without SACK `mustHold` has forgotten the time of a retransmission that there was.
    if (!tcp.usesSack && tcp.sndUna >= tcp.highSeq) return false
    return tcp.state !== 'SYN-SENT'
  }
  return tcp.latestEcho !== null && ((tcp.latestEcho - retransStamp) | 0) < 0
}

/** tcp_may_undo. */
function mayUndo(tcp: Connection): boolean {
  return tcp.undoMarker >= 0 && (tcp.undoRetrans === 0 || isOriginalAcked(tcp))
}

/** The reduction was for nothing: back to the window of before (tcp_undo_cwnd_reduction). */
function undoReduction(tcp: Connection, unmarksLosses: boolean): void {
  if (unmarksLosses) {
    const { head, unsent } = tcp.queue
    for (let s: Segment | null = head; s !== null && s !== unsent; s = s.next) s.tags &= ~LOST
    tcp.lostOut = 0
    tcp.retransmitHint = null
  }
  if (tcp.priorSsthresh > 0) {
    tcp.cwnd = tcp.control.undoCwnd()
    if (tcp.priorSsthresh > tcp.ssthresh) tcp.ssthresh = tcp.priorSsthresh
  }
  tcp.undone++
  tcp.cwndStamp = tcp.jiffies
  tcp.undoMarker = -1
  tcp.rack.isAdvanced = true
}

/** Without SACK the state is held until something beyond `highSeq` is acknowledged (RFC 6582, 6). */
function mustHold(tcp: Connection): boolean {
  if (tcp.usesSack || tcp.sndUna !== tcp.highSeq) return false
  if (!isAnyRetransmitted(tcp)) tcp.retransStamp = Number.NaN
  return true
}

/** All is repaired (tcp_try_undo_recovery). @returns whether the state is held nevertheless. */
export function undoRecovery(tcp: Connection): boolean {
  if (mayUndo(tcp)) undoReduction(tcp, false)
  if (mustHold(tcp)) return true
  setCaState(tcp, CA_OPEN)
  tcp.isReneging = false
  return false
}

/** Every retransmission was reported as a duplicate (tcp_try_undo_dsack). */
export function undoByDsack(tcp: Connection): boolean {
  if (tcp.undoMarker < 0 || tcp.undoRetrans !== 0) return false
  tcp.rack.persist = Math.min(PERSIST_RECOVERIES, tcp.rack.persist + 1)
  undoReduction(tcp, false)
  return true
}

/** The timeout was for nothing (tcp_try_undo_loss). @param isByFrto original data has arrived. */
export function undoLoss(tcp: Connection, isByFrto: boolean): boolean {
  if (!isByFrto && !mayUndo(tcp)) return false
  undoReduction(tcp, true)
  tcp.retransmits = 0
  if (mustHold(tcp)) return true
  if (isByFrto || tcp.usesSack) {
    setCaState(tcp, CA_OPEN)
    tcp.isReneging = false
  }
  return true
}

/**
 * An ACK of a part of what was in flight (tcp_try_undo_partial).
 * @returns whether it tells of a delay only, while retransmissions are still out.
 */
export function undoPartial(tcp: Connection, priorUna: number): boolean {
  if (tcp.undoMarker < 0 || !isOriginalAcked(tcp)) return false
  noteReordering(tcp, priorUna)
  if (tcp.retransOut > 0) return true
  if (!isAnyRetransmitted(tcp)) tcp.retransStamp = Number.NaN
  undoReduction(tcp, true)
  keepOpen(tcp)
  return false
}

/** Open, or Disorder while something is missing or was sent again (tcp_try_keep_open). */
export function keepOpen(tcp: Connection): void {
  const isDisordered = tcp.sackedOut + tcp.lostOut > 0 || isAnyRetransmitted(tcp)
  const state = isDisordered ? CA_DISORDER : CA_OPEN
  if (tcp.caState === state) return
  setCaState(tcp, state)
  tcp.highSeq = tcp.sndNxt
}

/** tcp_try_to_open. */
export function tryToOpen(tcp: Connection): void {
  if (!isAnyRetransmitted(tcp)) tcp.retransStamp = Number.NaN
  if (tcp.caState !== CA_CWR) keepOpen(tcp)
}

/** The offset up to which segments are selectively acknowledged (tcp_highest_sack_seq). */
export function highestSackedEnd(tcp: Connection): number {
  if (tcp.sackedOut === 0) return tcp.sndUna
  return tcp.highestSacked === null ? tcp.sndNxt : tcp.highestSacked.start
}

/** Something at `offset` arrived behind later data: the path reorders (tcp_check_sack_reordering). */
export function noteReordering(tcp: Connection, offset: number): void {
  const distance = highestSackedEnd(tcp) - offset
  if (distance <= 0) return
  if (distance > tcp.reordering * tcp.mss) {
    const segments = Math.ceil(distance / tcp.mss)
    tcp.reordering = Math.min(segments, tcp.parameters.maxReordering)
  }
  tcp.reorderingSeen++
}
