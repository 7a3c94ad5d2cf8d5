import { Ring } from '../cpu/ring.ts'
import { STAGE_CLONE, STAGE_MACVLAN } from '../cpu/stage.ts'
import type { Schedulable } from '../cpu/task.ts'
import type { Holder } from '../measure/ledger.ts'
import type { NetDevice, RxHandler } from '../stack/device.ts'
import type { Kernel } from '../stack/kernel.ts'
import { ArpPacket } from '../wire/arp.ts'
import { ETHERTYPE_IPV4, type Frame } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { HostDevice, LinkChange, LinkWatcher } from './host-device.ts'
import type { Ipvlan, IpvlanFlag, IpvlanMode } from './ipvlan.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

/** IPVLAN_QBACKLOG_LIMIT. */
const BACKLOG_FRAMES = 1000

/**
 * What the parent of ipvlan devices does (drivers/net/ipvlan/ipvlan_core.c): it finds the child by the
 * IP address that a packet is for, and in mode l2 has group frames copied by a work queue.
 */
export class IpvlanPort implements RxHandler, Holder, LinkWatcher {
  readonly lower: HostDevice
  readonly children: Ipvlan[] = []
  /** Of all children: that of the last one made. */
  mode: IpvlanMode = 'l3'
  flag: IpvlanFlag = 'bridge'
  private readonly kernel: Kernel
  private readonly frames = new Ring<Frame>()
  private readonly sources = new Ring<Ipvlan | null>()
  private readonly worker: Schedulable

  private constructor(lower: HostDevice) {
    this.lower = lower
    this.kernel = lower.namespace.kernel
    this.worker = this.kernel.task(`kworker/${lower.label}`, () => this.work())
    this.kernel.ledger.addHolder(this)
    lower.rxHandler = this
    lower.watch(this)
  }

  /** The port of `lower`, made at the first child; null when something else handles its frames. */
  static of(lower: HostDevice): IpvlanPort | null {
    if (lower.rxHandler instanceof IpvlanPort) return lower.rxHandler
    return lower.rxHandler === null ? new IpvlanPort(lower) : null
  }

  /** ipvlan_set_port_mode: those of mode l3 ask nobody for a MAC address. */
  setMode(mode: IpvlanMode, flag: IpvlanFlag): void {
    this.mode = mode
    this.flag = flag
    for (const child of this.children) child.noArp = mode === 'l3'
  }

  add(child: Ipvlan): void {
    this.children.push(child)
    child.noArp = this.mode === 'l3'
  }

  remove(child: Ipvlan): void {
    this.children.splice(this.children.indexOf(child), 1)
    if (this.children.length > 0) return
    for (let frame = this.frames.shift(); frame !== undefined; frame = this.frames.shift()) {
      child.namespace.drop(frame, 'namespace_gone', this.lower)
      this.sources.shift()
    }
    this.lower.rxHandler = null
    this.lower.unwatch(this)
  }

  /** The child that a packet or an ARP request is for. */
  lookup(frame: Frame): Ipvlan | null {
    const { header } = frame
    if (header instanceof ArpPacket) return this.owner(header.targetIp)
    return frame.etherType === ETHERTYPE_IPV4 ? this.owner(frame.ipDst) : null
  }

  private owner(address: Ipv4Address): Ipvlan | null {
    for (const child of this.children) {
      if (!child.up) continue
      for (const own of child.addresses) if (own.address === address) return child
    }
    return null
  }

  /** ipvlan_handle_frame. */
  handleFrame(frame: Frame, device: NetDevice): Frame | null {
    if (this.mode === 'l2' && frame.isGroup) {
      if (this.isExternal(frame)) this.enqueueCopy(frame)
      return frame
    }
    const child = this.lookup(frame)
    if (child === null) return frame
    device.namespace.spend(STAGE_MACVLAN, frame)
    if (frame.trace !== 0) device.namespace.charge('ipvlan', frame, child, device)
    child.receive(scrub(frame, true))
    return null
  }

  /** Not what a child sent and the switch has sent back. */
  private isExternal(frame: Frame): boolean {
    if (frame.srcHi !== this.lower.hi || frame.srcLo !== this.lower.lo) return true
    const { header } = frame
    const source = header instanceof ArpPacket ? header.senderIp : frame.ipSrc
    return this.owner(source) === null
  }

  private enqueueCopy(frame: Frame): void {
    frame.shared = true
    this.kernel.ledger.copied++
    this.lower.namespace.spend(STAGE_CLONE, frame)
    this.enqueue(frame, null)
  }

  /** @param source the child that sent it; null when it came by the wire. */
  enqueue(frame: Frame, source: Ipvlan | null): void {
    if (this.frames.length >= BACKLOG_FRAMES) {
      return this.lower.namespace.drop(frame, 'ipvlan_backlog', this.lower)
    }
    this.frames.push(frame)
    this.sources.push(source)
    if (frame.trace !== 0) this.lower.namespace.charge('queue', frame, 'broadcasts', this.lower)
    this.worker.wake()
  }

  /** ipvlan_process_multicast, in a kernel worker: one frame. @returns whether there are more. */
  private work(): boolean {
    const frame = this.frames.shift()
    if (frame === undefined) return false
    const source = this.sources.shift() ?? null
    const copies = this.copyToChildren(frame, source)
    if (source !== null) this.lower.send(frame)
    else if (copies > 0) this.kernel.ledger.consumed++
    else this.lower.namespace.drop(frame, 'ipvlan_no_child', this.lower)
    return this.frames.length > 0
  }

  private copyToChildren(frame: Frame, source: Ipvlan | null): number {
    let copies = 0
    for (const child of this.children) {
      if (child === source || !child.up) continue
      copies++
      frame.shared = true
      this.kernel.ledger.copied++
      this.lower.namespace.spend(STAGE_CLONE, frame)
      if (frame.trace !== 0) this.lower.namespace.charge('ipvlan', frame, child, this.lower)
      if (source !== null && !fits(frame, child)) dropTooBig(frame, child)
      else this.kernel.netifRx(scrub(frame, true), child)
    }
    return copies
  }

  heldFrames(): number {
    return this.frames.length
  }

  linkChanged(lower: HostDevice, change: LinkChange): void {
    for (const child of [...this.children]) {
      if (change === 'mtu') child.setMtu(lower.mtu)
      if (change === 'mac') child.followMac()
      if (change === 'gone') child.remove()
    }
  }
}
