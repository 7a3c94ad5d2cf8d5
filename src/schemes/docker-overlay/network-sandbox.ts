import { Commands } from '../../host/commands.ts'
import type { Host } from '../../host/host.ts'
import { Vxlan, type VxlanMissListener } from '../../host/vxlan.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { contains, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import { attachToBridge } from '../attach-veth.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../contract.ts'
import type { Peer } from './peer-table.ts'

/** One subnet of a network. */
export interface SegmentPlan {
  readonly subnet: Ipv4Prefix
  readonly gateway: Ipv4Address
  /** 0 = none that this host knows of. */
  readonly vni: number
}

export interface SandboxPlan {
  /** Id of the network. */
  readonly network: string
  readonly segments: readonly SegmentPlan[]
  readonly mtu: number
  /** UDP port of VXLAN. */
  readonly port: number
}

/** The devices of a subnet that this host has a container or a peer in. */
interface Segment {
  readonly plan: SegmentPlan
  readonly bridge: string
  readonly vxlan: string
}

/**
 * A network's namespace on one host: for each subnet a bridge with the gateway's address, the same on all hosts, and
 * a VXLAN device that answers ARP from its neighbours, all of them permanent. It routes between the subnets.
 */
export class NetworkSandbox {
  readonly namespace: NetNamespace
  private readonly host: Host
  private readonly plan: SandboxPlan
  private readonly commands: Commands
  private plans: readonly SegmentPlan[]
  /** Br0 with vxlan0 first. */
  private segments: readonly Segment[] = []
  private listener: VxlanMissListener | null = null

  constructor(host: Host, plan: SandboxPlan) {
    this.host = host
    this.plan = plan
    this.plans = plan.segments
    this.namespace = host.addContainer(`${host.name}.1-${plan.network.slice(0, 10)}`)
    this.commands = new Commands(this.namespace)
    // As in the host's own namespace when this one is made.
    this.commands.sysctl('net.ipv4.ip_forward', 1)
  }

  /** Subnets may have got their VNIs since. */
  learn(plans: readonly SegmentPlan[]): void {
    this.plans = plans
  }

  contains(address: Ipv4Address): boolean {
    return this.plans.some(({ subnet }) => contains(subnet, address))
  }

  /** Whether the address is in a subnet whose VNI is still to be asked for. */
  lacksVni(address: Ipv4Address): boolean {
    return this.plans.some(({ subnet, vni }) => vni === 0 && contains(subnet, address))
  }

  /** Who is told of look-ups that fail; null = nobody. */
  set missListener(listener: VxlanMissListener | null) {
    this.listener = listener
    for (const { vxlan } of this.segments) this.listen(vxlan)
  }

  private listen(vxlan: string): void {
    const device = this.namespace.device(vxlan)
    if (device instanceof Vxlan) device.missListener = this.listener
  }

  /** The devices of an address's subnet, made when it is the first. */
  private segmentFor(address: Ipv4Address): Segment | null {
    const known = this.segmentOf(address)
    if (known !== null) return known
    const plan = this.plans.find(({ subnet }) => contains(subnet, address))
    return plan === undefined || plan.vni === 0 ? null : this.open(plan)
  }

  private segmentOf(address: Ipv4Address): Segment | null {
    return this.segments.find(({ plan }) => contains(plan.subnet, address)) ?? null
  }

  private open(plan: SegmentPlan): Segment {
    const { mtu, port: dstPort } = this.plan
    const { commands, host } = this
    const number = this.segments.length
    const [bridge, vxlan] = [`br${number}`, `vxlan${number}`]
    commands.link.add({ name: bridge, type: 'bridge', mtu })
    commands.addr.add({ address: plan.gateway, length: plan.subnet.length }, bridge)
    commands.link.up(bridge)
    // Made in the host's namespace and moved: its outer packets stay there.
    const place = { underlay: host.root, vni: plan.vni, dstPort }
    const misses = { proxy: true, l2miss: true, l3miss: true }
    commands.link.add({ name: vxlan, type: 'vxlan', mtu, ...place, ...misses })
    commands.link.master(vxlan, bridge)
    commands.link.up(vxlan)
    this.listen(vxlan)
    const segment = { plan, bridge, vxlan }
    this.segments = [...this.segments, segment]
    return segment
  }

  /** Puts one end of a pair into the container, the other under the bridge of the address's subnet. */
  attach(container: ContainerSpec, address: Ipv4Address, mac: MacAddress): Endpoint | AttachError {
    const { mtu } = this.plan
    const { bridge, plan } = this.segmentFor(address)!
    const { length } = plan.subnet
    const place = { bridge, mtu, address, length, mac, hairpin: false }
    const endpoint = attachToBridge(this.commands, container, place)
    if (!(endpoint instanceof AttachError)) this.routeToOthers(container, plan)
    return endpoint
  }

  /** By the gateway, which the host itself is. */
  private routeToOthers({ namespace, device }: ContainerSpec, own: SegmentPlan): void {
    for (const { subnet } of this.plans) {
      if (subnet.base === own.subnet.base) continue
      const inside = namespace.device(device)!
      namespace.routes.replace({ destination: subnet, via: own.gateway, device: inside })
    }
  }

  /** The neighbour first, then the entry of the FDB. */
  addPeer(peer: Peer): void {
    const { vxlan } = this.segmentFor(peer.address) ?? {}
    if (vxlan === undefined) return
    this.addNeighbour(peer)
    const { mac, vtep } = peer
    this.commands.fdb.replace({ lladdr: mac, dev: vxlan, dst: vtep })
  }

  addNeighbour({ address, mac }: Peer): void {
    const { vxlan } = this.segmentFor(address) ?? {}
    if (vxlan === undefined) return
    this.commands.neigh.replace({ dst: address, lladdr: mac, dev: vxlan, nud: 'PERMANENT' })
  }

  removePeer({ address, mac, vtep }: Peer): void {
    const { vxlan } = this.segmentOf(address) ?? {}
    if (vxlan === undefined) return
    const { neigh, fdb } = this.commands
    fdb.delete(mac, vxlan, vtep)
    neigh.delete(address, vxlan)
  }

  destroy(): void {
    for (const { name } of [...this.namespace.devices].reverse()) {
      if (this.namespace.device(name) !== undefined) this.commands.link.delete(name)
    }
    this.host.containers.delete(this.namespace.name)
  }
}
