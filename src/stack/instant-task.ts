import type { Schedulable, Step } from '../cpu/task.ts'
import type { Kernel } from './kernel.ts'

/** A thread where work takes no time: once woken it runs, after what is being done, until it sleeps. */
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

  /** Called by the kernel. */
  run(): void {
    this.isWoken = false
    while (this.step()) {
      // Until it sleeps.
    }
  }
}
