import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'

/** Lets so much through at once, and then one for each interval. */
export class TokenBucket {
  private readonly program: Program
  private readonly capacity: number
  /** Picoseconds. */
  private readonly interval: number
  private tokens: number
  /** Up to when tokens have been added. */
  private since: number

  constructor(program: Program, capacity: number, interval: number) {
    this.program = program
    this.capacity = capacity
    this.interval = interval
    this.tokens = capacity
    this.since = program.now
  }

  *take(): Process {
    this.refill()
    while (this.tokens === 0) {
      yield* sleep(this.since + this.interval - this.program.now)
      this.refill()
    }
    this.tokens--
  }

  private refill(): void {
    const steps = Math.floor((this.program.now - this.since) / this.interval)
    this.tokens = Math.min(this.capacity, this.tokens + steps)
    this.since += steps * this.interval
  }
}
