import { MICROSECOND } from '../../sim/units.ts'
import {
  type Connection,
  TIMER_LOSS_PROBE,
  TIMER_NONE,
  TIMER_REORDERING,
  TIMER_RETRANSMIT,
  TIMER_WINDOW_PROBE,
} from './connection.ts'
import { RTO_MAX, RTO_MIN } from './constants.ts'

/** ilog2(TCP_RTO_MAX / TCP_RTO_MIN) + 1: doublings of a window probe's time. */
const PROBE_BACKOFF_MAX = 10

/** Sets the one timer of sending (inet_csk_reset_xmit_timer). @param delay microseconds. */
export function setTimer(tcp: Connection, kind: number, delay: number): void {
  tcp.timerKind = kind
  tcp.kernel.timers.arm(tcp.retransmitTimer, Math.min(delay, RTO_MAX) * MICROSECOND)
}

export function clearTimer(tcp: Connection): void {
  tcp.timerKind = TIMER_NONE
  tcp.kernel.timers.cancel(tcp.retransmitTimer)
}

/** Microseconds until the head of the queue times out (tcp_rto_delta_us). */
export function untilTimeout(tcp: Connection): number {
  return tcp.queue.head!.sentAt + tcp.rto - tcp.mstamp
}

/** The timeout runs anew while anything is in flight (tcp_rearm_rto). */
export function rearmRetransmit(tcp: Connection): void {
  if (tcp.packetsOut === 0) {
    clearTimer(tcp)
    return
  }
  let delay = tcp.rto
  // What stood in its place must not have put it off.
  if (tcp.timerKind === TIMER_LOSS_PROBE || tcp.timerKind === TIMER_REORDERING) {
    delay = Math.max(untilTimeout(tcp), 1)
  }
  setTimer(tcp, TIMER_RETRANSMIT, delay)
}

/** When a closed window is probed next: the timeout, doubled each time (tcp_probe0_when). */
export function windowProbeDelay(tcp: Connection): number {
  const base = Math.max(tcp.rto, RTO_MIN)
  return Math.min(base * 2 ** Math.min(tcp.backoff, PROBE_BACKOFF_MAX), RTO_MAX)
}

/** tcp_check_probe_timer. */
export function armWindowProbe(tcp: Connection): void {
  if (tcp.packetsOut > 0 || tcp.timerKind !== TIMER_NONE) return
  setTimer(tcp, TIMER_WINDOW_PROBE, Math.max(tcp.rto, RTO_MIN))
}

/** Nothing of a connection's is to happen any more. */
export function cancelTimers(tcp: Connection): void {
  const { timers } = tcp.kernel
  clearTimer(tcp)
  timers.cancel(tcp.delayedAckTimer)
  if (tcp.keepalive !== null) timers.cancel(tcp.keepalive.timer)
}
