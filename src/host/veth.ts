import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

/**
 * One end of a virtual Ethernet cable (drivers/net/veth.c): what is sent at one end is received at the
 * other by the backlog. The ends may stand in different kernels: hosts that are joined by a cable.
 */
export class Veth extends HostDevice {
  readonly kind = 'veth'
  private other: Veth | null = null

  constructor(namespace: NetNamespace, name: string, mtu: number, mac: MacAddress) {
    super(namespace, name, mtu, mac)
  }

  static join(a: Veth, b: Veth): void {
    a.other = b
    b.other = a
  }

  /** Null only while the pair is being taken apart. */
  get peer(): Veth | null {
    return this.other
  }

  protected transmit(frame: Frame): void {
    const peer = this.other
    if (peer === null || !peer.up) return this.namespace.drop(frame, 'device_down', peer ?? this)
    if (!fits(frame, peer)) return dropTooBig(frame, peer)
    const { kernel } = peer.namespace
    kernel.ledger.hops++
    kernel.netifRx(scrub(frame, peer.namespace !== this.namespace), peer)
  }

  protected override release(): void {
    const peer = this.other
    this.other = null
    if (peer === null) return
    peer.other = null
    peer.remove()
  }
}
