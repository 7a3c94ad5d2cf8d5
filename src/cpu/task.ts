import type { EventTarget } from '../sim/event-queue.ts'
import type { Core, Releasable } from './core.ts'
import type { Machine } from './machine.ts'
import { STAGE_WAKEUP } from './stage.ts'

/** A thread: does a step (about a system call) whenever it is its turn. */
export interface Schedulable {
  /** Makes it runnable; does nothing when it is already. */
  wake(): void
}

/** @returns whether it goes on; false = it sleeps until it is woken. */
export type Step = () => boolean

/** A thread on a machine with cores. It is woken where it ran last, or on an idle core (select_idle_sibling). */
export class Task implements Schedulable, Releasable, EventTarget {
  readonly name: string
  /** Virtual runtime, picoseconds: who has had the least is next. */
  runtime = 0
  /** Picoseconds that its works took. */
  busy = 0
  /** Waits for its turn on a core, or for the end of its step to go on. */
  isRunnable = false
  core: Core
  private readonly machine: Machine
  private readonly isPinned: boolean
  private readonly step: Step
  private latestCore: Core | null = null
  /** Somebody has woken it and it has not come to a core yet. */
  private isWoken = false
  /** Its step has been done, and the core is busy with it until the work's end. */
  private isBusy = false
  private goesOn = false

  /** @param core the only one that it runs on; without it the scheduler chooses. */
  constructor(machine: Machine, name: string, step: Step, core?: number) {
    this.machine = machine
    this.name = name
    this.step = step
    this.isPinned = core !== undefined
    this.core =
      core === undefined ? machine.nextCore() : machine.cores[core % machine.cores.length]!
  }

  wake(): void {
    if (this.isWoken || (this.isRunnable && !this.isBusy)) return
    const { current } = this.machine
    if (this.isBusy && current === this.core) {
      // By its own step: it has not gone to sleep yet.
      this.goesOn = true
      return
    }
    this.isWoken = true
    if (current === null) return this.release()
    current.spend(STAGE_WAKEUP, 1, 0)
    current.defer(this, null)
  }

  /** The waker's work has ended: off to a core. */
  release(): void {
    if (this.isBusy || this.isRunnable) {
      // It is on its core still, or again.
      this.isWoken = false
      this.goesOn = true
      return
    }
    const { machine } = this
    if (!this.isPinned && !this.core.isIdle) this.core = machine.idleCore(this.core) ?? this.core
    const { core } = this
    if (core.isAtWork) return this.fire()
    core.arriving++
    machine.simulator.after(machine.costs.wakeupLatency, this, 1)
  }

  /** @param arrived 1 when the core was idle and had to be roused. */
  fire(arrived = 0): void {
    const { core } = this
    core.arriving -= arrived
    this.isWoken = false
    this.isRunnable = true
    const isFromElsewhere = core !== this.latestCore
    this.latestCore = core
    core.enqueue(this, isFromElsewhere)
  }

  /** Called by the core, at the start of a work. */
  run(): void {
    this.isBusy = true
    this.goesOn = false
    if (this.step()) this.goesOn = true
  }

  /** Called by the core, at its end. */
  stepEnded(): void {
    this.isBusy = false
    this.isRunnable = this.goesOn
  }
}
