import { STAGE_COPY_IN, STAGE_SYSCALL_SEND } from '../../cpu/stage.ts'
import { TCP_PSH } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { INITIAL_CWND, SEND_OVERHEAD } from './constants.ts'
import { restartAfterIdle } from './cwnd.ts'
import { currentMss } from './mss.ts'
import { NAGLE_PUSH, nagleOf, PUSH_ONE, pushPending, writeXmit } from './output.ts'
import { Segment } from './segment.ts'
import { cut } from './stream-content.ts'
import { CHRONO_BUSY, CHRONO_SNDBUF } from './tcp-info.ts'
import { sizeGoal } from './tso.ts'

/** Headers and skb_shared_info beside a segment's content, and the sk_buff (tcp_sndbuf_expand). */
const SEGMENT_HEAD = 320 + 320
const SK_BUFF = 256

/** Bytes of memory that what was written and not acknowledged takes (sk_wmem_queued). */
export function memoryQueued(tcp: Connection): number {
  return tcp.writeSeq - tcp.sndUna + tcp.queue.size * SEND_OVERHEAD
}

/** sk_stream_memory_free: a new segment may begin as long as the buffer is not full. */
function hasMemory(tcp: Connection): boolean {
  return memoryQueued(tcp) < tcp.sendBuffer
}

/** sk_stream_is_writeable: a writer is woken when a third of the buffer is free. */
export function isWritable(tcp: Connection): boolean {
  const queued = memoryQueued(tcp)
  return queued < tcp.sendBuffer && tcp.sendBuffer - queued >= Math.floor(queued / 2)
}

/** Lets the buffer grow to twice the congestion window (tcp_sndbuf_expand). */
export function expandSendBuffer(tcp: Connection): void {
  if (tcp.isSendBufferFixed) return
  const content = Math.max(tcp.mssClamp, tcp.mss) + SEGMENT_HEAD
  const perSegment = 2 ** (32 - Math.clz32(content - 1)) + SK_BUFF
  const segments = Math.max(INITIAL_CWND, tcp.cwnd, tcp.reordering + 1)
  const wanted = 2 * segments * perSegment
  if (wanted > tcp.sendBuffer) tcp.sendBuffer = Math.min(wanted, tcp.parameters.wmem[2])
}

/** Something was acknowledged or sent: a writer that waits may go on (tcp_check_space). */
export function checkSpace(tcp: Connection): void {
  if (!tcp.isNoSpace) return
  if (!tcp.isSendBufferFixed && tcp.packetsOut < tcp.cwnd) {
    expandSendBuffer(tcp)
    tcp.cwndStamp = tcp.jiffies
  }
  if (!isWritable(tcp)) return
  tcp.isNoSpace = false
  tcp.chrono.stop(CHRONO_SNDBUF, tcp.queue.head !== null, tcp.now)
  tcp.onWritable?.()
}

/**
 * Takes data of the application into the queue, and sends what may leave (tcp_sendmsg). On a core it takes
 * one unit at a time and a call after a short one goes on with it: in process context Linux runs the
 * softirqs of a unit before it makes the next one.
 * @returns bytes taken.
 */
export function writeData(tcp: Connection, length: number, content?: Uint8Array): number {
  tcp.refreshClock()
  if (!tcp.isWriting) tcp.kernel.spend(STAGE_SYSCALL_SEND, 1, 0)
  const takesUnits = tcp.kernel.machine !== null
  const mss = currentMss(tcp)
  const goal = sizeGoal(tcp, mss)
  const start = tcp.writeSeq
  let taken = 0
  while (taken < length) {
    const segment = openSegment(tcp, goal)
    if (segment === null) {
      tcp.isNoSpace = true
      break
    }
    const bytes = Math.min(goal - segment.length, length - taken)
    if (taken === 0) segment.flags &= ~TCP_PSH
    if (content !== undefined) {
      tcp.sendContent.put(tcp.writeSeq, cut(content, taken, taken + bytes))
    }
    tcp.kernel.spend(STAGE_COPY_IN, 0, bytes)
    segment.end += bytes
    segment.count = 0
    tcp.writeSeq += bytes
    taken += bytes
    if (taken < length && segment.length >= goal) {
      pushFull(tcp, segment, mss)
      if (takesUnits) break
    }
  }
  tcp.isWriting = takesUnits && taken < length
  if (taken > 0 && (!tcp.isWriting || tcp.isNoSpace)) {
    const { tail } = tcp.queue
    if (tail !== null && tcp.writeSeq > start) markPushed(tcp, tail)
    pushPending(tcp, taken < length ? NAGLE_PUSH : nagleOf(tcp))
  }
  // All of it is on its way, and the windows would take more: the buffer is what limits.
  const isSent = tcp.isNoSpace && tcp.queue.unsent === null
  if (isSent && !tcp.isCwndLimited) tcp.chrono.start(CHRONO_SNDBUF, tcp.now)
  return taken
}

/** The segment that the next byte belongs to; null when the buffer is full. */
function openSegment(tcp: Connection, goal: number): Segment | null {
  const { queue } = tcp
  // What was sent is not added to: `unsent` is null then.
  if (queue.unsent !== null && queue.tail!.length < goal) return queue.tail
  if (!hasMemory(tcp)) return null
  if (queue.unsent === null) restartAfterIdle(tcp)
  const segment = new Segment(tcp.writeSeq, tcp.writeSeq)
  queue.append(segment)
  if (queue.size === 1) tcp.chrono.start(CHRONO_BUSY, tcp.now)
  return segment
}

function markPushed(tcp: Connection, segment: Segment): void {
  segment.flags |= TCP_PSH
  tcp.pushedSeq = tcp.writeSeq
}

/** A segment is full and more is to come: it leaves while the rest is copied. */
function pushFull(tcp: Connection, segment: Segment, mss: number): void {
  if (tcp.writeSeq > tcp.pushedSeq + Math.floor(tcp.maxWindow / 2)) {
    markPushed(tcp, segment)
    pushPending(tcp, NAGLE_PUSH)
  } else if (segment === tcp.queue.unsent) writeXmit(tcp, mss, NAGLE_PUSH, PUSH_ONE)
}
