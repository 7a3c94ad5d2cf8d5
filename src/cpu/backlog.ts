import type { Frame } from '../wire/frame.ts'
import type { Core, PollSource } from './core.ts'
import { Ring } from './ring.ts'
import { STAGE_BACKLOG } from './stage.ts'

/** netdev_max_backlog, frames. */
const MAX_BACKLOG = 1000
/** dev_rx_weight: frames of a poll, after which the next source has its turn. */
const WEIGHT = 64

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
  /** Frames that the poll in progress has taken. */
  private polled = 0

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
    const { frames } = this
    while (this.polled < WEIGHT && frames.length > 0) {
      if (core.isSliceOver) {
        core.resume(this)
        return false
      }
      this.polled++
      const frame = frames.shift()!
      core.countFrame()
      core.spend(STAGE_BACKLOG, frame.gsoSegments || 1, frame.length)
      this.devices.shift()!.receive(frame)
    }
    this.polled = 0
    this.isScheduled = frames.length > 0
    return this.isScheduled
  }

  heldFrames(): number {
    return this.frames.length
  }
}
