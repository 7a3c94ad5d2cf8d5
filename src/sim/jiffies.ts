import type { EventTarget } from './event-queue.ts'
import type { Simulator } from './simulator.ts'
import { SECOND } from './units.ts'

/** Levels of the kernel's timer wheel (kernel/time/timer.c): each is eight times coarser. */
const LEVEL_GRANULARITY = 8
const LEVEL_SLOTS = 64

/** A kernel timer. Re-arming stores a deadline; the wheel looks at it when the old one comes up. */
export class KernelTimer {
  /** Jiffy at which it fires; NaN when it is not armed. */
  expires = Number.NaN
  /** Jiffy of the wheel's slot that refers to this timer, NaN when none does. */
  slot = Number.NaN
  readonly fire: () => void
  /** Expired, but its machine has not come to it yet: it may still be cancelled, or armed again. */
  isDue = false
  private dueCall: (() => void) | null = null

  constructor(fire: () => void) {
    this.fire = fire
  }

  /** What a machine runs when it comes to this timer. */
  get whenDue(): () => void {
    this.dueCall ??= () => this.fireIfDue()
    return this.dueCall
  }

  private fireIfDue(): void {
    if (!this.isDue) return
    this.isDue = false
    this.fire()
  }

  get isArmed(): boolean {
    return !Number.isNaN(this.expires)
  }
}

/**
 * Linux's low-resolution timers of one kernel: deadlines are rounded up to jiffies and, the further
 * away they are, to coarser steps, as the kernel's wheel does. One event is pending for all of them.
 */
export class JiffyWheel implements EventTarget {
  /** Ticks per second, CONFIG_HZ. */
  readonly hz: number
  private readonly simulator: Simulator
  private readonly period: number
  /** When the first jiffy of this kernel began: kernels do not tick in step. */
  private readonly phase: number
  private readonly slots = new Map<number, KernelTimer[]>()
  /** Slot numbers in use, smallest first. */
  private readonly order: number[] = []
  private pending = Infinity

  /** Runs what a timer does where and when the machine comes to it; null = at once. */
  private readonly dispatch: ((callback: () => void) => void) | null

  /** @param phase picoseconds in [0, one jiffy). @param firstJiffy jiffies counted before time 0. */
  constructor(
    simulator: Simulator,
    hz: number,
    phase: number,
    firstJiffy: number,
    dispatch: ((callback: () => void) => void) | null = null,
  ) {
    this.dispatch = dispatch
    this.simulator = simulator
    this.hz = hz
    this.period = SECOND / hz
    this.phase = phase - firstJiffy * this.period
  }

  get jiffies(): number {
    return Math.floor((this.simulator.now - this.phase) / this.period)
  }

  /** Jiffies of a duration in picoseconds, rounded up as msecs_to_jiffies does. */
  toJiffies(duration: number): number {
    return Math.ceil(duration / this.period)
  }

  /** Arms `timer` to fire `duration` picoseconds from now, or later by the wheel's rounding. */
  arm(timer: KernelTimer, duration: number): void {
    const now = this.jiffies
    timer.isDue = false
    timer.expires = this.slotOf(now, now + this.toJiffies(duration))
    // A timer that was only put off keeps its old slot and is moved on when that comes up.
    if (timer.slot <= timer.expires) return
    this.enter(timer)
  }

  cancel(timer: KernelTimer): void {
    timer.isDue = false
    timer.expires = Number.NaN
  }

  /** The kernel's rounding: up to the granularity of the level in which the delta falls. */
  private slotOf(now: number, expires: number): number {
    const delta = Math.max(expires - now, 0)
    let granularity = 1
    while (delta >= (LEVEL_SLOTS - 1) * granularity) granularity *= LEVEL_GRANULARITY
    return (Math.floor(expires / granularity) + 1) * granularity
  }

  private enter(timer: KernelTimer): void {
    timer.slot = timer.expires
    const slot = this.slots.get(timer.slot)
    if (slot) {
      slot.push(timer)
      return
    }
    this.slots.set(timer.slot, [timer])
    let at = this.order.length
    while (at > 0 && this.order[at - 1]! < timer.slot) at--
    this.order.splice(at, 0, timer.slot)
    this.schedule()
  }

  private schedule(): void {
    const earliest = this.order[this.order.length - 1]
    if (earliest === undefined || earliest >= this.pending) return
    this.pending = earliest
    this.simulator.at(
      Math.max(this.phase + earliest * this.period, this.simulator.now),
      this,
      earliest,
    )
  }

  fire(slotNumber: number): void {
    if (slotNumber !== this.pending) return
    this.pending = Infinity
    const timers = this.slots.get(slotNumber)!
    this.slots.delete(slotNumber)
    this.order.pop()
    for (const timer of timers) {
      if (timer.slot !== slotNumber) continue
      timer.slot = Number.NaN
      if (!timer.isArmed) continue
      if (timer.expires > slotNumber) {
        this.enter(timer)
        continue
      }
      timer.expires = Number.NaN
      if (this.dispatch === null) timer.fire()
      else {
        timer.isDue = true
        this.dispatch(timer.whenDue)
      }
    }
    this.schedule()
  }
}
