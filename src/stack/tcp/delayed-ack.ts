import type { EventTarget } from '../../sim/event-queue.ts'
import { MICROSECOND } from '../../sim/units.ts'
import { TCP_PSH } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { ACK_DELAY_MAX_PART, ACK_DELAY_MIN_PART, DUPLICATE_ACKS, QUICK_ACKS } from './constants.ts'
import type { Incoming } from './incoming.ts'
import { windowNow } from './offered-window.ts'
import { sendAck } from './transmit.ts'

/** Bits of `pushes`: a push, and a second one since the latest ACK (ICSK_ACK_PUSHED, PUSHED2). */
const PUSHED = 1
const PUSHED_AGAIN = 2
/** Smallest segment that may be taken for a full one (TCP_MIN_MSS with its header). */
const SEGMENT_MIN = 88 + 20
/** TCP_MSS_DEFAULT with its header. */
const SEGMENT_DEFAULT = 536 + 20

function minDelay(tcp: Connection): number {
  return Math.floor(tcp.hz / ACK_DELAY_MIN_PART)
}

/** Whether ACKs are not to be delayed (tcp_in_quickack_mode). */
function isQuick(tcp: Connection): boolean {
  return tcp.quickAcks > 0 && !isInteractive(tcp)
}

/** Whether each side answers the other, so that ACKs travel with data (inet_csk_in_pingpong_mode). */
function isInteractive(tcp: Connection): boolean {
  return tcp.pingpong >= tcp.parameters.pingpongThreshold
}

function raiseQuickAcks(tcp: Connection): void {
  const wanted = Math.floor(tcp.window.offered / (2 * tcp.receiveMss)) || 2
  tcp.quickAcks = Math.max(tcp.quickAcks, Math.min(wanted, QUICK_ACKS))
}

/** Something is not in order: the sender is to know at once (tcp_enter_quickack_mode). */
export function enterQuickAcks(tcp: Connection): void {
  raiseQuickAcks(tcp)
  tcp.pingpong = 0
  tcp.ato = minDelay(tcp)
}

/** The sender's segment size, and whether it has pushed (tcp_measure_rcv_mss). */
export function measureSegment(tcp: Connection, segment: Incoming, truesize: number): void {
  const length = segment.segmentLength
  const previous = tcp.lastSegmentSize
  tcp.lastSegmentSize = 0
  if (length >= tcp.receiveMss) {
    if (length !== tcp.receiveMss && tcp.parameters.measuresRatio) {
      tcp.window.setRatio(segment.length, truesize)
    }
    tcp.receiveMss = Math.min(length, tcp.advMss)
    if ((segment.header.flags & TCP_PSH) !== 0) tcp.pushes |= PUSHED
    return
  }
  const withHeader = length + segment.header.bytes
  const isPushed = (segment.header.flags & TCP_PSH) !== 0
  if (withHeader >= SEGMENT_DEFAULT || (withHeader >= SEGMENT_MIN && !isPushed)) {
    const size = withHeader - tcp.headerBytes
    tcp.lastSegmentSize = size
    if (size === previous) {
      tcp.receiveMss = size
      return
    }
  }
  if ((tcp.pushes & PUSHED) !== 0) tcp.pushes |= PUSHED_AGAIN
  tcp.pushes |= PUSHED
}

/** Adapts the delay to how often data comes (tcp_event_data_recv). */
export function adaptDelay(tcp: Connection): void {
  const least = minDelay(tcp)
  const since = tcp.jiffies - tcp.receivedJiffy
  const timeout = Math.ceil((tcp.rto * tcp.hz) / 1e6)
  tcp.receivedJiffy = tcp.jiffies
  if (tcp.ato === 0) {
    raiseQuickAcks(tcp)
    tcp.ato = least
  } else if (since <= least / 2) tcp.ato = (tcp.ato >> 1) + (least >> 1)
  else if (since < tcp.ato) tcp.ato = Math.min((tcp.ato >> 1) + since, timeout)
  else if (since > timeout) raiseQuickAcks(tcp)
}

/** After data: acknowledges now, or later, or not at all yet (tcp_ack_snd_check). */
export function checkAck(tcp: Connection): void {
  if (!tcp.isAckOwed) return
  const { window } = tcp
  // The reader acknowledges where the window cannot follow yet.
  const isSecond =
    tcp.rcvNxt - window.offeredAt > tcp.receiveMss && windowNow(tcp) >= window.offered
  if (isSecond || isQuick(tcp) || tcp.isAckNow) return sendAck(tcp)
  if (!tcp.received.hasHole) return delayAck(tcp)
  compressAck(tcp)
}

