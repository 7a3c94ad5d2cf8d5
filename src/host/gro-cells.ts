import type { Core } from '../cpu/core.ts'
import type { Holder } from '../measure/ledger.ts'
import type { NetDevice } from '../stack/device.ts'
import type { Frame } from '../wire/frame.ts'
import { NapiQueue } from './napi-queue.ts'

/** netdev_max_backlog, frames. */
const MAX_FRAMES = 1000

/** A tunnel device's queue on one core. */
class GroCell extends NapiQueue {
  private readonly core: Core
  private readonly device: NetDevice
  private isScheduled = false

  constructor(core: Core, device: NetDevice) {
    super(core.machine.ledger)
    this.core = core
    this.device = device
  }

  push(frame: Frame): void {
    if (this.frames.length >= MAX_FRAMES) {
      return this.core.machine.ledger.drop(frame, 'backlog_full', this.device.label)
    }
    this.frames.push(frame)
    if (this.isScheduled) return
    this.isScheduled = true
    this.core.raise(this)
  }

  protected override take(frame: Frame, core: Core): void {
    this.merge(frame, core, this.device.features.tunnelGro)
  }

  protected override complete(): void {
    this.isScheduled = false
  }

  override receiveUnit(frame: Frame): void {
    this.device.receive(frame)
  }
}

/**
 * Where a tunnel device puts what it has unpacked (net/core/gro_cells.c): each core merges the segments
 * that it has unpacked before the device receives them.
 */
export class GroCells implements Holder {
  private readonly device: NetDevice
  /** By core, made at the first frame. */
  private readonly cells: (GroCell | undefined)[] = []

  constructor(device: NetDevice) {
    this.device = device
  }

  receive(frame: Frame): void {
    const { device } = this
    const { kernel } = device.namespace
    const core = kernel.machine?.current ?? null
    // Nothing is merged where nothing takes time, nor what others hold too.
    if (core === null || frame.shared || !device.features.gro) return kernel.netifRx(frame, device)
    this.cellOf(core).push(frame)
  }

  private cellOf(core: Core): GroCell {
    let cell = this.cells[core.index]
    if (cell === undefined) {
      if (this.cells.length === 0) core.machine.ledger.addHolder(this)
      cell = new GroCell(core, this.device)
      this.cells[core.index] = cell
    }
    return cell
  }

  heldFrames(): number {
    let held = 0
    for (const cell of this.cells) held += cell?.heldFrames() ?? 0
    return held
  }
}
