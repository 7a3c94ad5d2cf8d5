import {
  type AckWork,
  DATA_SACKED,
  ORIGINAL_ACKED,
  RENEGING,
  RESEND_LOST,
  RESEND_NEW,
  RETRANSMISSION_LOST,
  SET_TIMER,
  UNA_ADVANCED,
} from './ack-work.ts'
import { type Connection, TIMER_RETRANSMIT } from './connection.ts'
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY } from './constants.ts'
import { currentSsthresh, endReduction, setCaState } from './cwnd.ts'
import { currentMss, probeFailed } from './mss.ts'
import { NAGLE_OFF, PUSH_ALL, writeXmit } from './output.ts'
import { rackMarkLost, untilLost } from './rack.ts'
import {
  cutSent,
  limitDuplicates,
  markLost,
  retransmitLonger,
  retransmitQueue,
} from './retransmit.ts'
import { LOST, SACKED, type Segment } from './segment.ts'
import { setTimer } from './timers.ts'
import {
  beginUndo,
  enterRecovery,
  tryToOpen,
  undoByDsack,
  undoLoss,
  undoPartial,
  undoRecovery,
} from './undo.ts'

/** Least time before the peer's withdrawn SACKs are acted on, microseconds. */
const RENEGING_DELAY = 10_000

/**
 * An ACK that is not plain progress (tcp_fastretrans_alert): moves between the states Open, Disorder,
 * CWR, Recovery and Loss, and marks what is lost.
 * @param duplicates ACKs that acknowledge nothing new.
 */
export function onDubiousAck(tcp: Connection, work: AckWork, duplicates: number): void {
  if (tcp.packetsOut === 0) tcp.sackedOut = 0
  if (isReneging(tcp, work)) return
  if (tcp.caState === CA_OPEN) tcp.retransStamp = Number.NaN
  else if (tcp.sndUna >= tcp.highSeq && isEpisodeOver(tcp)) return
  switch (tcp.caState) {
    case CA_RECOVERY:
      if (!continueRecovery(tcp, work, duplicates)) return
      break
    case CA_LOSS:
      if (!continueLoss(tcp, work, duplicates)) return
      if (!watchForLoss(tcp, work, duplicates)) return
      break
    default:
      if (!watchForLoss(tcp, work, duplicates)) return
  }
  work.resend = RESEND_LOST
}

/** The peer no longer has what it said it had (tcp_check_sack_reneging): it gets some time to correct it. */
function isReneging(tcp: Connection, work: AckWork): boolean {
  if (!work.has(RENEGING) || !work.has(UNA_ADVANCED)) return false
  setTimer(tcp, TIMER_RETRANSMIT, Math.max(tcp.rtt.srtt8 >> 4, RENEGING_DELAY))
  work.flags &= ~SET_TIMER
  return true
}

/** All that was in flight when the state began is acknowledged. @returns whether there is nothing to do. */
function isEpisodeOver(tcp: Connection): boolean {
  if (tcp.caState === CA_CWR) {
    // Something beyond it must be acknowledged.
    if (tcp.sndUna === tcp.highSeq) return false
    endReduction(tcp)
    setCaState(tcp, CA_OPEN)
  } else if (tcp.caState === CA_RECOVERY) {
    if (!tcp.usesSack) tcp.sackedOut = 0
    if (undoRecovery(tcp)) return true
    endReduction(tcp)
  }
  return false
}

/** @returns whether there are segments to send again. */
function continueRecovery(tcp: Connection, work: AckWork, duplicates: number): boolean {
  if (!work.has(UNA_ADVANCED)) {
    if (!tcp.usesSack) addDuplicates(tcp, duplicates)
  } else if (undoPartial(tcp, work.priorUna)) return false
  if (undoByDsack(tcp)) tryToOpen(tcp)
  identifyLoss(tcp, work)
  if (tcp.caState === CA_RECOVERY) return true
  if (tcp.lostOut === 0) return false
  enterRecovery(tcp)
  return true
}

/** tcp_process_loss. @returns whether to go on as in a state without loss. */
function continueLoss(tcp: Connection, work: AckWork, duplicates: number): boolean {
  processLoss(tcp, work, duplicates)
  const { resend } = work
  identifyLoss(tcp, work)
  work.resend = resend
  return tcp.caState === CA_OPEN || work.has(RETRANSMISSION_LOST)
}

function processLoss(tcp: Connection, work: AckWork, duplicates: number): void {
  const isRecovered = tcp.sndUna >= tcp.highSeq
  if (work.has(UNA_ADVANCED) && undoLoss(tcp, false)) return
  if (tcp.isFrto) {
    // RFC 5682: data that was never sent again arrives, so the timeout was for nothing.
    if (work.has(ORIGINAL_ACKED) && undoLoss(tcp, true)) return
    if (tcp.sndNxt > tcp.highSeq) {
      if (work.has(DATA_SACKED) || duplicates > 0) tcp.isFrto = false
    } else if (work.has(UNA_ADVANCED) && !isRecovered) {
      tcp.highSeq = tcp.sndNxt
      if (tcp.queue.unsent !== null && tcp.windowEnd > tcp.sndNxt) {
        work.resend = RESEND_NEW
        return
      }
      tcp.isFrto = false
    }
  }
  if (isRecovered) {
    undoRecovery(tcp)
    return
  }
  if (!tcp.usesSack) {
    if (tcp.sndNxt > tcp.highSeq && duplicates > 0) addDuplicates(tcp, duplicates)
    else if (work.has(UNA_ADVANCED)) tcp.sackedOut = 0
  }
  work.resend = RESEND_LOST
}

