import type { DropReason } from '../measure/drop-reason.ts'
import type { Stage } from '../measure/tracer.ts'
import { PROTOCOL_ESP } from '../wire/esp.ts'
import { ETHERTYPE_ARP, ETHERTYPE_IPV4, type Frame, UNTAGGED } from '../wire/frame.ts'
import { type Ipv4Address, lastOf, maskOf } from '../wire/ipv4-address.ts'
import { Arp } from './arp.ts'
import type { InterfaceAddress, NetDevice } from './device.ts'
import { Fragments } from './fragments.ts'
import { Icmp } from './icmp.ts'
import type { IpSet } from './ipset/ip-set.ts'
import { Ipv4 } from './ipv4.ts'
import type { Kernel } from './kernel.ts'
import { Loopback } from './loopback.ts'
import { NeighbourTable } from './neighbour-table.ts'
import { RouteTable } from './route-table.ts'
import { Sockets } from './sockets.ts'
import type { Xfrm } from './xfrm/xfrm.ts'

/** Where a packet meets its rules; the numbers are those of netfilter's hooks. */
export const HOOK_PREROUTING = 0
export const HOOK_INPUT = 1
export const HOOK_FORWARD = 2
export const HOOK_OUTPUT = 3
export const HOOK_POSTROUTING = 4

/** The rules of a namespace; `null` on the namespace while it has none, so that it costs nothing. */
export interface PacketFilter {
  /**
   * Runs a hook. For bridged packets the devices are the bridge's ports.
   * @returns the packet to go on with (NAT may have changed or copied it), or null when it ended here
   *   (dropped by a rule, or a fragment that waits for the others): the filter has booked it.
   */
  run(hook: number, frame: Frame, input: NetDevice | null, output: NetDevice | null): Frame | null
  /** The rules as `iptables-save` prints them. */
  save(): string
  /** How many rules ask this set. */
  referencesTo(set: IpSet): number
}

/** Takes frames of one EtherType, as AF_PACKET does for a sniffer or a test. */
export type PacketHandler = (frame: Frame, device: NetDevice) => void

/** Per-namespace switches, with Linux's names and defaults. */
export interface Sysctls {
  ipForward: boolean
  /** fib_multipath_hash_policy: 0 addresses, 1 with ports. */
  multipathHashPolicy: 0 | 1
  bridgeNfCallIptables: boolean
  icmpEchoIgnoreAll: boolean
  /** nf_conntrack_max. */
  nfConntrackMax: number
}

const SYSCTL_DEFAULTS: Readonly<Sysctls> = {
  ipForward: false,
  multipathHashPolicy: 0,
  bridgeNfCallIptables: false,
  icmpEchoIgnoreAll: false,
  nfConntrackMax: 262144,
}

const NO_ADDRESSES: readonly Ipv4Address[] = []
const NO_DEVICES: readonly NetDevice[] = []

/** The list less one occurrence. */
function without(list: readonly Ipv4Address[], address: Ipv4Address): readonly Ipv4Address[] {
  return list.toSpliced(list.indexOf(address), 1)
}

/**
 * A network namespace: devices, addresses, routes, neighbours, rules and sockets. What most containers
 * never use is made at its first use: a data centre has a hundred thousand of them.
 */
export class NetNamespace {
  readonly kernel: Kernel
  /** Unique in the run: the host's or the container's name. */
  readonly name: string
  devices: readonly NetDevice[] = NO_DEVICES
  readonly routes: RouteTable
  readonly sysctls: Sysctls = { ...SYSCTL_DEFAULTS }
  filter: PacketFilter | null = null
  /** IPsec; null while the namespace has none, so that it costs nothing. */
  xfrm: Xfrm | null = null
  private setTable: Map<string, IpSet> | null = null
  /**
   * Our own addresses and the directed broadcasts of our subnets. Lists, for they are short and most
   * namespaces are never used; an address on two devices stands in them twice.
   */
  private own: readonly Ipv4Address[] = NO_ADDRESSES
  private broadcasts: readonly Ipv4Address[] = NO_ADDRESSES
  private packetHandlers: readonly { etherType: number; handle: PacketHandler }[] | null = null

