import { STAGE_CHECKSUM, STAGE_GSO, STAGE_VLAN } from '../cpu/stage.ts'
import type { Tap } from '../measure/tap.ts'
import { type Frame, UNTAGGED } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { type MacAddress, macHi, macLo, macOf } from '../wire/mac-address.ts'
import { ALL_OFFLOADS, type DeviceFeatures, takesUnit } from './device-features.ts'
import { isChecksumPending, markChecksummed, segment } from './gso.ts'
import type { NeighbourParameters } from './kernel-profile.ts'
import type { NetNamespace } from './namespace.ts'

export interface InterfaceAddress {
  readonly address: Ipv4Address
  readonly length: number
}

const NO_ADDRESSES: readonly InterfaceAddress[] = []

/** Takes frames from a device before the protocols do: a bridge port, the parent of macvlans. */
export interface RxHandler {
  /** @returns the frame to go on with, or null when the handler took it. */
  handleFrame(frame: Frame, device: NetDevice): Frame | null
}

/** Whose parent hands packets to devices of other namespaces once the rules have seen them (l3mdev_ops). */
export interface L3Master {
  /** The device whose namespace a packet is for; null = none, the packet is the host's. */
  receiverOf(frame: Frame): NetDevice | null
}

/** A network device of a Linux namespace: `transmit` is its driver, `receive` the way up. */
export abstract class NetDevice {
  /** As `ip -d link` prints it: veth, bridge, vxlan ...; empty for a physical NIC. */
  abstract readonly kind: string
  readonly name: string
  readonly ifindex: number
  namespace: NetNamespace
  /** Largest IP packet, bytes. */
  mtu: number
  hi: number
  lo: number
  up = false
  /** IFF_NOARP: neighbours are not resolved. */
  noArp = false
  /** Rendered by `ip link` as `master`; set with the receive handler of a bridge port. */
  master: NetDevice | null = null
  rxHandler: RxHandler | null = null
  l3mdev: L3Master | null = null
  /** 802.1Q devices on top, by VLAN id; null while there are none. */
  vlans: Map<number, NetDevice> | null = null
  /** Replaced as a whole when it changes: devices without addresses share one list. */
  addresses: readonly InterfaceAddress[] = NO_ADDRESSES
  promiscuity = 0
  tap: Tap | null = null
  /** Replaced as a whole when they change: most devices share one object. */
  features: DeviceFeatures = ALL_OFFLOADS
  proxyArp = false
  /** net.ipv4.neigh.DEVICE; null = as the host's defaults. */
  neighbourParameters: NeighbourParameters | null = null
  /** rp_filter: 0 none, 1 strict, 2 loose. */
  rpFilter = 0
  rxPackets = 0
  rxBytes = 0
  txPackets = 0
  txBytes = 0
  private labelText: string | null = null

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    ifindex = namespace.kernel.nextIfindex(),
  ) {
    this.namespace = namespace
    this.name = name
    this.ifindex = ifindex
    this.mtu = mtu
    this.hi = macHi(mac)
    this.lo = macLo(mac)
  }

  get mac(): MacAddress {
    return macOf(this.hi, this.lo)
  }

  setMac(mac: MacAddress): void {
    this.hi = macHi(mac)
    this.lo = macLo(mac)
  }

  /** `namespace/device`, as ledger and traces name the place. */
  get label(): string {
    this.labelText ??= `${this.namespace.name}/${this.name}`
    return this.labelText
  }

  /** Called when the device moves to another namespace. */
  moveTo(namespace: NetNamespace): void {
    this.namespace = namespace
    this.labelText = null
  }

  /** Hands a frame to the driver (dev_queue_xmit). Ends here when the device is down. */
  send(frame: Frame): void {
    if (!this.up) {
      this.namespace.kernel.ledger.drop(frame, 'device_down', this.label)
      return
    }
    // With all offloads every unit and every checksum is left to the device.
    if (this.features === ALL_OFFLOADS) this.emit(frame)
    else this.validate(frame)
  }

  /** validate_xmit_skb: does in software what the device cannot. */
  private validate(frame: Frame): void {
    const { features } = this
    const { kernel } = this.namespace
    const isCut = frame.gsoSize !== 0 && !takesUnit(features, frame)
    if (!features.txChecksum && isChecksumPending(frame)) {
      kernel.spend(STAGE_CHECKSUM, frame.gsoSegments || 1, frame.length)
      markChecksummed(frame)
    }
    if (!isCut) return this.emit(frame)
    const segments = segment(frame)
    kernel.spend(STAGE_GSO, segments.length, frame.length)
    kernel.ledger.split++
    kernel.ledger.segments += segments.length
    for (const each of segments) this.emit(each)
  }

  /** Counts a frame, shows it to the tap and hands it to the driver. */
  private emit(frame: Frame): void {
    this.txPackets++
    this.txBytes += frame.length
    const { kernel } = this.namespace
    if (this.tap !== null) this.tap.frame(kernel.simulator.now, frame, 'out')
    if (frame.trace !== 0) kernel.ledger.tracer?.stage(frame, 'transmit', this.label)
    this.transmit(frame)
  }

  protected abstract transmit(frame: Frame): void

  /** A frame came in on this device (netif_receive_skb). */
  receive(frame: Frame): void {
    const { kernel } = this.namespace
    if (!this.up) {
      kernel.ledger.drop(frame, 'device_down', this.label)
      return
    }
    this.rxPackets++
    this.rxBytes += frame.length
    if (this.tap !== null) this.tap.frame(kernel.simulator.now, frame, 'in')
    if (frame.trace !== 0) kernel.ledger.tracer?.stage(frame, 'receive', this.label)
    if (frame.vlan !== UNTAGGED && this.vlans !== null) {
      const vlan = this.vlans.get(frame.vlan & 0xfff)
      if (vlan !== undefined) {
        this.namespace.spend(STAGE_VLAN, frame)
        const inner = frame.writable()
        inner.vlan = UNTAGGED
        if (inner.trace !== 0) kernel.ledger.tracer?.stage(inner, 'vlan_pop', vlan.label)
        vlan.receive(inner)
        return
      }
    }
    if (this.rxHandler !== null) {
      const passed = this.rxHandler.handleFrame(frame, this)
      if (passed === null) return
      frame = passed
    }
    this.namespace.receive(frame, this)
  }

  /** Whether a frame's destination is this device's own unicast address. */
  isOwn(frame: Frame): boolean {
    return frame.dstLo === this.lo && frame.dstHi === this.hi
  }

  /** Driver-specific part of `ip -d link`; empty for plain devices. */
  details(): Record<string, unknown> {
    return {}
  }

  /** Releases what the device holds elsewhere (bridge ports, sockets, children). */
  destroy(): void {
    this.up = false
  }
}
