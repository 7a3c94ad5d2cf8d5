import { STAGE_COPY_OUT, STAGE_SYSCALL_RECEIVE } from '../../cpu/stage.ts'
import type { DropReason } from '../../measure/drop-reason.ts'
import type { Connection } from './connection.ts'
import { acknowledgeRead, adaptDelay, enterQuickAcks, measureSegment } from './delayed-ack.ts'
import type { Incoming } from './incoming.ts'
import { growWindow } from './offered-window.ts'
import { cut } from './stream-content.ts'

/** Segments shorter than this do not widen the window. */
const GROWING_LENGTH = 128

/**
 * Takes in the data of a segment (tcp_data_queue). FIN counts as the last offset of the stream.
 * @returns why the segment was of no use; null when something of it was kept.
 */
export function receiveData(tcp: Connection, segment: Incoming): DropReason | null {
  const { rcvNxt, sacks } = tcp
  const { start, end } = segment
  sacks.clearDsack()
  if (end <= rcvNxt) {
    setDsack(tcp, start, end)
    return refuse(tcp, 'tcp_old_data')
  }
  if (start > rcvNxt) {
    if (start >= rcvNxt + tcp.receiveWindow) return refuse(tcp, 'tcp_over_window')
    return keepBeyondHole(tcp, segment)
  }
  if (start < rcvNxt) setDsack(tcp, start, rcvNxt)
  // A bare FIN needs no room.
  if (tcp.receiveWindow === 0 && (segment.length > 0 || start < rcvNxt)) {
    return refuse(tcp, 'tcp_zero_window')
  }
  return keepInOrder(tcp, segment)
}

function setDsack(tcp: Connection, start: number, end: number): void {
  if (tcp.usesSack && tcp.parameters.dsack) tcp.sacks.setDsack(start, end)
}

/** What cannot be used is answered at once, so that the sender learns of it. */
function refuse(tcp: Connection, reason: DropReason): DropReason {
  enterQuickAcks(tcp)
  tcp.isAckOwed = true
  return reason
}

function keepInOrder(tcp: Connection, segment: Incoming): DropReason | null {
  const { received, sacks } = tcp
  const truesize = segment.truesize
  if (received.allocated > tcp.window.buffer && !makeRoom(tcp)) {
    tcp.isAckNow = true
    tcp.isAckOwed = true
    tcp.onReadable?.()
    return 'socket_buffer'
  }
  const from = tcp.rcvNxt
  const end = segment.isFin ? segment.end - 1 : segment.end
  putContent(tcp, segment)
  if (end > from) {
    received.push(end, truesize)
    tcp.rcvNxt = end
    tcp.bytesReceived += end - from
    noteData(tcp, segment, truesize)
  }
  if (segment.isFin) tcp.finSeq = end
  if (received.hasHole) {
    const before = tcp.rcvNxt
    const next = received.advance(before)
    // A FIN that came early is counted when it is acted on.
    tcp.rcvNxt = tcp.finSeq >= 0 && next > tcp.finSeq ? tcp.finSeq : next
    tcp.bytesReceived += tcp.rcvNxt - before
    // The sender is to know at once that the hole is filled (RFC 5681, 4.2).
    if (!received.hasHole) tcp.isAckNow = true
  }
  if (sacks.count > 0) {
    if (received.hasHole) sacks.removeCovered(tcp.rcvNxt)
    else sacks.clear()
  }
  return null
}

/** What data means for the ACKs and the window (tcp_event_data_recv). */
function noteData(tcp: Connection, segment: Incoming, truesize: number): void {
  tcp.isAckOwed = true
  tcp.dataSegsIn += segment.count
  measureSegment(tcp, segment, truesize)
  tcp.window.measureRtt(tcp.rcvNxt, tcp.mstamp)
  adaptDelay(tcp)
  if (segment.length >= GROWING_LENGTH) growWindow(tcp, segment.length, truesize)
}

function putContent(tcp: Connection, segment: Incoming): void {
  const { payload } = segment.frame
  if (payload === null || segment.length === 0) return
  const skip = Math.max(tcp.rcvNxt - segment.start, 0)
  if (skip < payload.length) {
    tcp.receivedContent.put(segment.start + skip, cut(payload, skip, segment.length))
  }
}

