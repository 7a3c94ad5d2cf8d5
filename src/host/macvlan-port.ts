import { Ring } from '../cpu/ring.ts'
import { STAGE_CLONE, STAGE_MACVLAN } from '../cpu/stage.ts'
import type { Schedulable } from '../cpu/task.ts'
import { MacTable } from '../link/mac-table.ts'
import type { Holder } from '../measure/ledger.ts'
import type { NetDevice, RxHandler } from '../stack/device.ts'
import type { Kernel } from '../stack/kernel.ts'
import type { Frame } from '../wire/frame.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import type { HostDevice, LinkChange, LinkWatcher } from './host-device.ts'
import type { Macvlan, MacvlanMode } from './macvlan.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

/** Modes as bits, so that a broadcast can be for several of them (include/uapi/linux/if_link.h). */
export const MODE_BITS: Readonly<Record<MacvlanMode, number>> = {
  private: 1,
  vepa: 2,
  bridge: 4,
  passthru: 8,
}
const ALL_MODES = 15

/** Frames that wait to be copied to the children (bc_queue_len). */
const BROADCAST_QUEUE_FRAMES = 1000

/**
 * What the parent of macvlan devices does (drivers/net/macvlan.c): it takes its frames before its own
 * protocols do and hands them to the child with the destination's MAC. Group frames go on to the
 * parent's own stack, and to the children by a work queue of limited length.
 */
export class MacvlanPort implements RxHandler, Holder, LinkWatcher {
  readonly lower: HostDevice
  readonly children: Macvlan[] = []
  /** Group frames that found the queue full. */
  queueOverflows = 0
  private readonly kernel: Kernel
  /** MAC to position in `slots`. */
  private readonly table = new MacTable({ capacity: 0, ageing: Infinity })
  private readonly slots: (Macvlan | null)[] = []
  private readonly frames = new Ring<Frame>()
  private readonly sources = new Ring<Macvlan | null>()
  private readonly worker: Schedulable
  /** The lower device's address at the first child: one in mode passthru may have changed it since. */
  private readonly permanentMac: MacAddress

  private constructor(lower: HostDevice) {
    this.lower = lower
    this.permanentMac = lower.mac
    this.kernel = lower.namespace.kernel
    this.worker = this.kernel.task(`kworker/${lower.label}`, () => this.work())
    this.kernel.ledger.addHolder(this)
    lower.rxHandler = this
    lower.watch(this)
  }

  /** The port of `lower`, made at the first child; null when something else handles its frames. */
  static of(lower: HostDevice): MacvlanPort | null {
    if (lower.rxHandler instanceof MacvlanPort) return lower.rxHandler
    return lower.rxHandler === null ? new MacvlanPort(lower) : null
  }

  get isPassthru(): boolean {
    return this.children.length > 0 && this.children[0]!.mode === 'passthru'
  }

  add(child: Macvlan): void {
    this.children.push(child)
    this.enter(child)
  }

  remove(child: Macvlan): void {
    this.leave(child, child.mac)
    this.children.splice(this.children.indexOf(child), 1)
    if (this.children.length > 0) return
    for (let frame = this.frames.shift(); frame !== undefined; frame = this.frames.shift()) {
      child.namespace.drop(frame, 'namespace_gone', this.lower)
      this.sources.shift()
    }
    this.lower.rxHandler = null
    this.lower.unwatch(this)
    if (child.mode === 'passthru' && this.lower.mac !== this.permanentMac) {
      this.lower.setMac(this.permanentMac)
    }
  }

  private enter(child: Macvlan): void {
    let slot = this.slots.indexOf(null)
    if (slot < 0) slot = this.slots.length
    this.slots[slot] = child
    this.table.addStatic(0, child.hi, child.lo, slot, 0)
    if (child.mode === 'passthru') this.lower.changePromiscuity(1)
    else this.lower.addUnicast(child.mac)
  }

  private leave(child: Macvlan, mac: MacAddress): void {
    this.slots[this.slots.indexOf(child)] = null
    this.table.remove(0, macHi(mac), macLo(mac))
    if (child.mode === 'passthru') this.lower.changePromiscuity(-1)
    else this.lower.removeUnicast(mac)
  }

