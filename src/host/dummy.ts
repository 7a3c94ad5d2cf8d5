import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'

/** A device with nothing behind it (drivers/net/dummy.c): what is sent has left the simulation. */
export class Dummy extends HostDevice {
  readonly kind = 'dummy'

  constructor(namespace: NetNamespace, name: string, mtu: number, mac: MacAddress) {
    super(namespace, name, mtu, mac)
    this.noArp = true
  }

  protected transmit(frame: Frame): void {
    frame.orphan()
    this.namespace.kernel.ledger.consumed++
  }
}
