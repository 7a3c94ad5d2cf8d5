import { SECOND } from '../../../sim/units.ts'

/** `ssthresh` of a connection that has not lost anything yet (TCP_INFINITE_SSTHRESH). */
export const INFINITE_SSTHRESH = 0x7fffffff

/** What an algorithm reads and writes of its connection (struct tcp_sock). Windows count segments. */
export interface CongestionState {
  cwnd: number
  /** Credit towards the next increase of `cwnd` (snd_cwnd_cnt). */
  cwndCount: number
  /** What `cwnd` never exceeds (snd_cwnd_clamp). */
  readonly cwndClamp: number
  ssthresh: number
  /** `cwnd` before the latest reduction (prior_cwnd). */
  readonly priorCwnd: number
  /** Smoothed round-trip time, picoseconds; 0 before the first sample. */
  readonly srtt: number
  /** Least round-trip time of the recent past, picoseconds; 0 before the first sample. */
  readonly minRtt: number
  /** Whether the window, and not the application, holds the sender back (tcp_is_cwnd_limited). */
  readonly isCwndLimited: boolean
  /** Bytes per second that pacing would send (sk_pacing_rate); 0 before the first sample. */
  readonly pacingRate: number
  /** Largest unit that the route's device takes, bytes (sk_gso_max_size). */
  readonly gsoMaxSize: number
  /** Stream offsets of the first unacknowledged and the next new byte. */
  readonly sndUna: number
  readonly sndNxt: number
  /** When data was last sent, picoseconds (lsndtime). */
  readonly lastSent: number
  /** Picoseconds. */
  readonly now: number
  /** Ticks per second of the kernel. */
  readonly hz: number
}

/** A congestion control algorithm of one connection (struct tcp_congestion_ops). */
export interface CongestionControl {
  /** As `net.ipv4.tcp_congestion_control` names it. */
  readonly name: string
  /** The connection is established. */
  init(): void
  /** Slow start threshold after a loss, segments; `state.cwnd` is still that of before. */
  ssthresh(): number
  /** @param acked segments that an ACK has newly delivered, outside of recovery. */
  congAvoid(acked: number): void
  /** The window to go back to when a reduction was for nothing. */
  undoCwnd(): number
  /** @param rtt of the segments that an ACK covers, picoseconds (pkts_acked). */
  onRtt(rtt: number): void
  /** The connection has entered the Loss state: its timer ran out. */
  onLoss(): void
  /** The first data since nothing was in flight is about to leave (CA_EVENT_TX_START). */
  onTransmitStart(): void
}

export function isInSlowStart(state: CongestionState): boolean {
  return state.cwnd < state.ssthresh
}

/** Clock ticks since the start of the run (tcp_jiffies32). */
export function jiffiesOf(state: CongestionState): number {
  return Math.floor((state.now * state.hz) / SECOND)
}

/**
 * Exponential growth up to `ssthresh` (tcp_slow_start).
 * @returns the acknowledged segments that are left for congestion avoidance.
 */
export function slowStart(state: CongestionState, acked: number): number {
  const { cwnd } = state
  const grown = Math.min(cwnd + acked, state.ssthresh)
  state.cwnd = Math.min(grown, state.cwndClamp)
  return acked - (grown - cwnd)
}

/** One segment more for every `every` acknowledged (tcp_cong_avoid_ai). */
export function additiveIncrease(state: CongestionState, every: number, acked: number): void {
  let { cwnd, cwndCount } = state
  // Credit from when the step was longer counts once only.
  if (cwndCount >= every) {
    cwndCount = 0
    cwnd++
  }
  cwndCount += acked
  if (cwndCount >= every) {
    const steps = Math.floor(cwndCount / every)
    cwndCount -= steps * every
    cwnd += steps
  }
  state.cwndCount = cwndCount
  state.cwnd = Math.min(cwnd, state.cwndClamp)
}
