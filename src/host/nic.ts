import { MacTable } from '../link/mac-table.ts'
import { Port, type PortOwner } from '../link/port.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERNET_HEADER_BYTES, type Frame, VLAN_TAG_BYTES } from '../wire/frame.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import { HostDevice } from './host-device.ts'
import { scrub } from './scrub.ts'

export interface NicOptions {
  /** Unicast addresses that the receive filter holds besides its own: 128 as an Intel 82599. */
  readonly filterEntries?: number
}

const FILTER_ENTRIES = 128

/** What the link's end knows as its owner: its name is the host's, so that the place reads host/eth0. */
class WireSide implements PortOwner {
  private readonly nic: Nic

  constructor(nic: Nic) {
    this.nic = nic
  }

  get name(): string {
    return this.nic.namespace.name
  }

  receive(frame: Frame): void {
    this.nic.receiveFromWire(frame)
  }
}

/** A physical network card: one port, a unicast filter, and nothing that Linux would call a kind. */
export class Nic extends HostDevice {
  readonly kind = ''
  readonly port: Port
  /** Times that an address did not fit the filter, so that the card turned promiscuous. */
  filterOverflows = 0
  private readonly filterEntries: number
  private filter: MacTable | null = null
  /** How often each further address was asked for. */
  private readonly wanted = new Map<MacAddress, number>()

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    options: NicOptions = {},
  ) {
    super(namespace, name, mtu, mac)
    const { simulator, ledger } = namespace.kernel
    this.filterEntries = options.filterEntries ?? FILTER_ENTRIES
    this.port = new Port(simulator, ledger, new WireSide(this), 0, name)
    this.port.mtu = mtu
  }

  protected transmit(frame: Frame): void {
    // The MTU is a plain field that a host may set directly: the port follows at the next frame.
    if (this.port.mtu !== this.mtu) this.port.mtu = this.mtu
    this.port.send(scrub(frame, true))
  }

  /** A frame has arrived whole: the card's filter, then the stack. */
  receiveFromWire(frame: Frame): void {
    const { namespace } = this
    if (!frame.isGroup && !this.accepts(frame)) return namespace.drop(frame, 'nic_filter', this)
    if (frame.length > this.mtu + ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) {
      return namespace.drop(frame, 'frame_too_long', this)
    }
    const { kernel } = namespace
    kernel.enter()
    this.receive(frame)
    kernel.leave()
  }

  private accepts(frame: Frame): boolean {
    if (this.isOwn(frame) || this.isPromiscuous) return true
    return this.filter !== null && this.filter.lookup(0, frame.dstHi, frame.dstLo, 0) >= 0
  }

  get isPromiscuous(): boolean {
    return this.promiscuity > 0 || this.wanted.size > this.filterEntries
  }

  override addUnicast(mac: MacAddress): void {
    const users = this.wanted.get(mac) ?? 0
    this.wanted.set(mac, users + 1)
    if (users > 0) return
    if (this.wanted.size > this.filterEntries) this.filterOverflows++
    this.filter ??= new MacTable({ capacity: 0, ageing: Infinity })
    this.filter.addStatic(0, macHi(mac), macLo(mac), 0, 0)
  }

  override removeUnicast(mac: MacAddress): void {
    const users = this.wanted.get(mac) ?? 0
    if (users > 1) {
      this.wanted.set(mac, users - 1)
      return
    }
    this.wanted.delete(mac)
    this.filter?.remove(0, macHi(mac), macLo(mac))
  }
}
