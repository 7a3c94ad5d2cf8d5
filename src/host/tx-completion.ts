import type { Core } from '../cpu/core.ts'
import { STAGE_INTERRUPT } from '../cpu/stage.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Kernel } from '../stack/kernel.ts'
import type { Frame, FrameOwner, Transmitter } from '../wire/frame.ts'

/** Slots with which the ring starts. */
const RING = 8
/** Frames that may wait before a transmit gives back what it can. */
const CROWD = 32

/**
 * Socket memory of what a NIC has on its way out. It is given back when its owner asks, when many frames
 * wait, or by one event when a socket is blocked: no event a frame.
 */
export class TxCompletion implements Transmitter, EventTarget {
  /** Where frames were handed over last: its completions come there. */
  core: Core | null = null
  private readonly kernel: Kernel
  private owners: (FrameOwner | null)[] = new Array(RING).fill(null)
  private departures = new Float64Array(RING)
  /** Integers: sockets sum them up, and a sum of floats is slower. */
  private truesizes = new Int32Array(RING)
  private mask = RING - 1
  /** Ring positions: waiting are [head, tail). They start again at 0 whenever nothing waits. */
  private head = 0
  private tail = 0
  private isRequested = false
  private readonly complete: () => void

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.complete = () => {
      kernel.spend(STAGE_INTERRUPT, 1, 0)
      this.reap()
      this.requestForBlocked()
    }
  }

  /**
   * The frame's memory is free at `departure` (picoseconds). The frame itself goes on without an owner,
   * for who receives it must not free what the sender is charged for.
   */
  take(frame: Frame, departure: number): void {
    const owner = frame.owner!
    frame.owner = null
    if (this.tail - this.head > this.mask) this.grow()
    const slot = this.tail++ & this.mask
    this.owners[slot] = owner
    this.departures[slot] = departure
    this.truesizes[slot] = frame.truesize
    if (owner.isBlocked) this.requestCompletion()
  }

  /** Before a transmit: keeps the ring short where no owner asks. */
  relieve(): void {
    if (this.tail - this.head >= CROWD) this.reap()
  }

  reap(): void {
    const { now } = this.kernel.simulator
    // What an owner does then may lead back to here.
    while (this.head < this.tail) {
      const slot = this.head & this.mask
      if (this.departures[slot]! > now) return
      const owner = this.owners[slot]!
      const truesize = this.truesizes[slot]!
      this.owners[slot] = null
      if (++this.head === this.tail) this.head = this.tail = 0
      owner.frameFreed(truesize)
    }
  }

  requestCompletion(): void {
    if (this.isRequested || this.head === this.tail) return
    this.isRequested = true
    const { simulator } = this.kernel
    const middle = (this.head + ((this.tail - this.head) >> 1)) & this.mask
    simulator.at(Math.max(simulator.now, this.departures[middle]!), this)
  }

  fire(): void {
    this.isRequested = false
    const { kernel } = this
    if (kernel.machine === null || this.core === null) kernel.softirq(this.complete)
    else this.core.timers.push(this.complete)
  }

  /** Those whose frames stand further back have not been freed yet. */
  private requestForBlocked(): void {
    for (let position = this.head; position < this.tail; position++) {
      if (this.owners[position & this.mask]!.isBlocked) return this.requestCompletion()
    }
  }

  private grow(): void {
    const size = (this.mask + 1) * 2
    const owners: (FrameOwner | null)[] = new Array(size).fill(null)
    const departures = new Float64Array(size)
    const truesizes = new Int32Array(size)
    for (let position = this.head; position < this.tail; position++) {
      const from = position & this.mask
      const to = position & (size - 1)
      owners[to] = this.owners[from]!
      departures[to] = this.departures[from]!
      truesizes[to] = this.truesizes[from]!
    }
    this.owners = owners
    this.departures = departures
    this.truesizes = truesizes
    this.mask = size - 1
  }
}
