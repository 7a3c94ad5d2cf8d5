import type { Core, PollSource } from './core.ts'
import { Ring } from './ring.ts'
import { STAGE_TIMER } from './stage.ts'

/** Expired timers and other callbacks that run in softirq context of a core. */
export class TimerQueue implements PollSource {
  private readonly core: Core
  private readonly callbacks = new Ring<() => void>()
  private isScheduled = false

  constructor(core: Core) {
    this.core = core
  }

  push(callback: () => void): void {
    this.callbacks.push(callback)
    if (this.isScheduled) return
    this.isScheduled = true
    this.core.raise(this)
  }

  poll(core: Core): boolean {
    while (!core.isSliceOver) {
      const callback = this.callbacks.shift()
      if (callback === undefined) break
      core.spend(STAGE_TIMER, 1, 0)
      callback()
    }
    this.isScheduled = this.callbacks.length > 0
    return this.isScheduled
  }
}
