import type { Process, Waitable } from '../../sim/process.ts'
import type { Program } from './program.ts'
import type { Timer } from './timers.ts'

type Resume = (value: unknown) => void

/** Something that processes wait for again and again: each `notify` wakes all who wait at the time. */
export class Condition {
  private readonly program: Program
  private waiting: Resume[] = []

  constructor(program: Program) {
    this.program = program
  }

  notify(): void {
    if (this.waiting.length === 0) return
    const { waiting } = this
    this.waiting = []
    for (const resume of waiting) resume(true)
  }

  /** @param timeout picoseconds. @returns whether it was notified: false = the time is over. */
  *wait(timeout = Infinity): Process<boolean> {
    return (yield this.waitable(timeout)) as boolean
  }

  private waitable(timeout: number): Waitable {
    return { wait: (_simulator, resume) => this.add(resume, timeout) }
  }

  private add(resume: Resume, timeout: number): void {
    if (timeout === Infinity) {
      this.waiting.push(resume)
      return
    }
    let timer: Timer | null = null
    const entry: Resume = (value) => {
      timer?.cancel()
      resume(value)
    }
    timer = this.program.after(timeout, () => {
      const at = this.waiting.indexOf(entry)
      if (at >= 0) this.waiting.splice(at, 1)
      resume(false)
    })
    this.waiting.push(entry)
  }
}
