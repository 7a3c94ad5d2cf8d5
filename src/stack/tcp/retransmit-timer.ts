import { MICROSECOND } from '../../sim/units.ts'
import { breakConnection } from './close.ts'
import {
  type Connection,
  TIMER_LOSS_PROBE,
  TIMER_NONE,
  TIMER_REORDERING,
  TIMER_RETRANSMIT,
  TIMER_WINDOW_PROBE,
} from './connection.ts'
import { RTO_MAX, RTO_MIN } from './constants.ts'
import { synTimeout } from './handshake.ts'
import { sendLossProbe } from './loss-probe.ts'
import { suspectBlackHole } from './mss.ts'
import { sendIntoWindow } from './output.ts'
import { rackTimeout } from './rack.ts'
import { enterLoss } from './recovery.ts'
import { retransmit } from './retransmit.ts'
import { setTimer, windowProbeDelay } from './timers.ts'
import { sendWindowProbe } from './transmit.ts'

/** What `orphanRetries` 0 stands for (tcp_orphan_retries). */
const ORPHAN_RETRIES = 8

/** The timer of sending has run out (tcp_write_timer_handler). */
export function onSendTimer(tcp: Connection): void {
  if (tcp.state === 'CLOSED') return
  switch (tcp.timerKind) {
    case TIMER_REORDERING:
      return rackTimeout(tcp)
    case TIMER_LOSS_PROBE:
      return sendLossProbe(tcp)
    case TIMER_RETRANSMIT:
      tcp.timerKind = TIMER_NONE
      return tcp.state === 'SYN-SENT' ? synTimeout(tcp) : retransmitTimeout(tcp)
    case TIMER_WINDOW_PROBE:
      tcp.timerKind = TIMER_NONE
      return probeWindow(tcp)
    default:
  }
}

/** tcp_retransmit_timer. */
function retransmitTimeout(tcp: Connection): void {
  if (tcp.packetsOut === 0) return
  const { head } = tcp.queue
  tcp.timeouts++
  // A window that was closed again is probed, for as long as the peer answers.
  if (tcp.sndWnd === 0 && !tcp.isOrphan) {
    if (isSilent(tcp)) return breakConnection(tcp, tcp.softError ?? 'ETIMEDOUT')
    enterLoss(tcp)
    retransmit(tcp, tcp.queue.head!, 1)
  } else {
    if (isGivenUp(tcp)) return breakConnection(tcp, tcp.softError ?? 'ETIMEDOUT')
    // Another path may be better: where addresses and ports do not decide alone.
    tcp.redrawHash()
    enterLoss(tcp)
    tcp.retransmits++
    retransmit(tcp, head!, 1)
  }
  tcp.backoff++
  tcp.rto = Math.min(tcp.rto * 2, RTO_MAX)
  setTimer(tcp, TIMER_RETRANSMIT, withinUserTimeout(tcp, tcp.rto))
}

/** The time is what is left of TCP_USER_TIMEOUT at most. */
function withinUserTimeout(tcp: Connection, delay: number): number {
  if (tcp.userTimeout === 0 || Number.isNaN(tcp.retransStamp)) return delay
  const left = tcp.userTimeout / MICROSECOND - sinceFirstRetransmission(tcp)
  return Math.max(Math.min(delay, left), 1000)
}

function sinceFirstRetransmission(tcp: Connection): number {
  return ((tcp.timestamp - tcp.retransStamp) | 0) * 1000
}

/** A closed window, and nothing was heard for longer than the largest timeout (tcp_rtx_probe0_timed_out). */
function isSilent(tcp: Connection): boolean {
  return (tcp.jiffies - tcp.heardJiffy) * (1e6 / tcp.hz) > RTO_MAX
}

/** tcp_write_timeout. */
function isGivenUp(tcp: Connection): boolean {
  const { retries1, retries2, orphanRetries } = tcp.parameters
  if (isTimedOut(tcp, retries1)) suspectBlackHole(tcp)
  let retries = retries2
  if (tcp.isOrphan) {
    const isAlive = tcp.rto < RTO_MAX
    retries = orphanRetries === 0 && isAlive ? ORPHAN_RETRIES : orphanRetries
  }
  if (tcp.userTimeout > 0 && tcp.retransmits > 0) {
    return sinceFirstRetransmission(tcp) >= tcp.userTimeout / MICROSECOND
  }
  return isTimedOut(tcp, retries)
}

/** Whether the time of so many timeouts has passed (retransmits_timed_out). */
function isTimedOut(tcp: Connection, retries: number): boolean {
  if (tcp.retransmits === 0) return false
  return sinceFirstRetransmission(tcp) >= modelTimeout(retries)
}

/** The time of `retries` timeouts that double from the least to the largest, microseconds. */
export function modelTimeout(retries: number): number {
  const doublings = 31 - Math.clz32(Math.floor(RTO_MAX / RTO_MIN))
  if (retries <= doublings) return (2 ** (retries + 1) - 1) * RTO_MIN
  return (2 ** (doublings + 1) - 1) * RTO_MIN + (retries - doublings) * RTO_MAX
}

/** The peer's window is closed, and only a probe tells when it opens (tcp_probe_timer). */
function probeWindow(tcp: Connection): void {
  if (tcp.packetsOut > 0 || tcp.queue.unsent === null) {
    tcp.probesOut = 0
    return
  }
  const { retries2 } = tcp.parameters
  const limit = tcp.isOrphan ? ORPHAN_RETRIES : retries2
  if (tcp.probesOut === 0) tcp.probeSince = tcp.mstamp
  const isTooLong = tcp.userTimeout > 0 && tcp.mstamp - tcp.probeSince >= tcp.userTimeout / 1e6
  if (tcp.probesOut >= limit || (isTooLong && tcp.probesOut > 0)) {
    return breakConnection(tcp, tcp.softError ?? 'ETIMEDOUT')
  }
  if (!sendIntoWindow(tcp)) sendWindowProbe(tcp)
  if (tcp.packetsOut > 0 || tcp.queue.unsent === null) {
    tcp.probesOut = 0
    tcp.backoff = 0
    return
  }
  tcp.probesOut++
  if (tcp.backoff < retries2) tcp.backoff++
  setTimer(tcp, TIMER_WINDOW_PROBE, windowProbeDelay(tcp))
}
