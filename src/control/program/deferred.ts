import type { Process } from '../../sim/process.ts'
import { Condition } from './condition.ts'
import type { Program } from './program.ts'

/** A value that comes once, or not in time. */
export class Deferred<T extends NonNullable<unknown>> {
  private readonly settled: Condition
  private value: T | null = null

  constructor(program: Program) {
    this.settled = new Condition(program)
  }

  /** Only the first value counts. */
  settle(value: T): void {
    if (this.value !== null) return
    this.value = value
    this.settled.notify()
  }

  /** @param timeout picoseconds. @returns null when the time is over. */
  *wait(timeout = Infinity): Process<T | null> {
    if (this.value === null) yield this.settled.until(timeout)
    return this.value
  }
}
