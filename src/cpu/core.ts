import type { EventTarget } from '../sim/event-queue.ts'
import { MICROSECOND, MILLISECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import { Backlog } from './backlog.ts'
import type { Machine } from './machine.ts'
import { STAGE_CONTEXT_SWITCH, STAGES } from './stage.ts'
import type { Task } from './task.ts'
import { TimerQueue } from './timer-queue.ts'

/** A poll gives the core back after this much work, so that what it did takes effect in time. */
const SLICE = 5 * MICROSECOND
/** MAX_SOFTIRQ_TIME (kernel/softirq.c): then softirqs take turns with the tasks, in ksoftirqd. */
const SOFTIRQ_TIME = 2 * MILLISECOND
/** MAX_SOFTIRQ_RESTART rounds of netdev_budget frames. */
const SOFTIRQ_FRAMES = 10 * 300

/** Deferred work of the network stack that a core polls (NAPI): receive queues, backlog, tunnels. */
export interface PollSource {
  /**
   * Handles what waits until `core.isSliceOver`.
   * @returns whether something is left, so that it is polled again.
   */
  poll(core: Core): boolean
}

/** What is released when a work ends, with the frame that was handed over if there was one. */
export interface Releasable {
  release(frame: Frame | null): void
}

/**
 * One core. It does one work at a time: the work's plain calls run at its start and add up what they
 * cost; what it causes elsewhere (frames for a cable, wake-ups) waits in the outbox until its end, so
 * that all outside effects carry the time `now`. Softirqs go before tasks, up to Linux's limits.
 */
export class Core implements EventTarget {
  readonly index: number
  readonly machine: Machine
  readonly backlog: Backlog
  readonly timers: TimerQueue
  /** Picoseconds spent by stage, of works that have ended. */
  readonly account = new Float64Array(STAGES.length)
  /** Picoseconds of all works that have ended; the sum of `account`. */
  busy = 0
  /** Of these, in softirq. */
  softirq = 0
  /** Picoseconds that the work in progress costs by now. */
  private spent = 0
  private isRunning = false
  private readonly pending = new Float64Array(STAGES.length)
  private readonly touched = new Uint8Array(STAGES.length)
  private touchedCount = 0
  /** When each stage was run last. */
  private readonly usedAt = new Float64Array(STAGES.length).fill(Number.NEGATIVE_INFINITY)
  /** The outbox is [0, outCount); the arrays keep their length, for cutting them costs more. */
  private readonly outTargets: (Releasable | null)[] = []
  private readonly outFrames: (Frame | null)[] = []
  private outCount = 0

  private readonly polls: PollSource[] = []
  private readonly tasks: Task[] = []
  /** Tasks that have been woken and are not there yet: the core counts as taken. */
  arriving = 0
  private inSoftirq = false
  private softirqSince = -1
  private softirqFrames = 0
  /** ksoftirqd has taken over: softirqs wait for their share among the tasks. */
  private isHandedOver = false
  private softirqRuntime = 0
  /** Virtual runtime of the task that was last run, which never goes back (cfs_rq->min_vruntime). */
  private virtualTime = 0
  /** Whom the work in progress belongs to; null in softirq. */
  private task: Task | null = null
  private latestTask: Task | null = null

  constructor(machine: Machine, index: number) {
    this.machine = machine
    this.index = index
    this.backlog = new Backlog(this)
    this.timers = new TimerQueue(this)
  }

  /** Adds to the cost of the work in progress. @param stage one of STAGE_*. */
  spend(stage: number, segments: number, bytes: number): void {
    const { costs, simulator } = this.machine
    const { now } = simulator
    let unit = costs.perUnit[stage]!
    if (now - this.usedAt[stage]! > costs.coldAfter) unit *= costs.coldFactor
    this.usedAt[stage] = now
    const cost = Math.round(
      unit + costs.perSegment[stage]! * segments + costs.perByte[stage]! * bytes,
    )
    if (cost === 0) return
    const before = this.pending[stage]!
    if (before === 0) this.touched[this.touchedCount++] = stage
    this.pending[stage] = before + cost
    this.spent += cost
  }

  /** Whether a poll has to give the core back. */
  get isSliceOver(): boolean {
    return this.spent >= SLICE
  }

  /** Hands something over when the work in progress ends. */
  defer(target: Releasable, frame: Frame | null): void {
    const slot = this.outCount++
    this.outTargets[slot] = target
    this.outFrames[slot] = frame
  }

  /** Schedules a source to be polled (napi_schedule); the caller knows that it is not yet. */
  raise(source: PollSource): void {
    this.polls.push(source)
    this.start()
  }

  /** From within a poll that returns false: it goes on before all others, for only its slice is over. */
  resume(source: PollSource): void {
    this.polls.unshift(source)
  }

  /** Counts frames against the softirq's budget. */
  countFrame(): void {
    this.softirqFrames++
  }

  /** Who comes from another core, or has slept, competes from here on as the one who had the least. */
  enqueue(task: Task, isFromElsewhere: boolean): void {
    if (isFromElsewhere || task.runtime < this.virtualTime) task.runtime = this.virtualTime
    this.tasks.push(task)
    this.start()
  }

  /** Whether the work in progress is a task's step. */
  get isStepping(): boolean {
    return this.task !== null
  }

  get isAtWork(): boolean {
    return this.isRunning
  }

  /** At no work, and nobody is about to come. */
  get isIdle(): boolean {
    return !this.isRunning && this.arriving === 0
  }

  private start(): void {
    if (this.isRunning) return
    this.isRunning = true
    this.next()
  }

  /** Begins works until one takes time; the core is idle when there is none. */
  private next(): void {
    while (this.polls.length > 0 || this.tasks.length > 0) {
      const { machine } = this
      machine.current = this
      if (this.isSoftirqNext()) this.poll()
      else this.step()
      machine.current = null
      if (this.spent > 0) {
        machine.simulator.after(this.spent, this)
        return
      }
      this.finish()
    }
    this.isRunning = false
    // The idle task was here: whoever comes next has to be switched to.
    this.latestTask = null
    this.softirqSince = -1
    this.isHandedOver = false
  }

  private isSoftirqNext(): boolean {
    if (this.polls.length === 0) {
      this.softirqSince = -1
      this.isHandedOver = false
      return false
    }
    if (this.tasks.length === 0) return true
    if (this.isHandedOver) return this.softirqRuntime <= this.leastTask().runtime
    const { now } = this.machine.simulator
    if (this.softirqSince < 0) {
      this.softirqSince = now
      this.softirqFrames = 0
    } else if (now - this.softirqSince >= SOFTIRQ_TIME || this.softirqFrames >= SOFTIRQ_FRAMES) {
      this.isHandedOver = true
      this.softirqRuntime = this.leastTask().runtime
      // It has just had its share: the tasks are next.
      return false
    }
    return true
  }

  private leastTask(): Task {
    const { tasks } = this
    let least = tasks[0]!
    for (let i = 1; i < tasks.length; i++) if (tasks[i]!.runtime < least.runtime) least = tasks[i]!
    return least
  }

  private poll(): void {
    this.inSoftirq = true
    const source = this.polls.shift()!
    if (source.poll(this)) this.polls.push(source)
  }

  /** One system call's worth of the task whose turn it is. */
  private step(): void {
    const task = this.leastTask()
    this.dequeue(task)
    this.task = task
    if (task.runtime > this.virtualTime) this.virtualTime = task.runtime
    if (task !== this.latestTask) this.spend(STAGE_CONTEXT_SWITCH, 1, 0)
    this.latestTask = task
    task.run()
  }

  private dequeue(task: Task): void {
    const { tasks } = this
    for (let i = tasks.indexOf(task) + 1; i < tasks.length; i++) tasks[i - 1] = tasks[i]!
    tasks.pop()
  }

  /** The work in progress has ended. */
  fire(): void {
    this.finish()
    this.next()
  }

  private finish(): void {
    const { account, pending, touched, spent, task } = this
    for (let i = 0; i < this.touchedCount; i++) {
      const stage = touched[i]!
      account[stage]! += pending[stage]!
      pending[stage] = 0
    }
    this.touchedCount = 0
    this.busy += spent
    this.spent = 0
    if (this.inSoftirq) {
      this.softirq += spent
      this.softirqRuntime += spent
      this.inSoftirq = false
    } else if (task !== null) {
      task.runtime += spent
      task.busy += spent
      this.task = null
      task.stepEnded()
      if (task.isRunnable) this.tasks.push(task)
    }
    this.releaseAll()
  }

  private releaseAll(): void {
    const { outTargets, outFrames } = this
    for (let i = 0; i < this.outCount; i++) {
      const target = outTargets[i]!
      const frame = outFrames[i]!
      outTargets[i] = null
      outFrames[i] = null
      target.release(frame)
    }
    this.outCount = 0
  }

  /** Frames that wait for the end of the work in progress. */
  heldFrames(): number {
    let held = this.backlog.heldFrames()
    for (const frame of this.outFrames) if (frame !== null) held++
    return held
  }
}
