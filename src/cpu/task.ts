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
  isRunnable = false
  core: Core
  private readonly machine: Machine
  private readonly isPinned: boolean
  private readonly step: Step
  /** Woken, or to be woken when the work in progress ends. */
  private isWoken = false
  private isStepping = false

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
    if (this.isStepping) {
      this.isWoken = true
      return
    }
    if (this.isRunnable || this.isWoken) return
    this.isWoken = true
    const { current } = this.machine
    if (current === null) return this.release()
    current.spend(STAGE_WAKEUP, 1, 0)
    current.defer(this, null)
  }

  /** The waker's work has ended: off to a core. */
  release(): void {
    const { machine } = this
    if (!this.isPinned && !this.core.isIdle) this.core = machine.idleCore(this.core) ?? this.core
    const { core } = this
    if (!core.isIdle) return this.fire()
    core.arriving++
    machine.simulator.after(machine.costs.wakeupLatency, this, 1)
  }

  /** @param arrived 1 when the core was idle and had to be roused. */
  fire(arrived = 0): void {
    this.core.arriving -= arrived
    this.isWoken = false
    this.isRunnable = true
    this.core.enqueue(this)
  }

  /** Called by the core. */
  run(): void {
    this.isStepping = true
    const goesOn = this.step()
    this.isStepping = false
    this.isRunnable = goesOn || this.isWoken
    this.isWoken = false
  }
}
