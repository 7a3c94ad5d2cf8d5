import { type Schedulable, type Step, Task } from '../cpu/task.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { Kernel } from '../stack/kernel.ts'
import { elapsed, type Window } from './window.ts'

/** Where the ends of a workload run; without a machine there is nowhere to run, and nothing to choose. */
export interface CoreOptions {
  /** The only core of those who send (clients). Default: the scheduler chooses. */
  readonly senderCore?: number
  /** The only core of those who receive (servers). Default: the scheduler chooses. */
  readonly receiverCore?: number
}

/** A thread of a workload. */
export interface TaskCore {
  /** The kernel's name. */
  readonly host: string
  readonly task: string
  /** Where it ran last, in the window. */
  readonly core: number
  /** Of the window, the part that its own works took; softirqs that it met there are not counted. */
  readonly share: number
}

export interface TaskCores {
  readonly senders: readonly TaskCore[]
  readonly receivers: readonly TaskCore[]
}

const BEGIN = 0
const END = 1

/** The threads of one workload, and what each of them ran within the measuring window. */
export class Threads implements EventTarget {
  private readonly simulator: Simulator
  private readonly window: Window
  private readonly senders: WatchedTask[] = []
  private readonly receivers: WatchedTask[] = []
  private isWatching = false

  constructor(simulator: Simulator, window: Window) {
    this.simulator = simulator
    this.window = window
  }

  sender(kernel: Kernel, name: string, step: Step, core?: number): Schedulable {
    return this.add(this.senders, kernel, name, step, core)
  }

  receiver(kernel: Kernel, name: string, step: Step, core?: number): Schedulable {
    return this.add(this.receivers, kernel, name, step, core)
  }

  private add(
    list: WatchedTask[],
    kernel: Kernel,
    name: string,
    step: Step,
    core: number | undefined,
  ): Schedulable {
    const task = kernel.task(name, step, core)
    if (task instanceof Task) {
      list.push(new WatchedTask(task, kernel.name))
      this.watch()
    }
    return task
  }

  private watch(): void {
    if (this.isWatching) return
    this.isWatching = true
    const { simulator, window } = this
    simulator.at(Math.max(window.start, simulator.now), this, BEGIN)
    if (window.end !== Infinity) simulator.at(Math.max(window.end, simulator.now), this, END)
  }

  /** The window begins or ends. */
  fire(argument: number): void {
    for (const list of [this.senders, this.receivers]) {
      for (const task of list) {
        if (argument === BEGIN) task.begin()
        else task.end()
      }
    }
  }

  /** @returns null where no thread ran on a machine. */
  result(now: number): TaskCores | null {
    const { senders, receivers } = this
    if (senders.length === 0 && receivers.length === 0) return null
    const { start, end } = elapsed(this.window, now)
    const length = end - start
    return {
      senders: senders.map((task) => task.result(length)),
      receivers: receivers.map((task) => task.result(length)),
    }
  }
}

class WatchedTask {
  private readonly task: Task
  private readonly host: string
  private before = 0
  private after = -1
  private core = 0

  constructor(task: Task, host: string) {
    this.task = task
    this.host = host
  }

  begin(): void {
    this.before = this.task.busy
  }

  end(): void {
    this.after = this.task.busy
    this.core = this.task.core.index
  }

  /** @param length of the window, picoseconds. */
  result(length: number): TaskCore {
    const { task, host, before, after } = this
    const isOver = after >= 0
    const busy = (isOver ? after : task.busy) - before
    return {
      host,
      task: task.name,
      core: isOver ? this.core : task.core.index,
      share: length > 0 ? Math.min(busy / length, 1) : 0,
    }
  }
}
