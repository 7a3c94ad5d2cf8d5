import { Commands } from '../../host/commands.ts'
import type { Host } from '../../host/host.ts'
import { Vxlan, type VxlanMissListener } from '../../host/vxlan.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { Ipv4Address, Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import { attachToBridge } from '../attach-veth.ts'
import type { AttachError, ContainerSpec, Endpoint } from '../contract.ts'
import type { Peer } from './peer-table.ts'

const BRIDGE = 'br0'
const VXLAN = 'vxlan0'

export interface SandboxPlan {
  /** Id of the network. */
  readonly network: string
  readonly vni: number
  readonly subnet: Ipv4Prefix
  readonly gateway: Ipv4Address
  readonly mtu: number
  /** UDP port of VXLAN. */
  readonly port: number
}

/**
 * A network's namespace on one host: a bridge with the gateway's address, the same on all hosts, and a VXLAN device
 * that answers ARP from its neighbours, all of them permanent.
 */
export class NetworkSandbox {
  readonly plan: SandboxPlan
  readonly namespace: NetNamespace
  private readonly host: Host
  private readonly commands: Commands

  constructor(host: Host, plan: SandboxPlan) {
    this.host = host
    this.plan = plan
    const { mtu, vni, gateway, subnet, port: dstPort } = plan
    this.namespace = host.addContainer(`${host.name}.1-${plan.network.slice(0, 10)}`)
    const commands = new Commands(this.namespace)
    this.commands = commands
    commands.link.add({ name: BRIDGE, type: 'bridge', mtu })
    commands.addr.add({ address: gateway, length: subnet.length }, BRIDGE)
    commands.link.up(BRIDGE)
    // Made in the host's namespace and moved: its outer packets stay there.
    const underlay = host.root
    const misses = { proxy: true, l2miss: true, l3miss: true }
    commands.link.add({ name: VXLAN, type: 'vxlan', underlay, vni, dstPort, mtu, ...misses })
    commands.link.master(VXLAN, BRIDGE)
    commands.link.up(VXLAN)
  }

  /** Who is told of look-ups that fail; null = nobody. */
  set missListener(listener: VxlanMissListener | null) {
    const device = this.namespace.device(VXLAN)
    if (device instanceof Vxlan) device.missListener = listener
  }

  /** Puts one end of a pair into the container, the other under the bridge. */
  attach(container: ContainerSpec, address: Ipv4Address, mac: MacAddress): Endpoint | AttachError {
    const { mtu, subnet } = this.plan
    const { length } = subnet
    const place = { bridge: BRIDGE, mtu, address, length, mac, hairpin: false }
    return attachToBridge(this.commands, container, place)
  }

  /** The neighbour first, then the entry of the FDB. */
  addPeer(peer: Peer): void {
    this.addNeighbour(peer)
    const { mac, vtep } = peer
    this.commands.fdb.replace({ lladdr: mac, dev: VXLAN, dst: vtep })
  }

  addNeighbour({ address, mac }: Peer): void {
    this.commands.neigh.replace({ dst: address, lladdr: mac, dev: VXLAN, nud: 'PERMANENT' })
  }

  removePeer({ address, mac, vtep }: Peer): void {
    const { neigh, fdb } = this.commands
    fdb.delete(mac, VXLAN, vtep)
    neigh.delete(address, VXLAN)
  }

  destroy(): void {
    for (const { name } of [...this.namespace.devices].reverse()) {
      if (this.namespace.device(name) !== undefined) this.commands.link.delete(name)
    }
    this.host.containers.delete(this.namespace.name)
  }
}
