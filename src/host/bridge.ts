import { STAGE_BRIDGE, STAGE_CLONE } from '../cpu/stage.ts'
import { MacTable } from '../link/mac-table.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'
import { BridgeFdbRow } from './bridge-fdb-row.ts'
import { forwardFiltered } from './bridge-netfilter.ts'
import { BRIDGE_AGEING, type BridgeOptions, bridgeDetails } from './bridge-options.ts'
import { BridgePort } from './bridge-port.ts'
import { HostDevice, type LinkChange } from './host-device.ts'
import { IpTunnel } from './ip-tunnel.ts'
import { LinkError } from './link-error.ts'

/** BR_MAX_PORTS, of which number 0 is not given out. */
export const MAX_PORTS = 1024
/** The bridge itself, as its table names it. */
const LOCAL = 0
/** The bridge does no VLAN filtering: all frames share one table, whatever their tag. */
const ANY_VLAN = 0
const DEFAULT_MTU = 1500

/** A Linux bridge (net/bridge): ports, a forwarding database, and itself as a device of the host. */
export class Bridge extends HostDevice {
  readonly kind = 'bridge'
  readonly fdb: MacTable
  /** Newest first, the order in which the kernel floods. */
  readonly ports: BridgePort[] = []
  /** Devices that found no number left. */
  refusedPorts = 0
  private readonly byNumber: (BridgePort | null)[] = [null]
  private readonly options: BridgeOptions
  private isMacSet = false
  private isMtuSet = false

  constructor(
    namespace: NetNamespace,
    name: string,
    mac: MacAddress,
    options: BridgeOptions & { readonly isMacSet?: boolean } = {},
  ) {
    super(namespace, name, DEFAULT_MTU, mac)
    this.options = options
    this.isMacSet = options.isMacSet ?? false
    const capacity = options.fdbMaxLearned || Infinity
    this.fdb = new MacTable({ capacity, ageing: options.ageing ?? BRIDGE_AGEING })
    this.addLocal(mac)
  }

  private get now(): number {
    return this.namespace.kernel.simulator.now
  }

  /** `ip link set DEVICE master BRIDGE`. @returns the port, or why the kernel refuses. */
  addPort(device: NetDevice): BridgePort | LinkError {
    if (device instanceof Bridge) {
      return new LinkError('ELOOP', 'Can not enslave a bridge to a bridge')
    }
    if (!(device instanceof HostDevice) || device instanceof IpTunnel) {
      return new LinkError('EINVAL', `${device.name} is no Ethernet device`)
    }
    if (device.namespace !== this.namespace) {
      return new LinkError('ENODEV', `${device.name} is not in ${this.namespace.name}`)
    }
    if (device.rxHandler !== null) {
      return new LinkError('EBUSY', `${device.name} is in use by another device`)
    }
    const number = this.freeNumber()
    if (number >= MAX_PORTS) {
      this.refusedPorts++
      return new LinkError('EXFULL', `${this.name} has ${MAX_PORTS - 1} ports`)
    }
    const port = new BridgePort(this, device, number)
    this.byNumber[number] = port
    this.ports.unshift(port)
    device.rxHandler = port
    device.master = this
    device.changePromiscuity(1)
    device.watch(port)
    this.addLocal(device.mac)
    this.recalculateMac()
    this.adjustMtu()
    return port
  }

  private freeNumber(): number {
    const free = this.byNumber.indexOf(null, 1)
    return free < 0 ? this.byNumber.length : free
  }

  port(device: NetDevice): BridgePort | undefined {
    return this.ports.find((port) => port.device === device)
  }

  /** `ip link set DEVICE nomaster`. */
  removePort(port: BridgePort): void {
    const { device } = port
    this.ports.splice(this.ports.indexOf(port), 1)
    this.byNumber[port.number] = null
    device.rxHandler = null
    device.master = null
    device.changePromiscuity(-1)
    device.unwatch(port)
    this.fdb.flushPort(port.number, true)
    this.removeLocal(device.mac)
    this.recalculateMac()
    this.adjustMtu()
  }

