import type { Core, PollSource } from '../cpu/core.ts'
import { Ring } from '../cpu/ring.ts'
import { STAGE_GRO } from '../cpu/stage.ts'
import type { Ledger } from '../measure/ledger.ts'
import { Gro, type UnitReceiver } from '../stack/gro.ts'
import type { Frame } from '../wire/frame.ts'

/** NAPI_POLL_WEIGHT: frames of a poll, after which what was merged goes on. */
const WEIGHT = 64

/**
 * Frames that one core polls and merges. A poll may take several slices of work: its units go on when
 * it ends, not at the end of a slice.
 */
export abstract class NapiQueue implements PollSource, UnitReceiver {
  protected readonly frames = new Ring<Frame>()
  private readonly gro: Gro
  /** Frames that the poll in progress has taken. */
  private polled = 0

  constructor(ledger: Ledger) {
    this.gro = new Gro(ledger, this)
  }

  /** Handles one frame: `merge` or `receiveUnit`. */
  protected abstract take(frame: Frame, core: Core): void

  /** Nothing is left, so that the core does not poll any more (napi_complete). */
  protected abstract complete(): void

  abstract receiveUnit(frame: Frame): void

  protected merge(frame: Frame, core: Core, mergesTunnels: boolean): void {
    core.spend(STAGE_GRO, 1, frame.length)
    this.gro.receive(frame, mergesTunnels)
  }

  poll(core: Core): boolean {
    const { frames } = this
    while (this.polled < WEIGHT && frames.length > 0) {
      if (core.isSliceOver) {
        // Nobody else comes in between: what a poll unpacks for the next source, it leaves there at once.
        core.resume(this)
        return false
      }
      this.polled++
      core.countFrame()
      this.take(frames.shift()!, core)
    }
    this.polled = 0
    this.gro.flush()
    if (frames.length > 0) return true
    this.complete()
    return false
  }

  heldFrames(): number {
    return this.frames.length + this.gro.held
  }
}
