import type { Simulator } from '../../sim/simulator.ts'

/** A callback to come, which can be cancelled. */
export class Timer {
  readonly at: number
  private callback: (() => void) | null

  constructor(at: number, callback: () => void) {
    this.at = at
    this.callback = callback
  }

  get isCancelled(): boolean {
    return this.callback === null
  }

  cancel(): void {
    this.callback = null
  }

  run(): void {
    const { callback } = this
    this.callback = null
    callback?.()
  }
}

/**
 * Timers of a program. Those of one duration end in the order in which they were set, so that each
 * duration has a queue with one event pending: a time-out for each of many thousand requests costs little.
 */
export class Timers {
  private readonly simulator: Simulator
  private readonly queues = new Map<number, TimerQueue>()

  constructor(simulator: Simulator) {
    this.simulator = simulator
  }

  /** Calls `callback` after `duration` picoseconds, unless the timer is cancelled. */
  after(duration: number, callback: () => void): Timer {
    let queue = this.queues.get(duration)
    if (queue === undefined) {
      queue = new TimerQueue(this.simulator, () => this.queues.delete(duration))
      this.queues.set(duration, queue)
    }
    const timer = new Timer(this.simulator.now + duration, callback)
    queue.push(timer)
    return timer
  }
}

/** Below this the dead at the front of a queue are not worth a copy. */
const COMPACT_FROM = 64

class TimerQueue {
  private readonly simulator: Simulator
  private readonly release: () => void
  private timers: Timer[] = []
  private head = 0
  /** While timers run they may set others, which are then seen to at the end. */
  private isPending = false

  constructor(simulator: Simulator, release: () => void) {
    this.simulator = simulator
    this.release = release
  }

  push(timer: Timer): void {
    this.timers.push(timer)
    if (this.isPending) return
    this.isPending = true
    this.simulator.at(timer.at, this)
  }

  fire(): void {
    const { timers, simulator } = this
    while (this.head < timers.length) {
      const timer = timers[this.head]!
      if (!timer.isCancelled && timer.at > simulator.now) break
      this.head++
      timer.run()
    }
    const next = timers[this.head]
    if (next === undefined) {
      this.isPending = false
      return this.release()
    }
    simulator.at(next.at, this)
    if (this.head < COMPACT_FROM || this.head * 2 < timers.length) return
    this.timers = timers.slice(this.head)
    this.head = 0
  }
}