  /** A child got another address (macvlan_sync_address). */
  readdress(child: Macvlan, before: MacAddress): void {
    this.leave(child, before)
    this.enter(child)
  }

  isBusy(mac: MacAddress): boolean {
    return mac === this.lower.mac || this.lookup(macHi(mac), macLo(mac)) !== null
  }

  lookup(hi: number, lo: number): Macvlan | null {
    const slot = this.table.lookup(0, hi, lo, 0)
    return slot < 0 ? null : this.slots[slot]!
  }

  /** macvlan_handle_frame. */
  handleFrame(frame: Frame, device: NetDevice): Frame | null {
    if (frame.isGroup) return this.handleGroup(frame)
    const child = this.isPassthru ? this.children[0]! : this.lookup(frame.dstHi, frame.dstLo)
    if (child === null) return frame
    device.namespace.spend(STAGE_MACVLAN, frame)
    if (frame.trace !== 0) device.namespace.charge('macvlan', frame, child, device)
    child.receive(frame)
    return null
  }

  private handleGroup(frame: Frame): Frame | null {
    const source = this.lookup(frame.srcHi, frame.srcLo)
    if (source !== null && source.mode !== 'vepa' && source.mode !== 'bridge') {
      // A reflected frame of a child that hears no other: it goes back to that child alone.
      this.kernel.netifRx(frame, source)
      return null
    }
    if (this.children.some(isUp)) this.enqueue(frame, source)
    return frame
  }

  private enqueue(frame: Frame, source: Macvlan | null): void {
    frame.shared = true
    this.kernel.ledger.copied++
    this.lower.namespace.spend(STAGE_CLONE, frame)
    if (this.frames.length >= BROADCAST_QUEUE_FRAMES) {
      this.queueOverflows++
      this.lower.namespace.drop(frame, 'macvlan_broadcast_queue', this.lower)
      return
    }
    this.frames.push(frame)
    this.sources.push(source)
    if (frame.trace !== 0) this.lower.namespace.charge('queue', frame, 'broadcasts', this.lower)
    this.worker.wake()
  }

  /** macvlan_process_broadcast, in a kernel worker: one frame. @returns whether there are more. */
  private work(): boolean {
    const frame = this.frames.shift()
    if (frame === undefined) return false
    this.deliverQueued(frame, this.sources.shift() ?? null)
    return this.frames.length > 0
  }

  private deliverQueued(frame: Frame, source: Macvlan | null): void {
    let modes = ALL_MODES
    if (source?.mode === 'vepa') modes = MODE_BITS.vepa | MODE_BITS.bridge
    // Children in bridge mode saw the frame already when their sibling sent it.
    else if (source !== null) modes = MODE_BITS.vepa
    const copies = this.broadcast(frame, source, modes, false)
    if (copies > 0) this.kernel.ledger.consumed++
    else this.lower.namespace.drop(frame, 'macvlan_no_child', this.lower)
  }

  /**
   * macvlan_broadcast: a copy for each child that is up and of one of the `modes`. The frame itself
   * stays the caller's.
   * @param isLocal whether a sibling sent it: then it crosses from namespace to namespace here.
   */
  broadcast(frame: Frame, source: Macvlan | null, modes: number, isLocal: boolean): number {
    let copies = 0
    for (const child of this.children) {
      if (child === source || !child.up || (MODE_BITS[child.mode] & modes) === 0) continue
      copies++
      frame.shared = true
      this.kernel.ledger.copied++
      this.lower.namespace.spend(STAGE_CLONE, frame)
      if (frame.trace !== 0) this.lower.namespace.charge('macvlan', frame, child, this.lower)
      if (!isLocal) this.kernel.netifRx(frame, child)
      else if (!fits(frame, child)) dropTooBig(frame, child)
      else this.kernel.netifRx(scrub(frame, true), child)
    }
    return copies
  }

  heldFrames(): number {
    return this.frames.length
  }

  linkChanged(lower: HostDevice, change: LinkChange): void {
    for (const child of [...this.children]) {
      if (change === 'mtu' && child.mtu > lower.mtu) child.setMtu(lower.mtu)
      if (change === 'mac' && child.mode === 'passthru') child.readdress(lower.mac)
      if (change === 'gone') child.remove()
    }
  }
}

function isUp(child: Macvlan): boolean {
  return child.up
}