  private loopbackDevice: Loopback | null = null
  private neighbourTable: NeighbourTable | null = null
  private ipv4Layer: Ipv4 | null = null
  private icmpLayer: Icmp | null = null
  private arpLayer: Arp | null = null
  private fragmentQueue: Fragments | null = null
  private socketTable: Sockets | null = null

  constructor(kernel: Kernel, name: string) {
    this.kernel = kernel
    this.name = name
    this.routes = new RouteTable(this)
    kernel.namespaces.add(this)
  }

  /**
   * The machine has lost its power: nothing is left but what is soldered on, without addresses. Bound
   * sockets stay, for whoever held them opens them again when the machine is back.
   */
  powerOff(): void {
    this.socketTable?.powerOff()
    this.fragmentQueue?.flush('host_down')
    // A device that goes may take others along, such as the other end of a veth pair.
    for (let device = this.softDevice(); device !== undefined; device = this.softDevice()) {
      device.destroy()
      device.namespace.removeDevice(device)
    }
    for (const device of this.devices) {
      device.up = false
      for (const address of device.addresses) this.removeAddress(device, address)
      this.routes.removeDevice(device)
    }
    this.neighbourTable?.flush(() => true, true)
    this.routes.flush()
    this.filter = null
    this.xfrm = null
    this.ipv4Layer?.unregisterProtocol(PROTOCOL_ESP)
    this.setTable = null
    this.packetHandlers = null
    Object.assign(this.sysctls, SYSCTL_DEFAULTS)
  }

  private softDevice(): NetDevice | undefined {
    return this.devices.find((device) => device.kind !== '')
  }

  /** `ip netns del`, after its devices have gone. */
  remove(): void {
    this.kernel.namespaces.delete(this)
  }

  get loopback(): Loopback {
    this.loopbackDevice ??= new Loopback(this)
    return this.loopbackDevice
  }

  get neighbours(): NeighbourTable {
    this.neighbourTable ??= new NeighbourTable(this)
    return this.neighbourTable
  }

  get ipv4(): Ipv4 {
    this.ipv4Layer ??= new Ipv4(this)
    return this.ipv4Layer
  }

  get icmp(): Icmp {
    this.icmpLayer ??= new Icmp(this)
    return this.icmpLayer
  }

  get arp(): Arp {
    this.arpLayer ??= new Arp(this)
    return this.arpLayer
  }

  /** ARP without making it: for reports. */
  get arpIfAny(): Arp | null {
    return this.arpLayer
  }

  get fragments(): Fragments {
    this.fragmentQueue ??= new Fragments(this)
    return this.fragmentQueue
  }

  get sockets(): Sockets {
    this.socketTable ??= new Sockets(this)
    return this.socketTable
  }

  /** Sets of addresses by name, as `ipset` has them. */
  get ipsets(): Map<string, IpSet> {
    this.setTable ??= new Map()
    return this.setTable
  }

  /** Neighbours without making the table: for dumps and for flushing. */
  get neighboursIfAny(): NeighbourTable | null {
    return this.neighbourTable
  }

  addDevice(device: NetDevice): void {
    if (this.device(device.name))
      throw new Error(`${this.name} has a device ${device.name} already`)
    // A list of exact length: most namespaces have one device, and push would make room for many.
    this.devices = this.devices.concat(device)
  }

  device(name: string): NetDevice | undefined {
    if (name === 'lo') return this.loopback
    return this.devices.find((device) => device.name === name)
  }

  /** Takes a device out, with its addresses, routes and neighbours. */
  removeDevice(device: NetDevice): void {
    for (const address of [...device.addresses]) this.removeAddress(device, address)
    this.routes.removeDevice(device)
    this.neighbourTable?.flush((neighbour) => neighbour.device === device, true)
    this.devices = this.devices.filter((other) => other !== device)
  }

