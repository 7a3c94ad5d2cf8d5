import { TCP_SYN } from '../../wire/tcp.ts'
import {
  AckWork,
  ALERT,
  ANY_ACKED,
  DATA_ACKED,
  DATA_SACKED,
  DSACKED,
  HAS_DATA,
  NOT_DUPLICATE,
  ORIGINAL_ACKED,
  PROBE_DSACKED,
  PROGRESS,
  RENEGING,
  RETRANSMISSION_ACKED,
  SET_TIMER,
  SLOW_PATH,
  SYN_ACKED,
  UNA_ADVANCED,
  UPDATE_TIMESTAMP,
  WINDOW_UPDATED,
} from './ack-work.ts'
import { type Connection, TIMER_WINDOW_PROBE } from './connection.ts'
import { CA_OPEN } from './constants.ts'
import { currentSsthresh, isReducing, reduceCwnd, updatePacingRate } from './cwnd.ts'
import type { Incoming } from './incoming.ts'
import { onLossProbeAck, scheduleLossProbe } from './loss-probe.ts'
import { probeSucceeded, syncMss } from './mss.ts'
import { rackAdvance, updateReorderingWindow } from './rack.ts'
import { onDubiousAck, removeDuplicates, resend } from './recovery.ts'
import { forget, trimHead } from './retransmit.ts'
import { tagSacked } from './sack.ts'
import { EVER_RETRANSMITTED, LOST, RETRANSMITTED, SACKED, type Segment } from './segment.ts'
import { CHRONO_BUSY } from './tcp-info.ts'
import { clearTimer, rearmRetransmit, setTimer, windowProbeDelay } from './timers.ts'
import { storeTimestamp } from './timestamps.ts'
import { highestSackedEnd, noteReordering } from './undo.ts'

/** One at a time is processed: nothing keeps it. */
const work = new AckWork()

const ACK_OLD = 0
export const ACK_ACCEPTED = 1
/** It acknowledges what was never sent. */
export const ACK_UNSENT = 2
/** So old that it can only be forged (RFC 5961, 5.2). */
export const ACK_TOO_OLD = 3

/** Takes in the acknowledgement of a segment (tcp_ack). @param flags SLOW_PATH and UPDATE_TIMESTAMP. */
export function receiveAck(tcp: Connection, segment: Incoming, flags: number): number {
  const { ack } = segment
  const una = tcp.sndUna
  if (ack < una) return receiveOldAck(tcp, segment)
  if (ack > tcp.sndNxt) return ACK_UNSENT
  const isAdvance = ack > una
  if (isAdvance) {
    flags |= UNA_ADVANCED
    tcp.retransmits = 0
  }
  work.begin(flags, una, highestSackedEnd(tcp), tcp.sndNxt)
  const priorInFlight = tcp.packetsOut
  const { delivered, lost } = tcp
  if ((flags & UPDATE_TIMESTAMP) !== 0) storeTimestamp(tcp, segment)
  if ((flags & (SLOW_PATH | UNA_ADVANCED)) === UNA_ADVANCED) {
    tcp.sndWl1 = segment.start
    tcp.sndUna = ack
    work.flags |= WINDOW_UPDATED
  } else {
    if (segment.end !== segment.start) work.flags |= HAS_DATA
    updateSendWindow(tcp, segment)
    if (segment.options.sackBlocks > 0 && segment.hasParsedOptions && tcp.usesSack) {
      tagSacked(tcp, ack, segment.options, work)
    }
  }
  tcp.probesOut = 0
  tcp.softError = null
  tcp.heardJiffy = tcp.jiffies
  if (priorInFlight === 0) {
    onAckOfNothing(tcp, ack)
    return ACK_ACCEPTED
  }
  cleanQueue(tcp)
  updateReorderingWindow(tcp, work)
  if (tcp.probeHighSeq !== 0) noteLossProbeAck(tcp, ack)
  if (isDubious(tcp)) {
    const isDuplicate = (work.flags & (UNA_ADVANCED | NOT_DUPLICATE | DSACKED)) === 0
    onDubiousAck(tcp, work, isDuplicate ? 1 : 0)
  }
  if (work.has(SET_TIMER) && !scheduleLossProbe(tcp, true)) rearmRetransmit(tcp)
  tcp.delivered += work.sackDelivered
  controlCongestion(tcp, tcp.delivered - delivered, tcp.lost - lost)
  resend(tcp, work)
  return ACK_ACCEPTED
}