/** ACKs of data beyond a hole: the first ones at once, then one for many (tcp_comp_sack). */
function compressAck(tcp: Connection): void {
  const { compressedAcks, compressedAckDelay } = tcp.parameters
  if (!tcp.usesSack || tcp.compressedAcks >= compressedAcks) return sendAck(tcp)
  if (tcp.compressedRcvNxt !== tcp.rcvNxt) {
    tcp.compressedRcvNxt = tcp.rcvNxt
    tcp.duplicateAcksSent = 0
  }
  if (tcp.duplicateAcksSent < DUPLICATE_ACKS) {
    tcp.duplicateAcksSent++
    return sendAck(tcp)
  }
  tcp.compressedAcks++
  if (tcp.isCompressing) return
  tcp.isCompressing = true
  let rtt = tcp.window.rtt8 / 8
  if (tcp.rtt.srtt8 > 0 && tcp.rtt.srtt < rtt) rtt = tcp.rtt.srtt
  // A twentieth of the round trip.
  const delay = Math.min(Math.floor((rtt * MICROSECOND) / 20), compressedAckDelay)
  tcp.simulator.after(delay, new CompressedAckTimer(tcp))
}

/** The high-resolution timer of compressed ACKs. */
class CompressedAckTimer implements EventTarget {
  private readonly tcp: Connection

  constructor(tcp: Connection) {
    this.tcp = tcp
  }

  fire(): void {
    const { tcp } = this
    tcp.isCompressing = false
    if (tcp.compressedAcks === 0) return
    tcp.kernel.softirq(() => {
      tcp.refreshClock()
      if (tcp.compressedAcks > 0) sendAck(tcp)
    })
  }
}

/** tcp_send_delayed_ack. */
function delayAck(tcp: Connection): void {
  const { jiffies, hz } = tcp
  const least = minDelay(tcp)
  const most = Math.floor(hz / ACK_DELAY_MAX_PART)
  let delay = tcp.ato
  if (delay > least) {
    let limit = Math.floor(hz / 2)
    if (isInteractive(tcp) || (tcp.pushes & PUSHED) !== 0) limit = most
    if (tcp.rtt.srtt8 > 0) {
      limit = Math.min(limit, Math.max(Math.ceil((tcp.rtt.srtt * hz) / 1e6), least))
    }
    delay = Math.min(delay, limit)
  }
  delay = Math.min(delay, most)
  let timeout = jiffies + delay
  if (tcp.isAckTimed) {
    if (tcp.ackTimeout <= jiffies + (delay >> 2)) return sendAck(tcp)
    timeout = Math.min(timeout, tcp.ackTimeout)
    if (timeout === tcp.ackTimeout) return
  }
  tcp.isAckTimed = true
  tcp.ackTimeout = timeout
  const { timers } = tcp.kernel
  timers.arm(tcp.delayedAckTimer, ((timeout - jiffies) / hz) * 1e12)
}

/** The delay is over (tcp_delack_timer_handler). */
export function delayedAckTimeout(tcp: Connection): void {
  if (tcp.state === 'CLOSED' || !tcp.isAckTimed) return
  tcp.isAckTimed = false
  if (!tcp.isAckOwed) return
  if (isInteractive(tcp)) {
    // No answer came to travel with.
    tcp.pingpong = 0
    tcp.ato = minDelay(tcp)
  } else {
    tcp.ato = Math.min(tcp.ato << 1, Math.ceil((tcp.rto * tcp.hz) / 1e6))
  }
  sendAck(tcp)
}

/** The application has read (tcp_cleanup_rbuf): the window may have opened. */
export function acknowledgeRead(tcp: Connection, copied: number): void {
  const { window } = tcp
  let isDue = false
  if (tcp.isAckOwed) {
    const isPushed =
      (tcp.pushes & PUSHED_AGAIN) !== 0 || ((tcp.pushes & PUSHED) !== 0 && !isInteractive(tcp))
    isDue =
      tcp.rcvNxt - window.offeredAt > tcp.receiveMss ||
      (copied > 0 && isPushed && tcp.received.allocated === 0)
  }
  if (copied > 0 && !isDue && !tcp.isReceiveShut) {
    const now = tcp.receiveWindow
    if (2 * now <= window.clamp) {
      const next = windowNow(tcp)
      isDue = next > 0 && next >= 2 * now
    }
  }
  if (isDue) sendAck(tcp)
}
