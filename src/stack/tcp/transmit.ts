import { STAGE_TCP_SEND } from '../../cpu/stage.ts'
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TcpHeader } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { SEND_OVERHEAD } from './constants.ts'
import { advertisedWindow, selectWindow } from './offered-window.ts'
import { establishedOptions } from './options.ts'
import { sendSegment } from './path.ts'
import type { Segment } from './segment.ts'

/** Sends what a segment of the queue stands for, as one unit (tcp_transmit_skb). */
export function transmit(tcp: Connection, segment: Segment): boolean {
  const { length } = segment
  const { count } = segment
  let flags = TCP_ACK | segment.flags
  // PSH on every unit: the receiver's GRO then hands it on at once.
  if (count > 1) flags |= TCP_PSH
  segment.sentAt = tcp.mstamp
  segment.delivered = tcp.delivered
  noteAckSent(tcp)
  if (length > 0) noteDataSent(tcp)
  tcp.kernel.spend(STAGE_TCP_SEND, count, length)
  const header = new TcpHeader(
    (tcp.iss + segment.start) | 0,
    (tcp.irs + tcp.rcvNxt) | 0,
    flags & (TCP_ACK | TCP_FIN | TCP_PSH),
    advertisedWindow(tcp, selectWindow(tcp)),
    establishedOptions(tcp),
  )
  tcp.segsOut += count
  tcp.dataSegsOut += count
  tcp.bytesSent += length
  tcp.queue.touch(segment)
  const payload = tcp.sendContent.isEmpty
    ? null
    : tcp.sendContent.slice(segment.start, segment.start + length)
  return sendSegment(tcp, header, length, segment.mss, count, length + SEND_OVERHEAD, payload)
}

/** tcp_event_data_sent. */
function noteDataSent(tcp: Connection): void {
  if (tcp.inFlight === 0) tcp.control.onTransmitStart()
  tcp.sentStamp = tcp.mstamp
  tcp.sentJiffy = tcp.jiffies
  // A reply: what is asked next is answered with its ACK.
  if (tcp.jiffies - tcp.receivedJiffy < tcp.ato && tcp.pingpong < 0xff) tcp.pingpong++
}

/** tcp_event_ack_sent: every segment acknowledges, so that no ACK is owed any more. */
function noteAckSent(tcp: Connection): void {
  tcp.compressedAcks = 0
  if (tcp.quickAcks > 0) {
    if (tcp.isAckOwed && --tcp.quickAcks === 0) tcp.ato = Math.floor(tcp.hz / 25)
  }
  tcp.isAckOwed = false
  tcp.isAckTimed = false
  tcp.isAckNow = false
  tcp.pushes = 0
}

/** An ACK without data (tcp_send_ack). */
export function sendAck(tcp: Connection): void {
  if (tcp.state === 'CLOSED') return
  noteAckSent(tcp)
  sendBare(tcp, TCP_ACK, tcp.sndNxt)
}

/** A segment that asks for an ACK: its number has been acknowledged (tcp_xmit_probe_skb). */
export function sendWindowProbe(tcp: Connection): void {
  sendBare(tcp, TCP_ACK, tcp.sndUna - 1)
}

/** tcp_send_active_reset. */
export function sendReset(tcp: Connection): void {
  sendBare(tcp, TCP_RST | TCP_ACK, acceptableSequence(tcp))
}

/** The newest offset that a peer takes which has shrunk its window. */
function acceptableSequence(tcp: Connection): number {
  return tcp.windowEnd >= tcp.sndNxt ? tcp.sndNxt : tcp.windowEnd
}

function sendBare(tcp: Connection, flags: number, start: number): void {
  tcp.kernel.spend(STAGE_TCP_SEND, 1, 0)
  const header = new TcpHeader(
    (tcp.iss + start) | 0,
    (tcp.irs + tcp.rcvNxt) | 0,
    flags,
    advertisedWindow(tcp, selectWindow(tcp)),
    establishedOptions(tcp),
  )
  tcp.segsOut++
  sendSegment(tcp, header, 0, 0, 1, 0, null)
}

/** The SYN of a connection that opens. */
export function sendSyn(tcp: Connection, segment: Segment, options: Uint8Array): boolean {
  segment.sentAt = tcp.mstamp
  segment.delivered = tcp.delivered
  tcp.queue.touch(segment)
  tcp.segsOut++
  tcp.kernel.spend(STAGE_TCP_SEND, 1, 0)
  const window = Math.min(tcp.window.offered, 65535)
  const header = new TcpHeader((tcp.iss + segment.start) | 0, 0, TCP_SYN, window, options)
  return sendSegment(tcp, header, 0, 0, 1, SEND_OVERHEAD, null)
}
