import type { Process, Waitable } from '../../sim/process.ts'
import type { Simulator } from '../../sim/simulator.ts'
import type { Program } from './program.ts'
import type { Timer } from './timers.ts'

type Resume = (value: unknown) => void

/** Something that processes wait for again and again: each `notify` wakes all who wait at the time. */
export class Condition {
  readonly program: Program
  private waiting: Wait[] = []

  constructor(program: Program) {
    this.program = program
  }

  notify(): void {
    const { waiting } = this
    if (waiting.length === 0) return
    if (waiting.length === 1) return waiting.pop()!.notified()
    this.waiting = []
    for (const wait of waiting) wait.notified()
  }

  /** @param timeout picoseconds. @returns whether it was notified: false = the time is over. */
  *wait(timeout = Infinity): Process<boolean> {
    return (yield this.until(timeout)) as boolean
  }

  /** As `wait`, for a process that yields it itself: one generator less to go through. */
  until(timeout: number): Waitable {
    return new Wait(this, timeout)
  }

  /** Called by a wait that begins, and by one whose time is over. */
  add(wait: Wait): void {
    this.waiting.push(wait)
  }

  remove(wait: Wait): void {
    const at = this.waiting.indexOf(wait)
    if (at >= 0) this.waiting.splice(at, 1)
  }
}

/** One process that waits. */
class Wait implements Waitable {
  private readonly condition: Condition
  private readonly timeout: number
  private resume: Resume | null = null
  private timer: Timer | null = null

  constructor(condition: Condition, timeout: number) {
    this.condition = condition
    this.timeout = timeout
  }

  wait(_simulator: Simulator, resume: Resume): void {
    this.resume = resume
    if (this.timeout !== Infinity) {
      this.timer = this.condition.program.after(this.timeout, () => this.expired())
    }
    this.condition.add(this)
  }

  notified(): void {
    this.timer?.cancel()
    this.resume!(true)
  }

  private expired(): void {
    this.condition.remove(this)
    this.resume!(false)
  }
}