  /** `ip link set DEVICE netns TARGET`. */
  moveDevice(device: NetDevice, target: NetNamespace): void {
    this.removeDevice(device)
    device.moveTo(target)
    target.addDevice(device)
  }

  /** `ip addr add`: the address is local from now on, and its subnet a connected route. */
  addAddress(device: NetDevice, address: InterfaceAddress): void {
    device.addresses = device.addresses.concat(address)
    this.own = this.own.concat(address.address)
    this.routes.generation++
    if (address.length >= 31) return
    const block = { base: address.address & maskOf(address.length), length: address.length }
    this.broadcasts = this.broadcasts.concat(lastOf(block))
    this.routes.add({
      destination: block,
      device,
      scope: 'link',
      protocol: 'kernel',
      source: address.address,
    })
  }

  removeAddress(device: NetDevice, address: InterfaceAddress): void {
    device.addresses = device.addresses.filter((other) => other !== address)
    this.own = without(this.own, address.address)
    this.routes.generation++
    if (address.length >= 31) return
    const block = { base: address.address & maskOf(address.length), length: address.length }
    this.broadcasts = without(this.broadcasts, lastOf(block))
    this.routes.removeConnected(block, device)
  }

  isLocal(address: Ipv4Address): boolean {
    return this.hasAddress(address) || address >>> 24 === 127
  }

  /** Whether the address is on one of our devices. */
  hasAddress(address: Ipv4Address): boolean {
    const { own } = this
    for (let i = 0; i < own.length; i++) if (own[i] === address) return true
    return false
  }

  /** Whether this is the directed broadcast address of one of our subnets. */
  isBroadcast(address: Ipv4Address): boolean {
    const { broadcasts } = this
    for (let i = 0; i < broadcasts.length; i++) if (broadcasts[i] === address) return true
    return false
  }

  /** Protocol dispatch of a frame that no receive handler took. */
  receive(frame: Frame, device: NetDevice): void {
    if (frame.vlan !== UNTAGGED) return this.drop(frame, 'vlan_no_device', device)
    if (this.packetHandlers !== null && this.handlePacket(frame, device)) return
    if (!frame.isGroup && !device.isOwn(frame) && device !== this.loopbackDevice) {
      return this.drop(frame, 'other_host', device)
    }
    if (frame.etherType === ETHERTYPE_IPV4) this.ipv4.receive(frame, device)
    else if (frame.etherType === ETHERTYPE_ARP) this.arp.receive(frame, device)
    else this.drop(frame, 'unhandled_protocol', device)
  }

  /** Hands frames of one EtherType to `handle` from now on, and to no protocol. */
  setPacketHandler(etherType: number, handle: PacketHandler): void {
    const others = this.packetHandlers?.filter((other) => other.etherType !== etherType) ?? []
    this.packetHandlers = [...others, { etherType, handle }]
  }

  /** @returns whether there was a handler for the frame. */
  private handlePacket(frame: Frame, device: NetDevice): boolean {
    const handlers = this.packetHandlers!
    for (let i = 0; i < handlers.length; i++) {
      const { etherType, handle } = handlers[i]!
      if (etherType !== frame.etherType) continue
      frame.orphan()
      this.kernel.ledger.delivered++
      handle(frame, device)
      return true
    }
    return false
  }

  /** The drop funnel for what ends in this namespace. */
  drop(frame: Frame, reason: DropReason, device: NetDevice | null, row?: unknown): void {
    this.kernel.ledger.drop(frame, reason, device === null ? this.name : device.label, row)
  }

  /** CPU time for one frame, a packet or a unit of several. @param stage one of STAGE_*. */
  spend(stage: number, frame: Frame): void {
    const { machine } = this.kernel
    if (machine !== null) machine.spend(stage, frame.gsoSegments || 1, frame.length)
  }

  /** The trace funnel: a stage that the frame passes here, with the row that decided. */
  charge(stage: Stage, frame: Frame, row?: unknown, device: NetDevice | null = null): void {
    if (frame.trace === 0) return
    const place = device === null ? this.name : device.label
    this.kernel.ledger.tracer?.stage(frame, stage, place, row)
  }
}
