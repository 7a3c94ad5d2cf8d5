import type { Releasable } from '../cpu/core.ts'
import { STAGE_VETH } from '../cpu/stage.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'
import { dropTooBig, fits, scrub } from './scrub.ts'

/** Where frames from another machine come out: that one hears of them when the work that sends them ends. */
class Outlet implements Releasable {
  private readonly device: Veth

  constructor(device: Veth) {
    this.device = device
  }

  release(frame: Frame): void {
    this.device.namespace.kernel.netifRx(frame, this.device)
  }
}

/**
 * One end of a virtual Ethernet cable (drivers/net/veth.c): what is sent at one end is received at the
 * other by the backlog. The ends may stand in different kernels: hosts that are joined by a cable.
 */
export class Veth extends HostDevice {
  readonly kind = 'veth'
  private other: Veth | null = null
  private outlet: Outlet | null = null

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
    const { kernel } = this.namespace
    kernel.ledger.hops++
    this.namespace.spend(STAGE_VETH, frame)
    const clean = scrub(frame, peer.namespace !== this.namespace)
    const core = kernel.machine === null ? null : kernel.machine.current
    const peerKernel = peer.namespace.kernel
    if (core === null || peerKernel.machine === kernel.machine) peerKernel.netifRx(clean, peer)
    else core.defer((peer.outlet ??= new Outlet(peer)), clean)
  }

  protected override release(): void {
    const peer = this.other
    this.other = null
    if (peer === null) return
    peer.other = null
    peer.remove()
  }
}
