import type { Program } from '../../../control/program/program.ts'
import type { Schedulable } from '../../../cpu/task.ts'

/** Which of a router's threads is at work. */
export class DataThreads {
  readonly program: Program
  current: DataThread | null = null

  constructor(program: Program) {
    this.program = program
  }
}

/**
 * A thread of the router that forwards frames, beside the one of its control plane: one reads what the
 * kernel tells of, one what comes by UDP, and one sends for each connection.
 */
export class DataThread {
  private readonly threads: DataThreads
  private readonly work: () => boolean
  private readonly task: Schedulable
  private isBlocked = false

  /** @param work handles one frame. @returns whether there may be another. */
  constructor(threads: DataThreads, name: string, work: () => boolean) {
    const { namespace } = threads.program
    this.threads = threads
    this.work = work
    this.task = namespace.kernel.task(`${name} ${namespace.name}`, () => this.step())
  }

  wake(): void {
    this.task.wake()
  }

  /** Called by what it has written to: it stands still from the end of this frame on. */
  block(): void {
    this.isBlocked = true
  }

  resume(): void {
    this.isBlocked = false
    this.task.wake()
  }

  private step(): boolean {
    if (this.isBlocked || !this.threads.program.isRunning) return false
    this.threads.current = this
    const goesOn = this.work()
    this.threads.current = null
    return goesOn && !this.isBlocked
  }
}
