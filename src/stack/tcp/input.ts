import { STAGE_TCP_ACK, STAGE_TCP_RECEIVE } from '../../cpu/stage.ts'
import { ACK_ACCEPTED, ACK_TOO_OLD, ACK_UNSENT, receiveAck } from './ack.ts'
import { HAS_DATA, SLOW_PATH, UPDATE_TIMESTAMP } from './ack-work.ts'
import { breakConnection, enterTimeWait, isOwnFinAcked } from './close.ts'
import type { Connection } from './connection.ts'
import { checkAck, enterQuickAcks } from './delayed-ack.ts'
import type { Verdict } from './endpoint.ts'
import { receiveInSynSent } from './handshake.ts'
import type { Incoming } from './incoming.ts'
import { nagleOf, pushPending } from './output.ts'
import { readableBytes, receiveData } from './receive.ts'
import { replyReset } from './reply.ts'
import { checkSpace } from './send-buffer.ts'
import { isWrapped, storeTimestamp } from './timestamps.ts'
import { sendAck } from './transmit.ts'

/** A segment for this connection (tcp_v4_do_rcv). */
export function receiveSegment(tcp: Connection, segment: Incoming): Verdict {
  tcp.refreshClock()
  tcp.segsIn += segment.count
  if (segment.length > 0) tcp.kernel.spend(STAGE_TCP_RECEIVE, segment.count, segment.length)
  else tcp.kernel.spend(STAGE_TCP_ACK, 1, 0)
  segment.locate(tcp.irs, tcp.rcvNxt, tcp.iss, tcp.sndUna)
  if (tcp.state === 'SYN-SENT') return receiveInSynSent(tcp, segment)
  tcp.latestEcho = segment.hasTimestamps && tcp.usesTimestamps ? segment.tsEcho : null
  let flags: number
  if (isPredicted(tcp, segment)) {
    if (tcp.usesTimestamps && tcp.rcvNxt === tcp.window.offeredAt) storeTimestamp(tcp, segment)
    flags = segment.length > 0 ? HAS_DATA : 0
  } else {
    const refusal = validate(tcp, segment)
    if (refusal !== null) return refusal
    flags = SLOW_PATH | UPDATE_TIMESTAMP
  }
  const result = receiveAck(tcp, segment, flags)
  if (result === ACK_UNSENT || result === ACK_TOO_OLD) return challenge(tcp, 'tcp_invalid_ack')
  if (tcp.state !== 'ESTABLISHED') {
    const verdict = advanceState(tcp, segment, result === ACK_ACCEPTED)
    if (verdict !== null) return verdict
  }
  return takeData(tcp, segment)
}

/** Header prediction: nothing out of the ordinary, so that no check can fail. */
function isPredicted(tcp: Connection, segment: Incoming): boolean {
  return (
    tcp.state === 'ESTABLISHED' &&
    segment.start === tcp.rcvNxt &&
    !segment.isSyn &&
    !segment.isFin &&
    !segment.isReset &&
    segment.hasAck &&
    segment.window * 2 ** tcp.sendScale === tcp.sndWnd &&
    !segment.hasParsedOptions &&
    segment.hasTimestamps === tcp.usesTimestamps &&
    !tcp.received.hasHole &&
    segment.end <= tcp.rcvNxt + tcp.receiveWindow &&
    (!tcp.usesTimestamps || ((segment.tsValue - tcp.tsRecent) | 0) >= 0)
  )
}

/** tcp_validate_incoming. @returns what became of the segment; null when it is to be looked at. */
function validate(tcp: Connection, segment: Incoming): Verdict | null {
  if (tcp.usesTimestamps && isWrapped(tcp, segment) && !segment.isReset) {
    if (segment.isSyn) return challenge(tcp, 'tcp_paws')
    return answerOutOfWindow(tcp, segment, 'tcp_paws')
  }
  const { start, end } = segment
  if (end < tcp.window.offeredAt || start > tcp.rcvNxt + tcp.receiveWindow) {
    if (segment.isReset) return 'tcp_invalid_sequence'
    if (segment.isSyn) return challenge(tcp, 'tcp_invalid_sequence')
    // Probes of a closed window end here too: theirs is an old number.
    const isOld = end < tcp.window.offeredAt
    return answerOutOfWindow(tcp, segment, isOld ? 'tcp_old_data' : 'tcp_invalid_sequence')
  }
  if (segment.isReset) {
    // Only the exact number is believed (RFC 5961, 3.2).
    if (start !== tcp.rcvNxt) return challenge(tcp, 'tcp_invalid_sequence')
    breakConnection(tcp, tcp.state === 'CLOSE-WAIT' ? 'EPIPE' : 'ECONNRESET')
    return 'consumed'
  }
  if (segment.isSyn) return challenge(tcp, 'tcp_invalid_sequence')
  return segment.hasAck ? null : 'tcp_invalid_sequence'
}

