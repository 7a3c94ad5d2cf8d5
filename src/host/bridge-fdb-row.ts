import type { NetDevice } from '../stack/device.ts'
import { formatMac, type MacAddress } from '../wire/mac-address.ts'

/** A row of a bridge's forwarding database. */
export class BridgeFdbRow {
  readonly mac: MacAddress
  readonly device: NetDevice
  readonly bridge: NetDevice
  /** `permanent` rows are the bridge's own addresses; an empty state is a learned row. */
  readonly state: 'permanent' | 'static' | ''
  /** Time of the last frame from there, picoseconds. */
  readonly lastSeen: number

  constructor(
    mac: MacAddress,
    device: NetDevice,
    bridge: NetDevice,
    state: 'permanent' | 'static' | '',
    lastSeen: number,
  ) {
    this.mac = mac
    this.device = device
    this.bridge = bridge
    this.state = state
    this.lastSeen = lastSeen
  }

  /** As `bridge fdb show` prints it. */
  toString(): string {
    const line = `${formatMac(this.mac)} dev ${this.device.name} master ${this.bridge.name}`
    return this.state === '' ? line : `${line} ${this.state}`
  }
}
