import { Ring } from './ring.ts'
import type { Frame } from '../wire/frame.ts'
import type { Core, PollSource } from './core.ts'
import { STAGE_BACKLOG } from './stage.ts'

/** netdev_max_backlog, frames. */
const MAX_BACKLOG = 1000

/** A device as its frames' way up sees it. */
export interface Receiver {
  readonly label: string
  receive(frame: Frame): void
}

/** A core's input queue for what software devices hand over (process_backlog). */
export class Backlog implements PollSource {
  private readonly core: Core
  private readonly frames = new Ring<Frame>()
  private readonly devices = new Ring<Receiver>()
  private isScheduled = false

  constructor(core: Core) {
    this.core = core
  }

  /** netif_rx: `device` receives the frame in a softirq of this core, or it is dropped here. */
  push(frame: Frame, device: Receiver): void {
    if (this.frames.length >= MAX_BACKLOG) {
      this.core.machine.ledger.drop(frame, 'backlog_full', device.label)
      return
    }
    this.frames.push(frame)
    this.devices.push(device)
    if (this.isScheduled) return
    this.isScheduled = true
    this.core.raise(this)
  }

  poll(core: Core): boolean {
    while (!core.isSliceOver) {
      const frame = this.frames.shift()
      if (frame === undefined) break
      core.countFrame()
      core.spend(STAGE_BACKLOG, frame.gsoSegments, frame.length)
      this.devices.shift()!.receive(frame)
    }
    this.isScheduled = this.frames.length > 0
    return this.isScheduled
  }

  heldFrames(): number {
    return this.frames.length
  }
}
