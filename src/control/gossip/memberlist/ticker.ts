import { type Process, sleep } from '../../../sim/process.ts'
import type { Program } from '../../program/program.ts'

/**
 * Ticks at every multiple of `interval` from now on, as Go's does: when its owner is busy for longer, one
 * tick waits for it and the others are lost.
 */
export class Ticker {
  private readonly program: Program
  private readonly interval: number
  private readonly start: number
  private due: number

  constructor(program: Program, interval: number) {
    this.program = program
    this.interval = interval
    this.start = program.now
    this.due = this.start + interval
  }

  *wait(): Process {
    const { interval, program, start } = this
    if (program.now < this.due) yield* sleep(this.due - program.now)
    this.due = start + (Math.floor((program.now - start) / interval) + 1) * interval
    // Rounded, the time since the start may be a trifle less than the intervals in it: this tick would come again.
    if (this.due <= program.now) this.due += interval
  }
}
