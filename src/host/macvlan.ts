import { STAGE_MACVLAN } from '../cpu/stage.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import { formatMac, type MacAddress } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'
import { type MacvlanPort, MODE_BITS } from './macvlan-port.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

export type MacvlanMode = 'bridge' | 'private' | 'vepa' | 'passthru'

/** A device with a MAC of its own on top of another one, which is its way to the wire. */
export class Macvlan extends HostDevice {
  readonly kind = 'macvlan'
  readonly mode: MacvlanMode
  readonly port: MacvlanPort

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    port: MacvlanPort,
    mode: MacvlanMode,
  ) {
    super(namespace, name, mtu, mac)
    this.port = port
    this.mode = mode
    port.add(this)
  }

  /** The device on whose wire it sends. */
  get lower(): HostDevice {
    return this.port.lower
  }

  override get maxMtu(): number {
    return this.lower.mtu
  }

  /** macvlan_queue_xmit: siblings in bridge mode are served here, all else goes out. */
  protected transmit(frame: Frame): void {
    this.namespace.spend(STAGE_MACVLAN, frame)
    if (this.mode === 'bridge') {
      if (frame.isGroup) this.port.broadcast(frame, this, MODE_BITS.bridge, true)
      else if (this.port.lookup(frame.dstHi, frame.dstLo)?.mode === 'bridge') {
        return this.loopBack(frame)
      }
    }
    this.lower.send(frame)
  }

  /** To a sibling by way of the lower device's receive path, so that a tap there sees it. */
  private loopBack(frame: Frame): void {
    const { lower } = this
    if (!lower.up) return this.namespace.drop(frame, 'device_down', lower)
    if (!fits(frame, lower)) return dropTooBig(frame, lower)
    const { namespace } = lower
    namespace.kernel.netifRx(scrub(frame, namespace !== this.namespace), lower)
  }

  /** In mode passthru the parent gets the address, and with it the child (macvlan_set_mac_address). */
  override setMac(mac: MacAddress): void {
    if (this.mode === 'passthru') this.lower.setMac(mac)
    else this.readdress(mac)
  }

  /** macvlan_sync_address. */
  readdress(mac: MacAddress): void {
    const before = this.mac
    super.setMac(mac)
    this.port.readdress(this, before)
  }

  override addUnicast(mac: MacAddress): void {
    this.lower.addUnicast(mac)
  }

  override removeUnicast(mac: MacAddress): void {
    this.lower.removeUnicast(mac)
  }

  protected override release(): void {
    this.port.remove(this)
  }

  override details(): Record<string, unknown> {
    return { mode: this.mode }
  }

  /** The row that decided, for traces: as `bridge fdb` would print it. */
  override toString(): string {
    return `${formatMac(this.mac)} dev ${this.label} macvlan mode ${this.mode}`
  }
}
