import type { Releasable } from '../cpu/core.ts'
import { STAGE_NIC_TRANSMIT } from '../cpu/stage.ts'
import type { Port } from '../link/port.ts'
import type { Holder } from '../measure/ledger.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import { MICROSECOND } from '../sim/units.ts'
import { segment } from '../stack/gso.ts'
import type { Kernel } from '../stack/kernel.ts'
import { flowHash } from '../wire/flow-hash.ts'
import { ETHERNET_HEADER_BYTES, type Frame } from '../wire/frame.ts'
import { FairQueue } from './fair-queue.ts'
import { TxCompletion } from './tx-completion.ts'

/**
 * What the card has in its rings, in time on the wire; the rest waits in the queue discipline. Byte queue
 * limits settle where a ring just does not run dry between two completions: some tens of microseconds.
 */
const RING_TIME = 50 * MICROSECOND

/**
 * A NIC's way out: what the card's rings have no room for waits by flow, units are cut by the card, and
 * socket memory is given back when they have left. A card that is not busy costs no event for it.
 */
export class TxQueue implements Releasable, EventTarget, Holder {
  private readonly kernel: Kernel
  private readonly port: Port
  private readonly completion: TxCompletion
  private readonly waiting: FairQueue

  /** @param limit frames that wait outside of the card's rings (txqueuelen). */
  constructor(kernel: Kernel, port: Port, limit = Infinity) {
    this.kernel = kernel
    this.port = port
    this.completion = new TxCompletion(kernel)
    this.waiting = new FairQueue(limit)
    kernel.ledger.addHolder(this)
  }

  /** The driver takes a frame; the card gets it when the work that sends it has ended. */
  transmit(frame: Frame): void {
    if (frame.owner !== null) {
      this.completion.relieve()
      frame.owner.transmitter = this.completion
    }
    const { machine } = this.kernel
    if (machine === null) return this.release(frame)
    const { current } = machine
    machine.spend(STAGE_NIC_TRANSMIT, frame.gsoSegments || 1, frame.length)
    if (current === null) return this.release(frame)
    this.completion.core = current
    current.defer(this, frame)
  }

  release(frame: Frame): void {
    const { port, waiting } = this
    if (waiting.length > 0 || port.busyUntil - this.kernel.simulator.now >= RING_TIME) {
      return this.wait(frame)
    }
    this.send(frame)
  }

  private send(frame: Frame): void {
    if (frame.gsoSize !== 0) return this.sendUnit(frame)
    this.port.send(frame)
    if (frame.owner !== null) this.completion.take(frame, this.port.busyUntil)
  }

  /** The card cuts a unit. */
  private sendUnit(unit: Frame): void {
    const { port } = this
    const { ledger } = this.kernel
    const segments = segment(unit)
    const last = segments.length - 1
    ledger.split++
    ledger.segments += segments.length
    for (let i = 0; i < last; i++) port.send(segments[i]!)
    const end = segments[last]!
    port.send(end)
    if (end.owner !== null) this.completion.take(end, port.busyUntil)
  }

  private wait(frame: Frame): void {
    const { kernel, port, waiting } = this
    if (waiting.length === 0) this.refillLater()
    const hash = frame.flowHash || flowHash(frame, kernel.hashSecret)
    const lost = waiting.push(frame, hash, this.quantum)
    if (lost !== null) kernel.ledger.drop(lost, 'queue_full', port.label)
    const bytes = waiting.bytes + port.queueLength
    if (bytes > port.queuePeakBytes) port.queuePeakBytes = bytes
  }

  /** When half of what the rings hold has left: an event for many frames. */
  private refillLater(): void {
    this.kernel.simulator.at(this.port.busyUntil - RING_TIME / 2, this)
  }

  fire(): void {
    const { port, waiting, quantum } = this
    const { now } = this.kernel.simulator
    while (port.busyUntil - now < RING_TIME) {
      const frame = waiting.shift(quantum)
      if (frame === null) return
      this.send(frame)
    }
    if (waiting.length > 0) this.refillLater()
  }

  private get quantum(): number {
    return this.port.mtu + ETHERNET_HEADER_BYTES
  }

  heldFrames(): number {
    return this.waiting.length
  }
}
