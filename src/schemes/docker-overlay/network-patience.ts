import { Condition } from '../../control/program/condition.ts'
import type { Program } from '../../control/program/program.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'

/** Until a network has been made, its first containers are started again and again. */
const START_RETRY = 500 * MILLISECOND
const START_PATIENCE = 60 * SECOND

/** When a daemon can start containers, and how long their user waits for a network that nobody has made. */
export class NetworkPatience {
  private readonly program: Program
  private readonly end: number
  /** Networks that were there once: of these it is sure when they are missing. */
  private readonly seen = new Set<string>()
  private readonly readiness: Condition
  private isReady = false

  constructor(program: Program) {
    this.program = program
    this.end = program.now + START_PATIENCE
    this.readiness = new Condition(program)
  }

  /** What an earlier life has left is cleared away: containers can be started. */
  setReady(): void {
    this.isReady = true
    this.readiness.notify()
  }

  *whenReady(): Process {
    while (!this.isReady) yield* this.readiness.wait()
  }

  saw(network: string): void {
    this.seen.add(network)
  }

  /** Looks until something is found. @returns null when the network is missing, or for too long. */
  *find<T>(network: string, look: () => Process<T | null>): Process<T | null> {
    for (;;) {
      const found = yield* look()
      if (found !== null) return found
      if (this.seen.has(network) || this.program.now > this.end) return null
      yield* sleep(START_RETRY)
    }
  }
}
