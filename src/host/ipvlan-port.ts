import { STAGE_MACVLAN } from '../cpu/stage.ts'
import type { L3Master, NetDevice } from '../stack/device.ts'
import { ArpPacket } from '../wire/arp.ts'
import { ETHERTYPE_IPV4, type Frame } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { HostDevice, LinkChange } from './host-device.ts'
import type { Ipvlan, IpvlanFlag, IpvlanMode } from './ipvlan.ts'
import { ParentPort, type PortKind } from './parent-port.ts'
import { scrub } from './scrub.ts'

const KIND: PortKind = {
  stage: 'ipvlan',
  overflow: 'ipvlan_backlog',
  noChild: 'ipvlan_no_child',
}

/**
 * What the parent of ipvlan devices does (drivers/net/ipvlan/ipvlan_core.c): it finds the child by the
 * IP address that a packet is for. In mode l3s that is done only after the host's PREROUTING, and the
 * host's INPUT takes the place of the child's (ipvlan_l3s.c).
 */
export class IpvlanPort extends ParentPort<Ipvlan> implements L3Master {
  /** Of all children: that of the last one made. */
  mode: IpvlanMode = 'l3'
  flag: IpvlanFlag = 'bridge'

  constructor(lower: HostDevice) {
    super(lower, KIND)
  }

  /** ipvlan_set_port_mode: those of the modes l3 and l3s ask nobody for a MAC address. */
  setMode(mode: IpvlanMode, flag: IpvlanFlag): void {
    this.mode = mode
    this.flag = flag
    this.lower.l3mdev = mode === 'l3s' ? this : null
    for (const child of this.children) child.noArp = mode !== 'l2'
  }

  add(child: Ipvlan): void {
    this.children.push(child)
    child.noArp = this.mode !== 'l2'
  }

  remove(child: Ipvlan): void {
    this.forget(child)
    if (this.children.length === 0) this.lower.l3mdev = null
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
    if (this.mode === 'l3s') return frame
    if (this.mode === 'l2' && frame.isGroup) {
      if (this.isExternal(frame)) this.enqueueCopy(frame, null)
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

  /** ipvlan_l3_rcv: the child whose host takes the packet as one of its own. */
  receiverOf(frame: Frame): Ipvlan | null {
    const child = this.lookup(frame)
    if (child === null) return null
    const { namespace } = this.lower
    namespace.spend(STAGE_MACVLAN, frame)
    if (frame.trace !== 0) namespace.charge('ipvlan', frame, child, this.lower)
    return child
  }

  /** ipvlan_process_multicast. */
  protected deliverQueued(frame: Frame, source: Ipvlan | null): void {
    const others = this.children.filter((child) => child !== source && child.up)
    for (const child of others) this.copyTo(child, frame, source !== null)
    if (source !== null) this.lower.send(frame)
    else this.finish(frame, others.length)
  }

  linkChanged(lower: HostDevice, change: LinkChange): void {
    for (const child of [...this.children]) {
      if (change === 'mtu') child.setMtu(lower.mtu)
      if (change === 'mac') child.followMac()
      if (change === 'gone') child.remove()
    }
  }
}
