import type { EventTarget } from './event-queue.ts'
import type { Simulator } from './simulator.ts'

/**
 * A process is a generator that yields what it waits for and is resumed with the result. Daemons and
 * workloads are written this way; they compose with `yield*`. Native promises never run in the model.
 */
export type Process<T = void> = Generator<Waitable, T, unknown>

/** What a process may wait for: it is handed a `resume` to call, once, in simulated time. */
export interface Waitable {
  wait(simulator: Simulator, resume: (value: unknown) => void): void
}

/** Waits for a duration in picoseconds. */
export function* sleep(duration: number): Process {
  yield {
    wait: (simulator, resume) => simulator.after(duration, { fire: () => resume(undefined) }),
  }
}

/** A value that arrives once; any number of processes may wait for it. */
export class Signal<T> implements Waitable {
  private waiting: ((value: unknown) => void)[] = []
  private settled = false
  private value: T | undefined

  settle(value: T): void {
    if (this.settled) return
    this.settled = true
    this.value = value
    const waiting = this.waiting
    this.waiting = []
    for (const resume of waiting) resume(value)
  }

  get isSettled(): boolean {
    return this.settled
  }

  wait(_simulator: Simulator, resume: (value: unknown) => void): void {
    if (this.settled) resume(this.value)
    else this.waiting.push(resume)
  }

  *receive(): Process<T> {
    return (yield this) as T
  }
}

/** A process that was started; `done` settles with its result, `cancel` stops it at its next wait. */
export class RunningProcess<T> implements EventTarget {
  readonly done = new Signal<T>()
  private cancelled = false

  private readonly simulator: Simulator
  private readonly body: Process<T>

  constructor(simulator: Simulator, body: Process<T>) {
    this.simulator = simulator
    this.body = body
    simulator.at(simulator.now, this)
  }

  fire(): void {
    this.step(undefined)
  }

  cancel(): void {
    this.cancelled = true
  }

  private step(value: unknown): void {
    if (this.cancelled) {
      this.body.return(undefined as T)
      return
    }
    const { done, value: yielded } = this.body.next(value)
    if (done) {
      this.done.settle(yielded as T)
      return
    }
    const waitable = yielded as Waitable
    waitable.wait(this.simulator, (result) => this.step(result))
  }
}

/** Starts `body` at the current instant, after the events already scheduled for it. */
export function spawn<T>(simulator: Simulator, body: Process<T>): RunningProcess<T> {
  return new RunningProcess(simulator, body)
}