  portChanged(port: BridgePort, change: LinkChange): void {
    switch (change) {
      case 'mtu':
        return this.adjustMtu()
      case 'mac':
        this.refreshLocals()
        return this.recalculateMac()
      case 'down':
        return this.fdb.flushPort(port.number)
      case 'moved':
      case 'gone':
        return this.removePort(port)
      default:
        change satisfies never
    }
  }

  private addLocal(mac: MacAddress): void {
    this.fdb.addStatic(ANY_VLAN, macHi(mac), macLo(mac), LOCAL, this.now)
  }

  /** Several ports may share an address; it stays local while one of them has it. */
  private removeLocal(mac: MacAddress): void {
    if (mac === this.mac || this.ports.some((port) => port.device.mac === mac)) return
    this.fdb.remove(ANY_VLAN, macHi(mac), macLo(mac))
  }

  private refreshLocals(): void {
    this.fdb.flushPort(LOCAL, true)
    this.addLocal(this.mac)
    for (const port of this.ports) this.addLocal(port.device.mac)
  }

  override setMac(mac: MacAddress): void {
    this.isMacSet = true
    this.changeMac(mac)
  }

  private changeMac(mac: MacAddress): void {
    super.setMac(mac)
    this.refreshLocals()
  }

  /** br_stp_recalculate_bridge_id: the lowest address of the ports, unless one was set. */
  private recalculateMac(): void {
    if (this.isMacSet) return
    let lowest = Infinity
    for (const port of this.ports) lowest = Math.min(lowest, port.device.mac)
    const mac = lowest === Infinity ? 0 : lowest
    if (mac !== this.mac) this.changeMac(mac)
  }

  override setMtu(mtu: number): LinkError | null {
    const error = super.setMtu(mtu)
    if (error === null) this.isMtuSet = true
    return error
  }

  /** br_mtu_auto_adjust: the lowest of the ports, unless one was set. */
  private adjustMtu(): void {
    if (this.isMtuSet) return
    let lowest = Infinity
    for (const port of this.ports) lowest = Math.min(lowest, port.device.mtu)
    const mtu = lowest === Infinity ? DEFAULT_MTU : lowest
    if (mtu !== this.mtu) super.setMtu(mtu)
  }

  learn(port: BridgePort, frame: Frame): void {
    if (port.learning) this.fdb.learn(ANY_VLAN, frame.srcHi, frame.srcLo, port.number, this.now)
  }

  /** Whether the destination is one of the bridge's own addresses. */
  isLocal(frame: Frame): boolean {
    return this.fdb.lookup(ANY_VLAN, frame.dstHi, frame.dstLo, this.now) === LOCAL
  }

  /** A frame to a port's own address came to this host as much as one to the bridge's. */
  override isOwn(frame: Frame): boolean {
    return super.isOwn(frame) || this.isLocal(frame)
  }

  /** br_handle_frame_finish: learn, forward or flood, and only then deliver here. */
  receiveFrom(input: BridgePort, frame: Frame): void {
    this.namespace.spend(STAGE_BRIDGE, frame)
    this.learn(input, frame)
    if (frame.trace !== 0) this.trace(frame, input.device)
    if (frame.isGroup) {
      this.flood(frame, input, true)
      return this.receive(frame)
    }
    const number = this.fdb.lookup(ANY_VLAN, frame.dstHi, frame.dstLo, this.now)
    if (number === LOCAL) return this.receive(frame)
    const promiscuous = this.promiscuity > 0
    if (number < 0) this.flood(frame, input, promiscuous)
    else this.forwardKnown(frame, input, this.byNumber[number]!, promiscuous)
    if (promiscuous) this.receive(frame)
  }

  private forwardKnown(
    frame: Frame,
    input: BridgePort | null,
    to: BridgePort,
    keep: boolean,
  ): void {
    if (!to.admits(input)) {
      if (keep) return
      const reason = input === to ? 'same_port' : 'bridge_no_port'
      return this.namespace.drop(frame, reason, to.device)
    }
    if (keep) this.forwardCopy(frame, input, to)
    else this.forward(frame, input, to)
  }

