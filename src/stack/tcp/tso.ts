import { TCP_FIN } from '../../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { CA_RECOVERY } from './constants.ts'
import { boundToHalfWindow } from './mss.ts'
import type { Segment } from './segment.ts'

/** sk_pacing_shift: a unit lasts a millisecond at the pacing rate. */
const PACING_SHIFT = 10
const MILLISECOND = 1000

/** The unit that writes are gathered into (tcp_xmit_size_goal), bytes. */
export function sizeGoal(tcp: Connection, mss: number): number {
  const most = boundToHalfWindow(tcp, tcp.gsoMaxSize)
  return Math.max(Math.min(Math.floor(most / mss), tcp.gsoMaxSegments), 1) * mss
}

/** Segments of a unit that leaves now (tcp_tso_autosize). */
export function unitSegments(tcp: Connection, mss: number): number {
  const { tsoRttLog, minTsoSegments } = tcp.parameters
  const { gsoMaxSize } = tcp
  // Before the first sample there is no rate, and so no limit by it.
  let bytes = tcp.pacingRate === 0 ? gsoMaxSize : Math.floor(tcp.pacingRate / (1 << PACING_SHIFT))
  if (tsoRttLog > 0 && bytes < gsoMaxSize) {
    const shift = Math.floor(tcp.rtt.min / (1 << tsoRttLog))
    // A short path has little room for many units.
    if (shift < 32) bytes += Math.floor(gsoMaxSize / 2 ** shift)
  }
  const segments = Math.floor(Math.min(bytes, gsoMaxSize) / mss)
  return Math.min(Math.max(segments, minTsoSegments), tcp.gsoMaxSegments)
}

/** Bytes below TCP up to which more is sent (tcp_small_queue_check). */
export function smallQueueLimit(tcp: Connection, truesize: number): number {
  const perMillisecond = Math.floor(tcp.pacingRate / (1 << PACING_SHIFT))
  return Math.min(Math.max(2 * truesize, perMillisecond), tcp.parameters.limitOutputBytes)
}

export const SEND_NOW = 0
const WAIT = 1
export const WAIT_FOR_CWND = 2
export const WAIT_FOR_WINDOW = 3

/** Whether it is better to wait until a larger unit may be sent (tcp_tso_should_defer). */
export function deferral(tcp: Connection, segment: Segment, mostSegments: number): number {
  if (tcp.caState >= CA_RECOVERY) return SEND_NOW
  // Who wrote last long ago is not about to fill the unit.
  if (tcp.mstamp - tcp.sentStamp > MILLISECOND) return SEND_NOW
  const window = tcp.windowEnd - segment.start
  const congestion = (tcp.cwnd - tcp.inFlight) * tcp.mss
  const limit = Math.min(window, congestion)
  if (limit >= mostSegments * tcp.mss) return SEND_NOW
  const { length } = segment
  if (segment !== tcp.queue.tail && limit >= length) return SEND_NOW
  const { tsoWinDivisor } = tcp.parameters
  const share = Math.floor(Math.min(tcp.sndWnd, tcp.cwnd * tcp.mss) / tsoWinDivisor)
  if (limit >= share) return SEND_NOW
  const { head } = tcp.queue
  if (head === null || head === segment) return SEND_NOW
  // The next ACK is due later than in half a round trip.
  if (tcp.mstamp - head.sentAt < tcp.rtt.srtt8 >> 4) return SEND_NOW
  if (congestion < window) {
    if (congestion <= length) return WAIT_FOR_CWND
  } else if (window <= length) return WAIT_FOR_WINDOW
  return (segment.flags & TCP_FIN) !== 0 ? SEND_NOW : WAIT
}