/** tcp_ack_is_dubious. */
function isDubious(tcp: Connection): boolean {
  const { flags } = work
  return (flags & NOT_DUPLICATE) === 0 || (flags & ALERT) !== 0 || tcp.caState !== CA_OPEN
}

function noteLossProbeAck(tcp: Connection, ack: number): void {
  const isDuplicate = !work.has(UNA_ADVANCED | NOT_DUPLICATE | DATA_SACKED)
  onLossProbeAck(tcp, ack, work.has(PROBE_DSACKED), isDuplicate)
}

/** An overtaken ACK: only its SACK blocks may tell something new. */
function receiveOldAck(tcp: Connection, segment: Incoming): number {
  const { ack } = segment
  if (ack < tcp.sndUna - Math.min(tcp.maxWindow, tcp.sndUna)) return ACK_TOO_OLD
  if (!tcp.usesSack || !segment.hasParsedOptions || segment.options.sackBlocks === 0) return ACK_OLD
  work.begin(0, tcp.sndUna, highestSackedEnd(tcp), tcp.sndNxt)
  tagSacked(tcp, ack, segment.options, work)
  onDubiousAck(tcp, work, 0)
  tcp.delivered += work.sackDelivered
  resend(tcp, work)
  return ACK_OLD
}

/** An ACK while nothing is in flight: it may open a closed window. */
function onAckOfNothing(tcp: Connection, ack: number): void {
  if (work.has(DSACKED)) {
    onDubiousAck(tcp, work, 0)
    tcp.delivered += work.sackDelivered
  }
  const { unsent } = tcp.queue
  if (unsent !== null) {
    if (unsent.end <= tcp.windowEnd) {
      tcp.backoff = 0
      if (tcp.timerKind === TIMER_WINDOW_PROBE) clearTimer(tcp)
    } else setTimer(tcp, TIMER_WINDOW_PROBE, windowProbeDelay(tcp))
  }
  if (tcp.probeHighSeq !== 0) noteLossProbeAck(tcp, ack)
}

/** Takes the window over from the newest segment (tcp_ack_update_window). */
function updateSendWindow(tcp: Connection, segment: Incoming): void {
  const { ack, start } = segment
  const window = segment.window * 2 ** (segment.isSyn ? 0 : tcp.sendScale)
  const isNewer =
    ack > tcp.sndUna ||
    start > tcp.sndWl1 ||
    (start === tcp.sndWl1 && (window > tcp.sndWnd || window === 0))
  if (isNewer) {
    work.flags |= WINDOW_UPDATED
    tcp.sndWl1 = start
    if (tcp.sndWnd !== window) {
      tcp.sndWnd = window
      if (window > tcp.maxWindow) {
        tcp.maxWindow = window
        syncMss(tcp, tcp.pmtu)
      }
    }
  }
  tcp.sndUna = ack
}

/** Takes what is acknowledged off the queue (tcp_clean_rtx_queue). */
function cleanQueue(tcp: Connection): void {
  const { queue } = tcp
  const { priorHighest } = work
  let first = -1
  let last = -1
  let acked = 0
  let isWhole = true
  let reordered = tcp.sndNxt
  let segment = queue.head
  while (segment !== null && segment !== queue.unsent) {
    const { tags, sentAt, start } = segment
    let { count } = segment
    if (segment.end > tcp.sndUna) {
      if (count === 1 || tcp.sndUna <= start) break
      count = trimHead(segment, tcp.sndUna)
      if (count === 0) break
      isWhole = false
    }
    if ((tags & (RETRANSMITTED | EVER_RETRANSMITTED)) !== 0) {
      if ((tags & RETRANSMITTED) !== 0) tcp.retransOut -= count
      work.flags |= RETRANSMISSION_ACKED
    } else if ((tags & SACKED) === 0) {
      last = sentAt
      if (first < 0) first = sentAt
      if (start < reordered) reordered = start
      if (segment.end <= tcp.highSeq) work.flags |= ORIGINAL_ACKED
    }
    if ((tags & SACKED) !== 0) tcp.sackedOut -= count
    else if (tcp.usesSack) noteArrived(tcp, segment, count)
    if ((tags & LOST) !== 0) tcp.lostOut -= count
    tcp.packetsOut -= count
    acked += count
    if ((segment.flags & TCP_SYN) === 0) work.flags |= DATA_ACKED
    else {
      work.flags |= SYN_ACKED
      tcp.retransStamp = Number.NaN
    }
    if (!isWhole) break
    const next: Segment | null = segment.next === queue.unsent ? null : segment.next
    if (
      tcp.retransmitHint === segment ||
      tcp.highestSacked === segment ||
      tcp.sackHint === segment
    ) {
      if (tcp.retransmitHint === segment) tcp.retransmitHint = null
      forget(tcp, segment, next)
    }
    queue.shift()
    segment = next
  }
  concludeQueue(tcp, segment, acked, first, last)
  if (work.has(ANY_ACKED) && tcp.usesSack && reordered < priorHighest) {
    noteReordering(tcp, reordered)
  }
}

