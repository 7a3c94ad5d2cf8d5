import { STAGE_MACVLAN } from '../cpu/stage.ts'
import { MacTable } from '../link/mac-table.ts'
import type { NetDevice } from '../stack/device.ts'
import type { Frame } from '../wire/frame.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import type { HostDevice, LinkChange } from './host-device.ts'
import type { Macvlan, MacvlanMode } from './macvlan.ts'
import { ParentPort, type PortKind } from './parent-port.ts'

/** Modes as bits, so that a broadcast can be for several of them (include/uapi/linux/if_link.h). */
export const MODE_BITS: Readonly<Record<MacvlanMode, number>> = {
  private: 1,
  vepa: 2,
  bridge: 4,
  passthru: 8,
}
const ALL_MODES = 15

const KIND: PortKind = {
  stage: 'macvlan',
  overflow: 'macvlan_broadcast_queue',
  noChild: 'macvlan_no_child',
}

/**
 * What the parent of macvlan devices does (drivers/net/macvlan.c): it hands a frame to the child with
 * the destination's MAC. Group frames go on to the parent's own stack as well.
 */
export class MacvlanPort extends ParentPort<Macvlan> {
  /** MAC to position in `slots`. */
  private readonly table = new MacTable({ capacity: 0, ageing: Infinity })
  private readonly slots: (Macvlan | null)[] = []
  /** The lower device's address at the first child: one in mode passthru may have changed it since. */
  private readonly permanentMac: MacAddress

  constructor(lower: HostDevice) {
    super(lower, KIND)
    this.permanentMac = lower.mac
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
    this.forget(child)
    if (this.children.length > 0) return
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
    if (this.children.some(isUp)) this.enqueueCopy(frame, source)
    return frame
  }

  /** macvlan_process_broadcast. */
  protected deliverQueued(frame: Frame, source: Macvlan | null): void {
    let modes = ALL_MODES
    if (source?.mode === 'vepa') modes = MODE_BITS.vepa | MODE_BITS.bridge
    // Children in bridge mode saw the frame already when their sibling sent it.
    else if (source !== null) modes = MODE_BITS.vepa
    this.finish(frame, this.broadcast(frame, source, modes, false))
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
      this.copyTo(child, frame, isLocal)
    }
    return copies
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
