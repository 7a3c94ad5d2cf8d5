import type { Releasable } from '../cpu/core.ts'
import { STAGE_NIC_TRANSMIT } from '../cpu/stage.ts'
import type { Port } from '../link/port.ts'
import { segment } from '../stack/gso.ts'
import type { Kernel } from '../stack/kernel.ts'
import type { Frame } from '../wire/frame.ts'
import { TxCompletion } from './tx-completion.ts'

/** A NIC's way out: units are cut by the card, and socket memory is given back when they have left. */
export class TxQueue implements Releasable {
  private readonly kernel: Kernel
  private readonly port: Port
  private readonly completion: TxCompletion

  constructor(kernel: Kernel, port: Port) {
    this.kernel = kernel
    this.port = port
    this.completion = new TxCompletion(kernel)
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
    if (frame.gsoSize !== 0) return this.sendUnit(frame)
    this.port.send(frame)
    if (frame.owner !== null) this.completion.take(frame, this.port.busyUntil)
  }

  /** The card cuts a unit. One of its segments counts against the queue's limit. */
  private sendUnit(unit: Frame): void {
    const { port } = this
    const { ledger } = this.kernel
    if (port.isFull) return ledger.drop(unit, 'queue_full', port.label)
    const segments = segment(unit)
    const last = segments.length - 1
    ledger.split++
    ledger.segments += segments.length
    for (let i = 0; i < last; i++) port.send(segments[i]!, 0)
    const end = segments[last]!
    port.send(end)
    if (end.owner !== null) this.completion.take(end, port.busyUntil)
  }
}