function noteArrived(tcp: Connection, segment: Segment, count: number): void {
  tcp.delivered += count
  work.noteDelivered(segment.sentAt, segment.delivered)
  rackAdvance(tcp, segment.tags, segment.end, segment.sentAt)
}

/** What follows from what was taken off: times, timer, MTU probe, window of who does without SACK. */
function concludeQueue(
  tcp: Connection,
  head: Segment | null,
  acked: number,
  first: number,
  last: number,
): void {
  if (head === null && tcp.queue.unsent === null) tcp.chrono.stop(CHRONO_BUSY, false, tcp.now)
  if (!tcp.sendContent.isEmpty) tcp.sendContent.release(tcp.sndUna)
  if (head !== null && (head.tags & SACKED) !== 0) work.flags |= RENEGING
  let rtt = -1
  let sackRtt = -1
  if (first >= 0 && !work.has(RETRANSMISSION_ACKED)) {
    rtt = tcp.mstamp - first
    work.rtt = tcp.mstamp - last
  }
  if (work.firstSackedAt >= 0) {
    sackRtt = tcp.mstamp - work.firstSackedAt
    work.rtt = tcp.mstamp - work.lastSackedAt
  }
  const isSampled = sampleRtt(tcp, rtt, sackRtt)
  if (work.has(ANY_ACKED)) {
    work.flags |= SET_TIMER
    if (tcp.probeSize > 0 && tcp.probeEnd <= tcp.sndUna) probeSucceeded(tcp, currentSsthresh(tcp))
    if (!tcp.usesSack) {
      removeDuplicates(tcp, acked)
      if (work.has(RETRANSMISSION_ACKED)) work.flags &= ~ORIGINAL_ACKED
    }
  } else if (head !== null && isSampled && sackRtt > tcp.mstamp - head.sentAt) {
    // Data sent after the head was last sent has arrived: the head's timeout begins anew.
    work.flags |= SET_TIMER
  }
  if (work.rtt >= 0) tcp.control.onRtt(work.rtt * 1e6)
}

/** tcp_ack_update_rtt. @returns whether there was a sample. */
function sampleRtt(tcp: Connection, fromAck: number, fromSack: number): boolean {
  let rtt = fromAck >= 0 ? fromAck : fromSack
  if (rtt < 0 && tcp.latestEcho !== null && work.has(ANY_ACKED)) {
    // The echo tells which sending of a retransmitted segment arrived.
    const milliseconds = (tcp.timestamp - tcp.latestEcho) | 0
    if (milliseconds < 0) return false
    rtt = Math.max(milliseconds, 1) * 1000
    work.rtt = rtt
  }
  if (rtt < 0) return false
  tcp.rtt.sampleMinimum(tcp.mstamp, work.rtt)
  tcp.rtt.sample(rtt, tcp.sndUna, tcp.sndNxt)
  tcp.rto = tcp.rtt.rto
  tcp.backoff = 0
  return true
}

/** tcp_cong_control. */
function controlCongestion(tcp: Connection, delivered: number, lost: number): void {
  if (isReducing(tcp)) reduceCwnd(tcp, delivered, lost, work.has(UNA_ADVANCED))
  else {
    const isReordering = tcp.reordering > tcp.parameters.reordering
    if (work.has(isReordering ? PROGRESS : DATA_ACKED)) {
      tcp.control.congAvoid(delivered)
      tcp.cwndStamp = tcp.jiffies
    }
  }
  updatePacingRate(tcp)
}