/** Open, Disorder and CWR: looks whether something is lost by now. @returns whether it is. */
function watchForLoss(tcp: Connection, work: AckWork, duplicates: number): boolean {
  if (!tcp.usesSack) {
    if (work.has(UNA_ADVANCED)) tcp.sackedOut = 0
    addDuplicates(tcp, duplicates)
  }
  if (tcp.caState <= CA_DISORDER) undoByDsack(tcp)
  identifyLoss(tcp, work)
  if (tcp.lostOut === 0) {
    tryToOpen(tcp)
    return false
  }
  if (tcp.caState < CA_CWR && tcp.probeSize > 0 && tcp.sndUna === tcp.probeStart) {
    // Only the longer segment is lost, and that tells of the MTU, not of congestion.
    probeFailed(tcp)
    tcp.cwnd++
    retransmitLonger(tcp)
    return false
  }
  enterRecovery(tcp)
  return true
}

/** tcp_identify_packet_loss. */
function identifyLoss(tcp: Connection, work: AckWork): void {
  if (tcp.packetsOut === 0) return
  if (!tcp.usesSack) {
    markByDuplicates(tcp, work.has(UNA_ADVANCED))
    return
  }
  const before = tcp.retransOut
  if (rackMarkLost(tcp)) work.flags &= ~SET_TIMER
  if (before > tcp.retransOut) work.flags |= RETRANSMISSION_LOST
}

/** Without SACK the first segment is lost after enough duplicates, or a partial ACK (tcp_newreno_mark_lost). */
function markByDuplicates(tcp: Connection, isUnaAdvanced: boolean): void {
  const isLost =
    (tcp.caState < CA_RECOVERY && tcp.sackedOut >= tcp.reordering) ||
    (tcp.caState === CA_RECOVERY && isUnaAdvanced)
  const { head } = tcp.queue
  if (!isLost || head === null || (head.tags & LOST) !== 0) return
  if (head.count > 1 && head.length > head.mss) cutSent(tcp, head, head.mss, head.mss)
  markLost(tcp, head)
}

/** Each duplicate ACK stands for a segment that has arrived (tcp_add_reno_sack). */
function addDuplicates(tcp: Connection, duplicates: number): void {
  if (duplicates === 0) return
  const before = tcp.sackedOut
  tcp.sackedOut += duplicates
  noteDuplicateExcess(tcp, 0)
  if (tcp.sackedOut > before) tcp.delivered += tcp.sackedOut - before
}

/** Of the acknowledged segments one fills the hole, the others had been counted (tcp_remove_reno_sacks). */
export function removeDuplicates(tcp: Connection, acked: number): void {
  if (acked > 0) {
    tcp.delivered += Math.max(acked - tcp.sackedOut, 1)
    tcp.sackedOut = Math.max(tcp.sackedOut - (acked - 1), 0)
  }
  noteDuplicateExcess(tcp, acked)
}

/** More duplicates than segments: they were overtaken, not lost (tcp_check_reno_reordering). */
function noteDuplicateExcess(tcp: Connection, acked: number): void {
  if (!limitDuplicates(tcp)) return
  tcp.reordering = Math.min(tcp.packetsOut + acked, tcp.parameters.maxReordering)
  tcp.reorderingSeen++
}

/** The timer has run out: what was in flight is lost, and slow start begins (tcp_enter_loss). */
export function enterLoss(tcp: Connection): void {
  const isNew = tcp.caState < CA_RECOVERY
  markAllLost(tcp)
  if (
    tcp.caState <= CA_DISORDER ||
    tcp.highSeq <= tcp.sndUna ||
    (tcp.caState === CA_LOSS && tcp.retransmits === 0)
  ) {
    tcp.priorSsthresh = currentSsthresh(tcp)
    tcp.priorCwnd = tcp.cwnd
    tcp.ssthresh = tcp.control.ssthresh()
    beginUndo(tcp)
  }
  tcp.cwnd = tcp.inFlight + 1
  tcp.cwndCount = 0
  tcp.cwndStamp = tcp.jiffies
  const { reordering, frto } = tcp.parameters
  // So many duplicates, and yet a timeout: the path reorders less than was thought.
  if (tcp.caState <= CA_DISORDER && tcp.sackedOut >= reordering) {
    tcp.reordering = Math.min(tcp.reordering, reordering)
  }
  setCaState(tcp, CA_LOSS)
  tcp.highSeq = tcp.sndNxt
  tcp.probeHighSeq = 0
  tcp.isFrto = frto && (isNew || tcp.retransmits > 0) && tcp.probeSize === 0
}

/** tcp_timeout_mark_lost. */
function markAllLost(tcp: Connection): void {
  const { head, unsent } = tcp.queue
  const isRenegingPeer = head !== null && head !== unsent && (head.tags & SACKED) !== 0
  if (isRenegingPeer) {
    tcp.sackedOut = 0
    tcp.isReneging = true
  } else if (!tcp.usesSack) tcp.sackedOut = 0
  for (let s: Segment | null = head; s !== null && s !== unsent; s = s.next) {
    if (isRenegingPeer) s.tags &= ~SACKED
    // What was sent only lately may still arrive.
    else if (s !== head && tcp.usesSack && untilLost(tcp, s, 0) > 0) continue
    markLost(tcp, s)
  }
  tcp.retransmitHint = null
}

/** What follows from an ACK for sending (tcp_xmit_recovery). */
export function resend(tcp: Connection, work: AckWork): void {
  if (work.resend === 0) return
  if (work.resend === RESEND_NEW) {
    writeXmit(tcp, currentMss(tcp), NAGLE_OFF, PUSH_ALL)
    // F-RTO has nothing to send: it goes on as usual.
    if (tcp.sndNxt > tcp.highSeq) return
    tcp.isFrto = false
  }
  retransmitQueue(tcp)
}
