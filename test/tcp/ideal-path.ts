import {
  type CongestionControl,
  type CongestionState,
  INFINITE_SSTHRESH,
} from '../../src/stack/tcp/congestion/congestion-control.ts'

/**
 * A connection reduced to its window, on a path of fixed round trip: in each of them all segments of
 * the window are acknowledged, evenly spread. For tests of algorithms against their formulas.
 */
export class IdealPath implements CongestionState {
  cwnd = 10
  cwndCount = 0
  readonly cwndClamp: number = 0xffffffff
  ssthresh = INFINITE_SSTHRESH
  priorCwnd = 0
  srtt: number
  minRtt: number
  isCwndLimited = true
  pacingRate = 0
  gsoMaxSize = 65536
  sndUna = 0
  sndNxt = 0
  lastSent = 0
  now = 0
  readonly hz: number

  constructor(rtt: number, hz = 250) {
    this.srtt = rtt
    this.minRtt = rtt
    this.hz = hz
  }

  /** One round trip. @param delayedAck segments that one ACK covers. */
  round(control: CongestionControl, delayedAck = 1): void {
    const { cwnd, now, srtt } = this
    for (let acked = delayedAck; acked <= cwnd; acked += delayedAck) {
      this.now = now + Math.round((srtt * acked) / cwnd)
      this.sndUna += delayedAck
      this.sndNxt = this.sndUna + Math.floor(this.cwnd)
      this.lastSent = this.now
      control.onRtt(srtt)
      control.congAvoid(delayedAck)
    }
    this.now = now + srtt
  }

  /** A loss that is repaired within the round trip, as by fast recovery. */
  lose(control: CongestionControl): void {
    this.priorCwnd = this.cwnd
    this.ssthresh = control.ssthresh()
    this.cwnd = this.ssthresh
    this.cwndCount = 0
  }
}