/** Tells a peer that may be another one now what is expected (RFC 5961), not too often. */
function challenge(tcp: Connection, reason: Verdict): Verdict {
  if (!isRateLimited(tcp)) sendAck(tcp)
  return reason
}

function isRateLimited(tcp: Connection): boolean {
  if (tcp.now - tcp.challengeStamp < tcp.parameters.invalidRatelimit) return true
  tcp.challengeStamp = tcp.now
  return false
}

/** tcp_send_dupack: a repeated segment means that our ACK was lost. */
function answerOutOfWindow(tcp: Connection, segment: Incoming, reason: Verdict): Verdict {
  const { start, end } = segment
  if (start === end && isRateLimited(tcp)) return reason
  if (end !== start && start < tcp.rcvNxt) {
    enterQuickAcks(tcp)
    if (tcp.usesSack && tcp.parameters.dsack) {
      tcp.sacks.setDsack(start, Math.min(end, tcp.rcvNxt))
    }
  }
  sendAck(tcp)
  return reason
}

/** What the ACK means for a connection that closes (tcp_rcv_state_process). @returns null to go on. */
function advanceState(tcp: Connection, segment: Incoming, isAccepted: boolean): Verdict | null {
  const isAcked = isAccepted && isOwnFinAcked(tcp)
  const isBeyondClose =
    tcp.isReceiveShut && segment.length > 0 && segment.start + segment.length > tcp.rcvNxt
  switch (tcp.state) {
    case 'FIN-WAIT-1':
      if (isAcked) tcp.state = 'FIN-WAIT-2'
      break
    case 'CLOSING':
      if (!isAcked) break
      enterTimeWait(tcp, false)
      return 'consumed'
    case 'LAST-ACK':
      if (!isAcked) break
      breakConnection(tcp, null)
      return 'consumed'
    default:
  }
  if (tcp.state !== 'FIN-WAIT-1' && tcp.state !== 'FIN-WAIT-2') return null
  if (isBeyondClose) {
    // Nobody will read it, and the peer must know (RFC 1122, 4.2.2.13).
    replyReset(tcp.namespace, segment)
    breakConnection(tcp, 'ECONNRESET')
    return 'tcp_closed'
  }
  if (tcp.state === 'FIN-WAIT-2' && tcp.isOrphan && !segment.isFin && isAcked) {
    enterTimeWait(tcp, true)
    return 'consumed'
  }
  return null
}

/** Data and FIN, then what is to be sent in turn. */
function takeData(tcp: Connection, segment: Incoming): Verdict {
  let verdict: Verdict = 'consumed'
  if (segment.end > segment.start) {
    measureRtt(tcp, segment)
    const before = readableBytes(tcp)
    const isNewFin = !tcp.hasPeerFinished
    const reason = receiveData(tcp, segment)
    if (reason !== null) verdict = reason
    else if (segment.length > 0) verdict = 'delivered'
    if (isNewFin && tcp.finSeq >= 0 && tcp.rcvNxt === tcp.finSeq) receiveFin(tcp)
    if (readableBytes(tcp) > before || (isNewFin && tcp.hasPeerFinished)) tcp.onReadable?.()
    if (tcp.isGone) return verdict
  }
  pushPending(tcp, nagleOf(tcp))
  checkSpace(tcp)
  checkAck(tcp)
  return verdict
}

/** The receiver's round trip, from timestamps (tcp_rcv_rtt_measure_ts). */
function measureRtt(tcp: Connection, segment: Incoming): void {
  const { latestEcho, measuredEcho } = tcp
  if (latestEcho === null || latestEcho === measuredEcho || latestEcho === 0) return
  tcp.measuredEcho = latestEcho
  if (segment.end - segment.start < tcp.receiveMss) return
  const milliseconds = (tcp.timestamp - latestEcho) | 0
  if (milliseconds <= 0) return
  tcp.window.sampleRtt(milliseconds * 1000, false, tcp.rcvNxt === tcp.copiedSeq)
}

/** The peer's FIN is next (tcp_fin). */
function receiveFin(tcp: Connection): void {
  tcp.rcvNxt++
  tcp.hasPeerFinished = true
  tcp.isAckOwed = true
  tcp.sacks.clear()
  switch (tcp.state) {
    case 'ESTABLISHED':
      tcp.state = 'CLOSE-WAIT'
      // What is said in return may carry the ACK.
      tcp.pingpong = tcp.parameters.pingpongThreshold
      break
    case 'FIN-WAIT-1':
      sendAck(tcp)
      tcp.state = 'CLOSING'
      break
    case 'FIN-WAIT-2':
      sendAck(tcp)
      enterTimeWait(tcp, false)
      break
    default:
  }
}
