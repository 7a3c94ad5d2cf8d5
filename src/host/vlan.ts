import { STAGE_VLAN } from '../cpu/stage.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { type Frame, UNTAGGED } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { HostDevice, type LinkChange, type LinkWatcher } from './host-device.ts'

/** An 802.1Q device such as eth0.10 (net/8021q): tags what it sends, and gets what carries its tag. */
export class Vlan extends HostDevice implements LinkWatcher {
  readonly kind = 'vlan'
  readonly lower: HostDevice
  readonly id: number

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    lower: HostDevice,
    id: number,
  ) {
    super(namespace, name, mtu, mac)
    this.lower = lower
    this.id = id
    lower.vlans ??= new Map()
    lower.vlans.set(id, this)
    lower.watch(this)
    if (mac !== lower.mac) lower.addUnicast(mac)
  }

  protected transmit(frame: Frame): void {
    // A frame in the simulation has room for one tag, so a second one cannot be pushed.
    if (frame.vlan !== UNTAGGED) return this.namespace.drop(frame, 'vlan_not_allowed', this)
    this.namespace.spend(STAGE_VLAN, frame)
    const tagged = frame.writable()
    tagged.vlan = this.id
    if (tagged.trace !== 0) this.namespace.charge('vlan_push', tagged, `vlan ${this.id}`, this)
    this.lower.send(tagged)
  }

  /** The tag does not count against the lower device's MTU. */
  override get maxMtu(): number {
    return this.lower.mtu
  }

  override addUnicast(mac: MacAddress): void {
    this.lower.addUnicast(mac)
  }

  override removeUnicast(mac: MacAddress): void {
    this.lower.removeUnicast(mac)
  }

  override changePromiscuity(by: number): void {
    super.changePromiscuity(by)
    this.lower.changePromiscuity(by)
  }

  override setMac(mac: MacAddress): void {
    if (this.mac !== this.lower.mac) this.lower.removeUnicast(this.mac)
    if (mac !== this.lower.mac) this.lower.addUnicast(mac)
    super.setMac(mac)
  }

  linkChanged(lower: HostDevice, change: LinkChange): void {
    if (change === 'mtu' && this.mtu > lower.mtu) this.setMtu(lower.mtu)
    if (change === 'gone') this.remove()
  }

  protected override release(): void {
    this.lower.vlans?.delete(this.id)
    this.lower.unwatch(this)
    if (this.mac !== this.lower.mac) this.lower.removeUnicast(this.mac)
  }

  override details(): Record<string, unknown> {
    return { protocol: '802.1Q', id: this.id, flags: ['REORDER_HDR'] }
  }
}
