import type { NetNamespace } from '../../stack/namespace.ts'
import type { Frame } from '../../wire/frame.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import { HostDevice } from '../host-device.ts'

/** Takes what the host sends by an internal port. */
interface Switch {
  receive(frame: Frame, port: number, tunnel: null): void
  destroy(): void
}

const MTU = 1500
/** OVSP_LOCAL: the port that a datapath is named after. */
export const LOCAL_PORT = 0

/** An internal vport (net/openvswitch/vport-internal_dev.c): the datapath as a device of its host. */
export class InternalPort extends HostDevice {
  readonly kind = 'openvswitch'
  private readonly datapath: Switch

  constructor(namespace: NetNamespace, name: string, mac: MacAddress, datapath: Switch) {
    super(namespace, name, MTU, mac)
    this.datapath = datapath
  }

  protected transmit(frame: Frame): void {
    this.datapath.receive(frame, LOCAL_PORT, null)
  }

  protected override release(): void {
    this.datapath.destroy()
  }
}
