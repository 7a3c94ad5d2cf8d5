import { SECOND } from '../sim/units.ts'

/**
 * A token bucket on simulated time, kept as one instant (ITU-T I.371's virtual scheduling): the time
 * at which the bucket would be full again. No refill event and no fraction of a token.
 */
export class RateLimiter {
  private readonly interval: number
  private readonly tolerance: number
  private fullAt = 0

  /**
   * @param rate tokens per second.
   * @param burst tokens that a full bucket holds, at least 1.
   */
  constructor(rate: number, burst: number) {
    this.interval = SECOND / rate
    this.tolerance = (burst - 1) * this.interval
  }

  /** Takes a token if there is one. */
  take(now: number): boolean {
    if (this.fullAt > now + this.tolerance) return false
    this.fullAt = Math.max(this.fullAt, now) + this.interval
    return true
  }
}
