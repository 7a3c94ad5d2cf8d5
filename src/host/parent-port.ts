import { Ring } from '../cpu/ring.ts'
import { STAGE_CLONE } from '../cpu/stage.ts'
import type { Schedulable } from '../cpu/task.ts'
import type { DropReason } from '../measure/drop-reason.ts'
import type { Holder } from '../measure/ledger.ts'
import type { NetDevice, RxHandler } from '../stack/device.ts'
import type { Kernel } from '../stack/kernel.ts'
import type { Frame } from '../wire/frame.ts'
import type { HostDevice, LinkChange, LinkWatcher } from './host-device.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

/** Frames that wait to be copied to the children (macvlan's bc_queue_len, IPVLAN_QBACKLOG_LIMIT). */
const QUEUE_FRAMES = 1000

/** What a driver calls its parts in traces and in the books. */
export interface PortKind {
  readonly stage: 'macvlan' | 'ipvlan'
  readonly overflow: DropReason
  readonly noChild: DropReason
}

/**
 * What the parent of macvlan or ipvlan devices does whatever finds the child: it takes its frames before
 * its own protocols do, and has group frames copied by a work queue of limited length.
 */
export abstract class ParentPort<Child extends HostDevice>
  implements RxHandler, Holder, LinkWatcher
{
  readonly lower: HostDevice
  readonly children: Child[] = []
  protected readonly kernel: Kernel
  private readonly kind: PortKind
  private readonly frames = new Ring<Frame>()
  private readonly sources = new Ring<Child | null>()
  private readonly worker: Schedulable

  protected constructor(lower: HostDevice, kind: PortKind) {
    this.lower = lower
    this.kind = kind
    this.kernel = lower.namespace.kernel
    this.worker = this.kernel.task(`kworker/${lower.label}`, () => this.work())
    this.kernel.ledger.addHolder(this)
    lower.rxHandler = this
    lower.watch(this)
  }

  abstract handleFrame(frame: Frame, device: NetDevice): Frame | null

  abstract linkChanged(lower: HostDevice, change: LinkChange): void

  /** Makes the copies of a frame that waited. @param source as in `enqueue`. */
  protected abstract deliverQueued(frame: Frame, source: Child | null): void

  /** Takes a child off; with the last one the parent's frames are its own again. */
  protected forget(child: Child): void {
    this.children.splice(this.children.indexOf(child), 1)
    if (this.children.length > 0) return
    for (let frame = this.frames.shift(); frame !== undefined; frame = this.frames.shift()) {
      child.namespace.drop(frame, 'namespace_gone', this.lower)
      this.sources.shift()
    }
    this.lower.rxHandler = null
    this.lower.unwatch(this)
  }

  /** As `enqueue` for a frame that goes on to others besides. */
  protected enqueueCopy(frame: Frame, source: Child | null): void {
    this.share(frame)
    this.enqueue(frame, source)
  }

  /** @param source the child that sent it; null when it came by the wire. */
  enqueue(frame: Frame, source: Child | null): void {
    if (this.frames.length >= QUEUE_FRAMES) {
      return this.lower.namespace.drop(frame, this.kind.overflow, this.lower)
    }
    this.frames.push(frame)
    this.sources.push(source)
    if (frame.trace !== 0) this.lower.namespace.charge('queue', frame, 'broadcasts', this.lower)
    this.worker.wake()
  }

  /** In a kernel worker: one frame. @returns whether there are more. */
  private work(): boolean {
    const frame = this.frames.shift()
    if (frame === undefined) return false
    this.deliverQueued(frame, this.sources.shift() ?? null)
    return this.frames.length > 0
  }

  private share(frame: Frame): void {
    frame.shared = true
    this.kernel.ledger.copied++
    this.lower.namespace.spend(STAGE_CLONE, frame)
  }

  /**
   * A copy for one child; the frame itself stays the caller's.
   * @param isLocal whether a sibling sent it: then it crosses from namespace to namespace here.
   */
  protected copyTo(child: Child, frame: Frame, isLocal: boolean): void {
    this.share(frame)
    if (frame.trace !== 0) {
      this.lower.namespace.charge(this.kind.stage, frame, child, this.lower)
    }
    if (!isLocal) this.kernel.netifRx(frame, child)
    else if (!fits(frame, child)) dropTooBig(frame, child)
    else this.kernel.netifRx(scrub(frame, true), child)
  }

  /** Books a frame of the wire of which the copies are made. */
  protected finish(frame: Frame, copies: number): void {
    if (copies > 0) this.kernel.ledger.consumed++
    else this.lower.namespace.drop(frame, this.kind.noChild, this.lower)
  }

  heldFrames(): number {
    return this.frames.length
  }
}

/** The port of `lower`, made at the first child; null when something else handles its frames. */
export function portOf<Port extends RxHandler>(
  lower: HostDevice,
  kind: new (lower: HostDevice) => Port,
): Port | null {
  if (lower.rxHandler instanceof kind) return lower.rxHandler
  return lower.rxHandler === null ? new kind(lower) : null
}
