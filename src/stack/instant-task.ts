import type { Schedulable, Step } from '../cpu/task.ts'
import type { Kernel } from './kernel.ts'

/**
 * A thread where work takes no time: once woken it runs, after what is being done, until it sleeps.
 * Softirqs run between its steps, as before a system call returns.
 */
export class InstantTask implements Schedulable {
  private readonly kernel: Kernel
  private readonly step: Step
  private isWoken = false

  constructor(kernel: Kernel, step: Step) {
    this.kernel = kernel
    this.step = step
  }

  wake(): void {
    if (this.isWoken) return
    this.isWoken = true
    this.kernel.runSoon(this)
  }

  /** Called by the kernel: one step. */
  run(): void {
    this.isWoken = false
    if (this.step()) this.wake()
  }
}
