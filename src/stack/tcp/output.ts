import { TCP_FIN, TCP_PSH } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { TIMER_LOSS_PROBE } from './connection.ts'
import { CA_OPEN } from './constants.ts'
import { isReducing, validateCwnd } from './cwnd.ts'
import { scheduleLossProbe } from './loss-probe.ts'
import { currentMss, mssToMtu, nextProbeSize } from './mss.ts'
import type { Segment } from './segment.ts'
import { checkSpace } from './send-buffer.ts'
import { CHRONO_RWND } from './tcp-info.ts'
import { armWindowProbe, rearmRetransmit } from './timers.ts'
import { transmit } from './transmit.ts'
import {
  deferral,
  SEND_NOW,
  smallQueueLimit,
  unitSegments,
  WAIT_FOR_CWND,
  WAIT_FOR_WINDOW,
} from './tso.ts'

/** How a call treats the last segment that is not full (TCP_NAGLE_*). */
const NAGLE_NORMAL = 0
export const NAGLE_OFF = 1
export const NAGLE_PUSH = 4

/** How much a call sends: all it may, one unit, or one as a tail loss probe. */
export const PUSH_ALL = 0
export const PUSH_ONE = 1
export const PUSH_PROBE = 2

const PROBE_NONE = 0
const PROBE_SENT = 1
const PROBE_WAIT = 2

/** Whether a part of a segment has to wait for the ACK of another one (tcp_nagle_check). */
function isHeldByNagle(tcp: Connection, nagle: number): boolean {
  if (nagle !== NAGLE_NORMAL || tcp.packetsOut === 0) return false
  return tcp.sndSmall > tcp.sndUna && tcp.sndSmall <= tcp.sndNxt
}

/**
 * Sends what the windows admit (tcp_write_xmit).
 * @returns whether there is something to send, nothing in flight, and only a window probe can help.
 */
export function writeXmit(tcp: Connection, mss: number, nagle: number, push: number): boolean {
  const { queue } = tcp
  let sent = 0
  let isCwndHeld = false
  let isWindowHeld = false
  if (push === PUSH_ALL && tcp.isMtuProbing) {
    const probe = sendMtuProbe(tcp)
    if (probe === PROBE_WAIT) return false
    sent = probe
  }
  const mostSegments = unitSegments(tcp, mss)
  for (let segment = queue.unsent; segment !== null; segment = queue.unsent) {
    let quota = cwndQuota(tcp)
    if (quota === 0) {
      if (push !== PUSH_PROBE) break
      quota = 1
    }
    if (quota > mostSegments) quota = mostSegments
    const missing = quota * mss - segment.length
    if (missing > 0 && segment.next !== null) queue.grow(segment, missing)
    segment.setCount(mss)
    if (!isInWindow(tcp, segment, mss)) {
      isWindowHeld = true
      break
    }
    const isLast = segment.next === null
    if (segment.count === 1) {
      const rule = isLast ? nagle : NAGLE_PUSH
      const isWhole = segment.length >= mss || (segment.flags & TCP_FIN) !== 0
      if (!isWhole && isHeldByNagle(tcp, rule)) break
    } else if (push === PUSH_ALL) {
      const wait = deferral(tcp, segment, mostSegments)
      if (wait !== SEND_NOW) {
        isCwndHeld = wait === WAIT_FOR_CWND
        isWindowHeld = wait === WAIT_FOR_WINDOW
        break
      }
    }
    let limit = mss
    if (segment.count > 1) limit = splitPoint(tcp, segment, mss, quota, nagle)
    if (segment.length > limit) cutUnsent(tcp, segment, limit, mss)
    if (isSmallQueueFull(tcp, segment, 0)) break
    if (segment.end === segment.start || !transmit(tcp, segment)) break
    noteSent(tcp, segment, mss)
    sent += segment.count
    if (push !== PUSH_ALL) break
  }
  return conclude(tcp, sent, isCwndHeld, isWindowHeld, push)
}

/** What a round of sending means for the windows, the timers and the books. */
function conclude(
  tcp: Connection,
  sent: number,
  isCwndHeld: boolean,
  isWindowHeld: boolean,
  push: number,
): boolean {
  if (isWindowHeld) tcp.chrono.start(CHRONO_RWND, tcp.now)
  else tcp.chrono.stop(CHRONO_RWND, true, tcp.now)
  const isLimited = isCwndHeld || tcp.inFlight >= tcp.cwnd
  if (sent > 0 || isLimited) validateCwnd(tcp, isLimited)
  if (sent > 0) {
    if (isReducing(tcp)) tcp.prr.onSent(sent)
    if (push !== PUSH_PROBE) scheduleLossProbe(tcp, false)
    return false
  }
  return tcp.packetsOut === 0 && tcp.queue.unsent !== null
}

/** Segments that the congestion window admits at once: at most half of it (tcp_cwnd_test). */
function cwndQuota(tcp: Connection): number {
  const { inFlight, cwnd } = tcp
  if (inFlight >= cwnd) return 0
  return Math.min(Math.max(cwnd >> 1, 1), cwnd - inFlight)
}