  /**
   * br_flood, in the kernel's order: a port gets its copy when the next one is found, and the last one
   * gets the frame itself.
   * @param keep whether the frame is wanted further.
   */
  private flood(frame: Frame, input: BridgePort | null, keep: boolean): void {
    const { ports } = this
    const unicast = !frame.isGroup
    let previous: BridgePort | null = null
    for (let i = 0; i < ports.length; i++) {
      const port = ports[i]!
      if ((unicast && !port.flood) || !port.admits(input)) continue
      if (previous !== null) this.forwardCopy(frame, input, previous)
      previous = port
    }
    if (previous === null) {
      if (!keep) this.namespace.drop(frame, 'bridge_no_port', this)
    } else if (keep) this.forwardCopy(frame, input, previous)
    else this.forward(frame, input, previous)
  }

  private forwardCopy(frame: Frame, input: BridgePort | null, to: BridgePort): void {
    frame.shared = true
    this.namespace.kernel.ledger.copied++
    this.namespace.spend(STAGE_CLONE, frame)
    this.forward(frame, input, to)
  }

  private forward(frame: Frame, input: BridgePort | null, to: BridgePort): void {
    // What the host itself sends met its rules in the IP layer.
    if (input === null || !this.namespace.sysctls.bridgeNfCallIptables) to.push(frame)
    else forwardFiltered(this, frame, input, to)
  }

  /** br_dev_xmit. */
  protected transmit(frame: Frame): void {
    this.namespace.spend(STAGE_BRIDGE, frame)
    if (frame.trace !== 0) this.trace(frame, this)
    if (frame.isGroup) return this.flood(frame, null, false)
    const number = this.fdb.lookup(ANY_VLAN, frame.dstHi, frame.dstLo, this.now)
    if (number < 0) return this.flood(frame, null, false)
    const port = number === LOCAL ? null : this.byNumber[number]!
    if (port === null) this.namespace.drop(frame, 'bridge_no_port', this)
    else this.forwardKnown(frame, null, port, false)
  }

  private trace(frame: Frame, device: NetDevice): void {
    const entry = this.fdb.entry(ANY_VLAN, frame.dstHi, frame.dstLo, this.now)
    const row = entry === null ? 'flooded' : this.row(entry.mac, entry.port, entry)
    this.namespace.charge('bridge', frame, row, device)
  }

  private row(
    mac: MacAddress,
    number: number,
    entry: { readonly isStatic: boolean; readonly lastSeen: number },
  ): BridgeFdbRow {
    const owner = this.ports.find((port) => port.device.mac === mac)?.device ?? this
    const device = number === LOCAL ? owner : this.byNumber[number]!.device
    const state = number === LOCAL ? 'permanent' : entry.isStatic ? 'static' : ''
    return new BridgeFdbRow(mac, device, this, state, entry.lastSeen)
  }

  /** `bridge fdb show br BRIDGE`, by MAC. */
  fdbEntries(now: number): BridgeFdbRow[] {
    return Array.from(this.fdb.entries(now), (entry) => this.row(entry.mac, entry.port, entry))
  }

  /** `bridge fdb add MAC dev PORT master static`. */
  addStatic(mac: MacAddress, port: BridgePort): void {
    this.fdb.addStatic(ANY_VLAN, macHi(mac), macLo(mac), port.number, this.now)
  }

  /** `bridge fdb del MAC dev PORT master`. @returns whether there was such an entry. */
  removeEntry(mac: MacAddress): boolean {
    return this.fdb.remove(ANY_VLAN, macHi(mac), macLo(mac))
  }

  protected override release(): void {
    for (const port of [...this.ports]) this.removePort(port)
  }

  override details(): Record<string, unknown> {
    return bridgeDetails(this.options, this.fdb.size(this.now))
  }
}
