import { MICROSECOND, MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { CongestionState } from './congestion-control.ts'

/** Below this window slow start is never left early, segments (hystart_low_window). */
const LOW_WINDOW = 16
/** Round-trip samples that each round is judged by. */
const MIN_SAMPLES = 8
/** ACKs at most this far apart belong to one train (hystart_ack_delta_us). */
const ACK_DELTA = 2 * MILLISECOND
/** Bounds of the rise in delay that ends slow start: an eighth of the least delay, within them. */
const DELAY_MIN = 4 * MILLISECOND
const DELAY_MAX = 16 * MILLISECOND

/**
 * HyStart as tcp_cubic.c has it: ends slow start before it overruns the path, when the ACKs of one
 * round come as a train as long as half the round trip, or when the round's delay rises.
 * Times are picoseconds, delays rounded down to the kernel's microseconds.
 */
export class HyStart {
  private readonly state: CongestionState
  private isFound = false
  private roundStart = 0
  private latestAck = 0
  /** Stream offset that ends the round. */
  private roundEnd = 0
  private roundDelay = Infinity
  private samples = 0

  constructor(state: CongestionState) {
    this.state = state
  }

  /** Slow start begins, at first or after a timeout. */
  restart(): void {
    this.isFound = false
    this.beginRound()
  }

  private beginRound(): void {
    const { state } = this
    this.roundStart = state.now
    this.latestAck = state.now
    this.roundEnd = state.sndNxt
    this.roundDelay = Infinity
    this.samples = 0
  }

  /**
   * An ACK in slow start: sets `ssthresh` to the window when the path is found to be full.
   * @param delay its round trip. @param leastDelay the least of the connection.
   */
  onRtt(delay: number, leastDelay: number): void {
    const { state } = this
    if (this.isFound) return
    if (state.sndUna > this.roundEnd) this.beginRound()
    if (state.cwnd < LOW_WINDOW) return
    const isTrain = this.isLongTrain(leastDelay)
    if (this.isDelayed(delay, leastDelay) || isTrain) {
      this.isFound = true
      state.ssthresh = state.cwnd
    }
  }

  private isLongTrain(leastDelay: number): boolean {
    const { now } = this.state
    if (now - this.latestAck > ACK_DELTA) return false
    this.latestAck = now
    // Not paced, a window leaves at once: half a round trip of ACKs is all the path holds.
    return now - this.roundStart > (leastDelay + this.unitDelay()) / 2
  }

  /** Time that four of the largest units take at the pacing rate (hystart_ack_delay). */
  private unitDelay(): number {
    const { gsoMaxSize, pacingRate } = this.state
    if (pacingRate === 0) return 0
    return Math.min(MILLISECOND, Math.floor((gsoMaxSize * 4 * SECOND) / pacingRate))
  }

  private isDelayed(delay: number, leastDelay: number): boolean {
    if (delay < this.roundDelay) this.roundDelay = delay
    if (this.samples < MIN_SAMPLES) {
      this.samples++
      return false
    }
    const eighth = Math.floor(leastDelay / 8 / MICROSECOND) * MICROSECOND
    const rise = Math.min(Math.max(eighth, DELAY_MIN), DELAY_MAX)
    return this.roundDelay > leastDelay + rise
  }
}
