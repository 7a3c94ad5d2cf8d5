import type { Schedulable } from '../../cpu/task.ts'
import { type Process, Signal, type Waitable } from '../../sim/process.ts'
import type { RandomStream } from '../../sim/random.ts'
import type { Simulator } from '../../sim/simulator.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { type Timer, Timers } from './timers.ts'

/** Something that the kernel closes when its program ends, such as a socket. */
export interface Descriptor {
  close(): void
}

/**
 * A program that runs on a host: processes which share one thread, as with an event loop. They go on only
 * while the thread has a core; where work takes no time, at once. Killed, it leaves what it did to
 * its host, and the kernel closes its sockets; a restart is a new program.
 */
export class Program {
  readonly name: string
  readonly namespace: NetNamespace
  readonly simulator: Simulator
  readonly random: RandomStream
  /** What it printed, oldest first. */
  readonly log: string[] = []
  /** Fires when the program has ended, in whatever way. */
  readonly ended = new Signal<void>()
  private readonly thread: Schedulable
  private readonly timers: Timers
  private readonly descriptors = new Set<Descriptor>()
  /** Waiting for their turn are [head, tail), each with what it is resumed with. */
  private readonly runnable: (Fibre<unknown> | null)[] = []
  private readonly values: unknown[] = []
  private head = 0
  private tail = 0

  /** @param name unique on its host: it names the program's own stream of chance. */
  constructor(namespace: NetNamespace, name: string) {
    const { kernel } = namespace
    this.name = name
    this.namespace = namespace
    this.simulator = kernel.simulator
    this.random = kernel.simulator.random.stream(`program/${namespace.name}/${name}`)
    this.timers = new Timers(kernel.simulator)
    this.thread = kernel.task(`${name} ${namespace.name}`, () => this.step())
  }

  get isRunning(): boolean {
    return !this.ended.isSettled
  }

  /** Monotonic clock: picoseconds since the start of the run. */
  get now(): number {
    return this.simulator.now
  }

  /** The host's real-time clock: picoseconds since the start of the run and all its steps. */
  get wallClock(): number {
    return this.simulator.now + this.namespace.kernel.clockOffset
  }

  /** Starts a process. It begins when the thread comes to it, not within this call. */
  spawn<T>(body: Process<T>): Fibre<T> {
    const fibre = new Fibre(this, body)
    this.enqueue(fibre, undefined)
    return fibre
  }

  /** Calls `callback` after `duration` picoseconds, not on the thread: it may wake a process, and no more. */
  after(duration: number, callback: () => void): Timer {
    return this.timers.after(duration, callback)
  }

  /** Notes what is to be closed with the program. */
  own(descriptor: Descriptor): void {
    if (this.isRunning) this.descriptors.add(descriptor)
    else descriptor.close()
  }

  disown(descriptor: Descriptor): void {
    this.descriptors.delete(descriptor)
  }

  /** The end (SIGKILL): no process goes on from now, and the kernel closes the sockets at its next turn. */
  kill(): void {
    if (!this.isRunning) return
    this.ended.settle(undefined)
    this.runnable.length = 0
    this.values.length = 0
    this.head = 0
    this.tail = 0
    const { kernel } = this.namespace
    // A signal from outside of the host's work interrupts a core, which then closes for it.
    if (kernel.machine?.current === null) kernel.softirq(() => this.closeAll())
    else this.closeAll()
  }

  private closeAll(): void {
    for (const descriptor of [...this.descriptors]) descriptor.close()
    this.descriptors.clear()
  }

  /** Called by a process that can go on. */
  enqueue(fibre: Fibre<unknown>, value: unknown): void {
    if (!this.isRunning) return
    this.runnable[this.tail] = fibre
    this.values[this.tail++] = value
    this.thread.wake()
  }

  private step(): boolean {
    const { runnable, values, head } = this
    if (head === this.tail) return false
    const fibre = runnable[head]!
    const value = values[head]
    runnable[head] = null
    values[head] = undefined
    this.head++
    if (this.head === this.tail) {
      this.head = 0
      this.tail = 0
    }
    fibre.run(value)
    return this.head < this.tail
  }
}

/** A process of a program that was started; `done` settles with its result. */
export class Fibre<T> {
  readonly done = new Signal<T>()
  private readonly program: Program
  private readonly body: Process<T>
  /** Of the wait that may wake it: a second call of an older one does nothing. */
  private wait = 0
  private isActive = false
  private isOver = false

  constructor(program: Program, body: Process<T>) {
    this.program = program
    this.body = body
  }

  /** Ends it where it waits; its `finally` blocks run, and may not wait. */
  cancel(): void {
    if (this.isOver) return
    this.isOver = true
    this.wait++
    if (!this.isActive) this.body.return(undefined as T)
  }

  /** Called by the program on its thread. */
  run(value: unknown): void {
    if (this.isOver) return
    this.isActive = true
    const { done, value: result } = this.body.next(value)
    this.isActive = false
    if (this.isOver) {
      if (!done) this.body.return(undefined as T)
    } else if (done) {
      this.isOver = true
      this.done.settle(result as T)
    } else this.suspend(result as Waitable)
  }

  private suspend(waitable: Waitable): void {
    const wait = ++this.wait
    waitable.wait(this.program.simulator, (value) => {
      if (wait !== this.wait) return
      this.wait++
      this.program.enqueue(this, value)
    })
  }
}
