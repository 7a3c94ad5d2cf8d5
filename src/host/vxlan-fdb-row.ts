import type { NetDevice } from '../stack/device.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'
import { formatMac, type MacAddress } from '../wire/mac-address.ts'

/** `static` rows do not age either, but are shown apart from `permanent` ones; '' is a learned row. */
export type VxlanFdbState = 'permanent' | 'static' | ''

/** A row of a VXLAN device's own forwarding database. */
export class VxlanFdbRow {
  readonly mac: MacAddress
  readonly device: NetDevice
  /** The remote VTEP. */
  readonly dst: Ipv4Address
  /** UDP port and VNI where they are not the device's; 0 otherwise. */
  readonly port: number
  readonly vni: number
  readonly state: VxlanFdbState

  constructor(
    mac: MacAddress,
    device: NetDevice,
    remote: { readonly dst: Ipv4Address; readonly port: number; readonly vni: number },
    state: VxlanFdbState,
  ) {
    this.mac = mac
    this.device = device
    this.dst = remote.dst
    this.port = remote.port
    this.vni = remote.vni
    this.state = state
  }

  /** As `bridge fdb show` prints it. */
  toString(): string {
    const port = this.port === 0 ? '' : ` port ${this.port}`
    const vni = this.vni === 0 ? '' : ` vni ${this.vni}`
    const state = this.state === '' ? '' : ` ${this.state}`
    const head = `${formatMac(this.mac)} dev ${this.device.name} dst ${formatIpv4(this.dst)}`
    return `${head}${port}${vni} self${state}`
  }
}
