import { INFINITE_SSTHRESH } from './congestion/congestion-control.ts'
import type { Connection } from './connection.ts'
import { CA_CWR, CA_LOSS, CA_OPEN, CA_RECOVERY, INITIAL_CWND } from './constants.ts'
import { CHRONO_SNDBUF } from './tcp-info.ts'

/** tcp_in_cwnd_reduction. */
export function isReducing(tcp: Connection): boolean {
  return tcp.caState === CA_CWR || tcp.caState === CA_RECOVERY
}

export function setCaState(tcp: Connection, state: number): void {
  if (state === CA_LOSS) tcp.control.onLoss()
  tcp.caState = state
}

/** A threshold to remember: three quarters of a window that had not been reduced (tcp_current_ssthresh). */
export function currentSsthresh(tcp: Connection): number {
  if (isReducing(tcp)) return tcp.ssthresh
  return Math.max(tcp.ssthresh, (tcp.cwnd >> 1) + (tcp.cwnd >> 2))
}

/** tcp_init_cwnd_reduction. */
export function beginReduction(tcp: Connection): void {
  tcp.highSeq = tcp.sndNxt
  tcp.probeHighSeq = 0
  tcp.cwndCount = 0
  tcp.priorCwnd = tcp.cwnd
  tcp.ssthresh = tcp.control.ssthresh()
  tcp.prr.start(tcp.priorCwnd, tcp.ssthresh)
}

/** PRR: the window follows what is delivered (tcp_cwnd_reduction). */
export function reduceCwnd(
  tcp: Connection,
  delivered: number,
  lost: number,
  isUnaAdvanced: boolean,
): void {
  const cwnd = tcp.prr.onAck(delivered, lost, tcp.inFlight, isUnaAdvanced)
  if (cwnd >= 0) tcp.cwnd = Math.max(cwnd, 1)
}

/** tcp_end_cwnd_reduction. */
export function endReduction(tcp: Connection): void {
  if (tcp.ssthresh >= INFINITE_SSTHRESH) return
  if (tcp.caState !== CA_CWR && tcp.undoMarker < 0) return
  tcp.cwnd = tcp.ssthresh
  tcp.cwndStamp = tcp.jiffies
}

/** Whether the application uses the window, which must not grow otherwise (tcp_cwnd_validate). */
export function validateCwnd(tcp: Connection, isLimited: boolean): void {
  if (
    tcp.sndUna >= tcp.cwndUsageSeq ||
    isLimited ||
    (!tcp.wasCwndLimited && tcp.packetsOut > tcp.maxPacketsOut)
  ) {
    tcp.wasCwndLimited = isLimited
    tcp.maxPacketsOut = tcp.packetsOut
    tcp.cwndUsageSeq = tcp.sndNxt
  }
  if (tcp.isCwndLimited) {
    tcp.cwndUsed = 0
    tcp.cwndStamp = tcp.jiffies
    return
  }
  if (tcp.packetsOut > tcp.cwndUsed) tcp.cwndUsed = tcp.packetsOut
  if (tcp.parameters.slowStartAfterIdle && tcp.jiffies - tcp.cwndStamp >= rtoJiffies(tcp)) {
    shrinkUnused(tcp)
  }
  if (tcp.queue.unsent === null && tcp.isNoSpace) tcp.chrono.start(CHRONO_SNDBUF, tcp.now)
}

/** RFC 2861: a window that is not used is not known to be right (tcp_cwnd_application_limited). */
function shrinkUnused(tcp: Connection): void {
  tcp.cwndStamp = tcp.jiffies
  if (tcp.caState !== CA_OPEN || tcp.isNoSpace) return
  const used = Math.max(tcp.cwndUsed, INITIAL_CWND)
  if (used < tcp.cwnd) {
    tcp.ssthresh = currentSsthresh(tcp)
    tcp.cwnd = (tcp.cwnd + used) >> 1
  }
  tcp.cwndUsed = 0
}

/** The window halves with each timeout's time without data (tcp_slow_start_after_idle_check). */
export function restartAfterIdle(tcp: Connection): void {
  if (!tcp.parameters.slowStartAfterIdle || tcp.packetsOut > 0) return
  const timeout = rtoJiffies(tcp)
  let idle = tcp.jiffies - tcp.sentJiffy
  if (idle <= timeout) return
  tcp.ssthresh = currentSsthresh(tcp)
  const least = Math.min(INITIAL_CWND, tcp.cwnd)
  let { cwnd } = tcp
  for (idle -= timeout; idle > 0 && cwnd > least; idle -= timeout) cwnd >>= 1
  tcp.cwnd = Math.max(cwnd, least)
  tcp.cwndStamp = tcp.jiffies
  tcp.cwndUsed = 0
}

/** The timeout in ticks. */
function rtoJiffies(tcp: Connection): number {
  return Math.ceil((tcp.rto * tcp.hz) / 1e6)
}

/** The rate of which units are sized: some more than the window a round trip (tcp_update_pacing_rate). */
export function updatePacingRate(tcp: Connection): void {
  const { pacingSsRatio, pacingCaRatio } = tcp.parameters
  const ratio = tcp.cwnd < tcp.ssthresh / 2 ? pacingSsRatio : pacingCaRatio
  const window = tcp.mss * Math.max(tcp.cwnd, tcp.packetsOut)
  const { srtt8 } = tcp.rtt
  // Per cent, of a round trip in eighths of a microsecond.
  if (srtt8 > 0) tcp.pacingRate = Math.floor((window * ratio * 80_000) / srtt8)
}