/** Whether at least the first segment of a unit fits the peer's window (tcp_snd_wnd_test). */
function isInWindow(tcp: Connection, segment: Segment, mss: number): boolean {
  const end = segment.length > mss ? segment.start + mss : segment.end
  return end <= tcp.windowEnd
}

/** Where a unit ends that is too long, or whose last part must wait (tcp_mss_split_point). */
function splitPoint(
  tcp: Connection,
  segment: Segment,
  mss: number,
  quota: number,
  nagle: number,
): number {
  const window = tcp.windowEnd - segment.start
  const most = mss * quota
  if (most <= window && segment.next !== null) return most
  const needed = Math.min(segment.length, window)
  if (most <= needed) return most
  const partial = needed % mss
  return partial !== 0 && isHeldByNagle(tcp, nagle) ? needed - partial : needed
}

/** Cuts an unsent segment (tso_fragment). */
function cutUnsent(tcp: Connection, segment: Segment, bytes: number, mss: number): void {
  const rest = tcp.queue.split(segment, bytes)
  rest.count = 0
  segment.setCount(mss)
}

/** TCP small queues: whether enough of this connection waits below. @param shift doubles the limit. */
export function isSmallQueueFull(tcp: Connection, segment: Segment, shift: number): boolean {
  const limit = smallQueueLimit(tcp, segment.length) * 2 ** shift
  if (tcp.wmemAlloc <= limit) return false
  tcp.transmitter?.reap()
  if (tcp.wmemAlloc <= limit) return false
  const { head } = tcp.queue
  const isLittleSent = tcp.packetsOut === 0 || head === tcp.queue.lastSent
  if (isLittleSent) return false
  tcp.isThrottled = true
  tcp.transmitter?.requestCompletion()
  return true
}

/** tcp_event_new_data_sent and tcp_minshall_update. */
function noteSent(tcp: Connection, segment: Segment, mss: number): void {
  const before = tcp.packetsOut
  tcp.queue.advance()
  tcp.sndNxt = segment.end
  tcp.highestSacked ??= segment
  tcp.packetsOut += segment.count
  if (before === 0 || tcp.timerKind === TIMER_LOSS_PROBE) rearmRetransmit(tcp)
  if (segment.length < segment.count * mss) tcp.sndSmall = segment.end
  checkSpace(tcp)
}

/** Sends what waits, and sees to a closed window (__tcp_push_pending_frames). */
export function pushPending(tcp: Connection, nagle: number): void {
  if (tcp.queue.unsent === null || tcp.state === 'CLOSED') return
  if (writeXmit(tcp, currentMss(tcp), nagle, PUSH_ALL)) armWindowProbe(tcp)
}

export function nagleOf(tcp: Connection): number {
  return tcp.noDelay ? NAGLE_OFF : NAGLE_NORMAL
}

/** The first unsent segment leaves although the window has no room for all of it (tcp_write_wakeup). */
export function sendIntoWindow(tcp: Connection): boolean {
  const segment = tcp.queue.unsent
  if (segment === null || segment.start >= tcp.windowEnd) return false
  const mss = currentMss(tcp)
  const room = Math.min(tcp.windowEnd - segment.start, mss)
  tcp.pushedSeq = Math.max(tcp.pushedSeq, segment.end)
  segment.flags |= TCP_PSH
  if (room < segment.length) {
    cutUnsent(tcp, segment, room, mss)
    segment.flags |= TCP_PSH
  } else segment.setCount(mss)
  if (!transmit(tcp, segment)) return false
  noteSent(tcp, segment, mss)
  return true
}

/** Sends a longer segment than usual to learn of a larger MTU (tcp_mtu_probe). */
function sendMtuProbe(tcp: Connection): number {
  const { queue } = tcp
  if (tcp.probeSize !== 0 || tcp.caState !== CA_OPEN || tcp.cwnd < 11) return PROBE_NONE
  if (tcp.sacks.count > 0 || tcp.sacks.hasDsack || queue.unsent === null) return PROBE_NONE
  const size = nextProbeSize(tcp)
  const needed = size + (tcp.reordering + 1) * tcp.mss
  if (size === 0 || tcp.writeSeq - tcp.sndNxt < needed || tcp.sndWnd < needed) return PROBE_NONE
  if (tcp.sndNxt + needed > tcp.windowEnd) return PROBE_WAIT
  if (tcp.inFlight + 2 > tcp.cwnd) return tcp.inFlight === 0 ? PROBE_NONE : PROBE_WAIT
  const segment = queue.unsent
  while (segment.length < size && segment.next !== null) {
    queue.grow(segment, size - segment.length)
  }
  if (segment.length < size) return PROBE_NONE
  if (segment.length > size) cutUnsent(tcp, segment, size, size)
  segment.setCount(size)
  if (!transmit(tcp, segment)) return PROBE_NONE
  // Two segments' worth leave as one.
  tcp.cwnd--
  noteSent(tcp, segment, size)
  tcp.probeSize = mssToMtu(tcp, segment.length)
  tcp.probeStart = segment.start
  tcp.probeEnd = segment.end
  return PROBE_SENT
}
