import type { Program } from '../../program/program.ts'
import type { Timer } from '../../program/timers.ts'
import { confirmedTimeout } from './scale.ts'

export interface SuspicionTimes {
  /** Confirmations by others after which it lasts `least`; 0 = it does so from the start. */
  readonly expected: number
  /** Picoseconds. */
  readonly least: number
  readonly most: number
}

/** A node is suspected: its time to refute runs, and is cut by each other node that suspects it too. */
export class Suspicion {
  confirmations = 0
  private readonly program: Program
  private readonly times: SuspicionTimes
  private readonly expire: () => void
  private readonly since: number
  private readonly suspecting: Set<string>
  private timer: Timer

  /** @param from who suspects first: it confirms nothing later. @param expire not called on the thread. */
  constructor(program: Program, from: string, times: SuspicionTimes, expire: () => void) {
    this.program = program
    this.times = times
    this.expire = expire
    this.since = program.now
    this.suspecting = new Set([from])
    this.timer = program.after(times.expected < 1 ? times.least : times.most, expire)
  }

  /** @returns whether it is news, to be passed on. */
  confirm(from: string): boolean {
    const { expected, least, most } = this.times
    if (this.confirmations >= expected || this.suspecting.has(from)) return false
    this.suspecting.add(from)
    this.confirmations++
    const whole = confirmedTimeout(this.confirmations, expected, least, most)
    const remaining = Math.max(0, this.since + whole - this.program.now)
    this.timer.cancel()
    this.timer = this.program.after(remaining, this.expire)
    return true
  }

  cancel(): void {
    this.timer.cancel()
  }
}
