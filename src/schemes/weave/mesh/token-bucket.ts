import { type Process, sleep } from '../../../sim/process.ts'
import type { Simulator } from '../../../sim/simulator.ts'

/** Lets `capacity` through at once and then one each `interval` picoseconds: weaveworks/mesh, token_bucket.go. */
export class TokenBucket {
  private readonly simulator: Simulator
  private readonly interval: number
  private readonly refill: number
  private earliest: number

  constructor(simulator: Simulator, capacity: number, interval: number) {
    this.simulator = simulator
    this.interval = interval
    this.refill = capacity * interval
    this.earliest = simulator.now - this.refill
  }

  *wait(): Process {
    const { simulator } = this
    if (this.earliest > simulator.now) yield* sleep(this.earliest - simulator.now)
    this.earliest = Math.max(this.earliest, simulator.now - this.refill) + this.interval
  }
}
