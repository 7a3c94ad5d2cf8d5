import type { RandomStream } from '../sim/random.ts'
import { MICROSECOND, SECOND } from '../sim/units.ts'

/**
 * Where neither CPU nor link takes time, what is sent has arrived in the same instant. Whoever would
 * go on at once then waits this long, or the clock would never move on.
 */
export const LEAST_TURNAROUND = MICROSECOND

/** Sending times of a constant rate: each computed from its number, so that nothing drifts. */
export class Pace {
  readonly start: number
  private readonly rate: number
  /** Time between two packets, where it is a whole number: then nothing need be divided or rounded. */
  private readonly period: number | null

  /**
   * @param start of packet 0, picoseconds.
   * @param rate packets per second; Infinity: all of them are due at the start.
   */
  constructor(start: number, rate: number) {
    this.start = start
    this.rate = rate
    const period = SECOND / rate
    this.period = Number.isInteger(period) ? period : null
  }

  /** When packet `n` leaves, rounded to whole picoseconds. */
  timeOf(n: number): number {
    if (this.period !== null) return this.start + n * this.period
    return this.start + Math.round((n * SECOND) / this.rate)
  }
}

/** How many packets leave within `duration` picoseconds, the first at its very beginning. */
export function packetsWithin(duration: number, rate: number): number {
  if (duration === Infinity || rate === Infinity) return Infinity
  const pace = new Pace(0, rate)
  let count = Math.ceil((duration * rate) / SECOND)
  while (count > 0 && pace.timeOf(count - 1) >= duration) count--
  return count
}

/**
 * By how much sender `index` starts after the first: senders in step would meet in every queue, and
 * senders spread evenly in none.
 */
export function phaseOf(index: number, rate: number, random: RandomStream): number {
  return index === 0 ? 0 : random.integer(0, Math.max(Math.ceil(SECOND / rate) - 1, 0))
}
