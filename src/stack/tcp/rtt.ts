import { RTO_INITIAL, RTO_MAX, RTO_MIN } from './constants.ts'
import { WindowedMinimum } from './windowed-minimum.ts'

/** tcp_min_rtt_wlen, microseconds. */
const MINIMUM_WINDOW = 300_000_000

/**
 * Round-trip time and retransmission timeout (RFC 6298) in Linux's integer arithmetic
 * (tcp_rtt_estimator): whole microseconds, of which the smoothed one counts eighths and the mean
 * deviation quarters. The variation falls once a round trip only, and never below the least timeout.
 */
export class RttEstimator {
  /** Eighths of a microsecond; 0 before the first sample. */
  srtt8 = 0
  /** Quarters of a microsecond. */
  rttvar = 0
  /** Microseconds, a multiple of the jiffy: the timeout before any back-off. */
  rto = RTO_INITIAL
  private deviation = 0
  private deviationMax = 0
  /** The sample of this stream offset begins another round trip. */
  private roundEnd = 0
  private readonly jiffy: number
  private readonly minimum = new WindowedMinimum(MINIMUM_WINDOW)

  /** @param jiffy microseconds. */
  constructor(jiffy: number) {
    this.jiffy = jiffy
  }

  /** Least round trip of the last five minutes, microseconds; Infinity before the first sample. */
  get min(): number {
    const { value } = this.minimum
    return value === 0 ? Infinity : value
  }

  /** Smoothed round trip, microseconds. */
  get srtt(): number {
    return this.srtt8 >> 3
  }

  sampleMinimum(now: number, rtt: number): void {
    this.minimum.add(now, Math.max(rtt, 1))
  }

  /** @param rtt microseconds. @param una and next: what is acknowledged, and what was sent. */
  sample(rtt: number, una: number, next: number): void {
    if (this.srtt8 === 0) {
      this.srtt8 = Math.max(rtt << 3, 1)
      this.deviation = rtt << 1
      this.rttvar = Math.max(this.deviation, RTO_MIN)
      this.deviationMax = this.rttvar
      this.roundEnd = next
    } else this.update(rtt, una, next)
    this.rto = this.bounded((this.srtt8 >> 3) + this.rttvar)
  }

  private update(rtt: number, una: number, next: number): void {
    const error = rtt - (this.srtt8 >> 3)
    this.srtt8 = Math.max(this.srtt8 + error, 1)
    let change = Math.abs(error) - (this.deviation >> 2)
    // A shorter round trip is no reason to expect a larger deviation.
    if (error < 0 && change > 0) change >>= 3
    this.deviation += change
    if (this.deviation > this.deviationMax) {
      this.deviationMax = this.deviation
      if (this.deviationMax > this.rttvar) this.rttvar = this.deviationMax
    }
    if (una <= this.roundEnd) return
    if (this.deviationMax < this.rttvar) this.rttvar -= (this.rttvar - this.deviationMax) >> 2
    this.roundEnd = next
    this.deviationMax = RTO_MIN
  }

  /** Whole jiffies, at most RTO_MAX. */
  private bounded(timeout: number): number {
    return Math.min(Math.ceil(timeout / this.jiffy) * this.jiffy, RTO_MAX)
  }
}