/** Data beyond a hole (tcp_data_queue_ofo). */
function keepBeyondHole(tcp: Connection, segment: Incoming): DropReason | null {
  const { received, sacks, window } = tcp
  const { start } = segment
  const truesize = segment.truesize
  if (received.allocated > window.buffer && !makeRoom(tcp)) {
    tcp.isAckNow = true
    tcp.isAckOwed = true
    return 'socket_buffer'
  }
  tcp.isAckOwed = true
  tcp.outOfOrder += segment.count
  tcp.dataSegsIn += segment.count
  const { end } = segment
  if (segment.isFin) tcp.finSeq = end - 1
  const isAllThere = noteOverlap(tcp, start, end)
  if (tcp.usesSack) sacks.add(start, end)
  if (isAllThere) return 'tcp_old_data'
  putContent(tcp, segment)
  received.insert(start, end, truesize)
  if (tcp.usesSack) growWindow(tcp, segment.length, truesize)
  const { ranges } = received
  if (!tcp.receiveBufferFixed && tcp.parameters.moderateRcvbuf && ranges.length > 0) {
    const beyond = ranges[ranges.length - 1]!.end - tcp.rcvNxt
    window.grow(window.space, beyond, tcp.parameters.rmem[2])
  }
  return null
}

/** Reports what of a range had arrived before. @returns whether all of it had. */
function noteOverlap(tcp: Connection, start: number, end: number): boolean {
  const { ranges } = tcp.received
  for (let at = tcp.received.find(start); at < ranges.length; at++) {
    const range = ranges[at]!
    if (range.start >= end) break
    const first = Math.max(start, range.start)
    const last = Math.min(end, range.end)
    if (last <= first) continue
    if (tcp.usesSack && tcp.parameters.dsack) tcp.sacks.extendDsack(first, last)
    if (first === start && last === end) return true
  }
  return false
}

/** The buffer is over-full (tcp_prune_queue): it may grow, or what lies beyond holes is given up. */
function makeRoom(tcp: Connection): boolean {
  const { received, window } = tcp
  const most = tcp.parameters.rmem[2]
  tcp.quickAcks = 0
  if (!tcp.receiveBufferFixed && window.buffer < most) {
    window.buffer = Math.min(received.allocated, most)
  }
  if (received.allocated > window.buffer) {
    window.ssthresh = Math.min(window.clamp, 2 * tcp.advMss)
  }
  while (received.allocated > window.buffer && received.hasHole) {
    received.dropLast()
    // The sender must not believe that it is still here.
    tcp.sacks.clear()
  }
  return received.allocated <= window.buffer
}

/** What can be read now, bytes. */
export function readableBytes(tcp: Connection): number {
  const { finSeq, rcvNxt, copiedSeq } = tcp
  return (finSeq >= 0 && rcvNxt > finSeq ? finSeq : rcvNxt) - copiedSeq
}

/** The application takes `bytes` (tcp_recvmsg). */
export function consume(tcp: Connection, bytes: number): void {
  tcp.refreshClock()
  tcp.kernel.spend(STAGE_SYSCALL_RECEIVE, 1, 0)
  tcp.kernel.spend(STAGE_COPY_OUT, 0, bytes)
  if (bytes === 0) return
  tcp.copiedSeq += bytes
  tcp.received.release(tcp.copiedSeq)
  if (!tcp.receivedContent.isEmpty) tcp.receivedContent.release(tcp.copiedSeq)
  adjustBuffer(tcp)
  if (tcp.state !== 'CLOSED') acknowledgeRead(tcp, bytes)
}

/** Sizes the buffer by what is read in a round trip (tcp_rcv_space_adjust). */
function adjustBuffer(tcp: Connection): void {
  const { window } = tcp
  const { rtt8 } = window
  if (rtt8 === 0 || tcp.mstamp - window.spaceTime < Math.floor(rtt8 / 8)) return
  const copied = tcp.copiedSeq - window.spaceSeq - (tcp.rcvNxt - tcp.copiedSeq)
  if (copied > window.space) {
    if (tcp.receiveBufferFixed || !tcp.parameters.moderateRcvbuf) window.space = copied
    else window.grow(copied, beyondHole(tcp), tcp.parameters.rmem[2])
  }
  window.spaceSeq = tcp.copiedSeq
  window.spaceTime = tcp.mstamp
}

function beyondHole(tcp: Connection): number {
  const { ranges } = tcp.received
  return ranges.length === 0 ? 0 : ranges[ranges.length - 1]!.end - tcp.rcvNxt
}
