import type { RandomStream } from '../../../sim/random.ts'

export interface Cancellable {
  cancel(): void
}

/** Time as sessions see it: simulated, or real in a test against another implementation. */
export interface Clock {
  /** Picoseconds. */
  readonly now: number
  /** Calls back once, later, unless it is cancelled. @param duration picoseconds. */
  after(duration: number, callback: () => void): Cancellable
}

/** A timer that can be set again; at most one call back is pending. */
export class RestartableTimer {
  private readonly clock: Clock
  private readonly callback: () => void
  private pending: Cancellable | null = null

  constructor(clock: Clock, callback: () => void) {
    this.clock = clock
    this.callback = callback
  }

  get isRunning(): boolean {
    return this.pending !== null
  }

  start(duration: number): void {
    this.stop()
    this.pending = this.clock.after(duration, () => {
      this.pending = null
      this.callback()
    })
  }

  stop(): void {
    this.pending?.cancel()
    this.pending = null
  }
}

/** Between three quarters and all of a duration (RFC 4271 section 10). */
export function jittered(duration: number, random: RandomStream): number {
  return Math.round(duration * (0.75 + 0.25 * random.next()))
}
