import { type Connection, TIMER_LOSS_PROBE, TIMER_NONE } from './connection.ts'
import { CA_CWR, CA_OPEN, RTO_INITIAL, RTO_MIN, TIMEOUT_MIN } from './constants.ts'
import { beginReduction, endReduction, setCaState } from './cwnd.ts'
import { currentMss } from './mss.ts'
import { NAGLE_OFF, PUSH_PROBE, writeXmit } from './output.ts'
import { cutSent, retransmitQuietly } from './retransmit.ts'
import type { Segment } from './segment.ts'
import { clearTimer, rearmRetransmit, setTimer, untilTimeout } from './timers.ts'
import { keepOpen } from './undo.ts'

/**
 * Tail loss probe (RFC 8985, 7): arms the timer after which the last segment is sent again, so that its
 * ACK tells what was lost.
 * @param isFresh the timeout would begin now (advancing_rto).
 */
export function scheduleLossProbe(tcp: Connection, isFresh: boolean): boolean {
  if (!tcp.parameters.lossProbes || tcp.packetsOut === 0 || !tcp.usesSack) return false
  if (tcp.caState !== CA_OPEN && tcp.caState !== CA_CWR) return false
  const { srtt8 } = tcp.rtt
  let delay = RTO_INITIAL
  // A lone segment's ACK may be delayed.
  if (srtt8 > 0) delay = (srtt8 >> 2) + (tcp.packetsOut === 1 ? RTO_MIN : TIMEOUT_MIN)
  const timeout = isFresh ? tcp.rto : untilTimeout(tcp)
  if (timeout > 0) delay = Math.min(delay, timeout)
  setTimer(tcp, TIMER_LOSS_PROBE, delay)
  return true
}

/** The probe's time has come: new data if there is some, else the last segment (tcp_send_loss_probe). */
export function sendLossProbe(tcp: Connection): void {
  if (tcp.probeHighSeq === 0 && isProbeSent(tcp)) {
    tcp.probeHighSeq = tcp.sndNxt
    // The timeout begins with the probe.
    tcp.timerKind = TIMER_NONE
  }
  rearmRetransmit(tcp)
}

function isProbeSent(tcp: Connection): boolean {
  const { queue } = tcp
  tcp.isProbeRetransmission = false
  const mss = currentMss(tcp)
  const { unsent } = queue
  if (unsent !== null && Math.min(unsent.end, unsent.start + mss) <= tcp.windowEnd) {
    const before = tcp.packetsOut
    writeXmit(tcp, mss, NAGLE_OFF, PUSH_PROBE)
    return tcp.packetsOut > before
  }
  const last = queue.lastSent
  if (last === null) {
    clearTimer(tcp)
    return false
  }
  if (!retransmitQuietly(tcp, lastPiece(tcp, last, mss), 1)) return false
  tcp.isProbeRetransmission = true
  return true
}

/** Of a unit only its last segment is sent again. */
function lastPiece(tcp: Connection, segment: Segment, mss: number): Segment {
  const { count, length } = segment
  if (count <= 1 || length <= (count - 1) * mss) return segment
  return cutSent(tcp, segment, (count - 1) * mss, mss)
}

/**
 * An ACK beyond the probe: it tells whether the probe has repaired a loss (tcp_process_tlp_ack).
 * @param isProbeDsacked the probe was reported as a duplicate. @param isDuplicate nothing new is told.
 */
export function onLossProbeAck(
  tcp: Connection,
  ack: number,
  isProbeDsacked: boolean,
  isDuplicate: boolean,
): void {
  if (ack < tcp.probeHighSeq) return
  if (!tcp.isProbeRetransmission || isProbeDsacked) tcp.probeHighSeq = 0
  else if (ack > tcp.probeHighSeq) {
    // Only the probe can have filled the hole: a loss, which the window must follow.
    beginReduction(tcp)
    setCaState(tcp, CA_CWR)
    endReduction(tcp)
    keepOpen(tcp)
  } else if (isDuplicate) tcp.probeHighSeq = 0
}
