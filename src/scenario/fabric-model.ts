/** The fabric of a scenario, with the units and rules of `model.ts`. */
import type { PortSecurityOptions } from '../fabric/port-security.ts'
import type { StormControlOptions } from '../fabric/switch-port.ts'
import type { SwitchProfile } from '../fabric/switch-profiles.ts'
import type { InterfaceAddress } from '../stack/device.ts'
import type { Ipv4Address, Ipv4Prefix } from '../wire/ipv4-address.ts'

/** `bench`: the hosts are namespaces of one kernel, joined by veth to the bridge of another. */
export type FabricMode = 'l2' | 'l3' | 'cloud' | 'bench'

export interface FabricModel {
  readonly mode: FabricMode
  /** Zero in a drawn fabric, as are `hostsPerRack` and `spines`. */
  readonly racks: number
  readonly hostsPerRack: number
  readonly spines: number
  /** Addresses of the hosts: one block in modes l2 and cloud, cut into a block a rack in mode l3. */
  readonly subnet: Ipv4Prefix
  /** Blocks that the routers serve, in the order of `rack`; in modes l2 and cloud one, `subnet`. */
  readonly rackSubnets: readonly Ipv4Prefix[]
  /** Addresses for the links between routers (/31 each). */
  readonly transit: Ipv4Prefix
  /** Every device of the fabric, hosts included. */
  readonly nodes: readonly NodeModel[]
  readonly links: readonly LinkModel[]
  /** How the routers of mode l3 find their ways; null = routes are computed once. */
  readonly bgp: FabricBgpModel | null
  /** IP protocols that every switch and router drops. */
  readonly blockProtocols: readonly number[]
  readonly blockUdpPorts: readonly number[]
  /** By hand; each on the router that has `via` on a link. */
  readonly routes: readonly FabricRouteModel[]
  /** Besides VLAN 1; empty = switches know no VLANs. */
  readonly vlans: readonly VlanModel[]
  readonly allowLoops: boolean
  /** Whether the node `gateway` (a router) and the host `outside` behind it are there. */
  readonly gateway: boolean
}

export interface FabricRouteModel {
  readonly to: Ipv4Prefix
  readonly via: Ipv4Address
}

export interface VlanModel {
  /** 2 to 4094. */
  readonly id: number
  /** Of the router `gateway` in it; null = it has no address there. */
  readonly gateway: InterfaceAddress | null
  /** Hosts whose ports carry it; null = all. */
  readonly hosts: readonly string[] | null
}

/** eBGP between the routers. Times in picoseconds. */
export interface FabricBgpModel {
  /** Whole seconds. */
  readonly holdTime: number
  readonly keepalive: number
  readonly advertisementInterval: number
  readonly connectRetry: number
  /** Whether a session ends with the link under it. */
  readonly fastFailover: boolean
  /** Whether leaves take sessions from hosts. */
  readonly hosts?: FabricBgpHosts
}

export interface FabricBgpHosts {
  /** Absent = any but the leaf's. */
  readonly as?: number
  /** Most sessions of a leaf. */
  readonly limit: number
}

export type NodeRole = 'host' | 'leaf' | 'spine' | 'gateway' | 'drawn'

export type NodeModel =
  | {
      readonly kind: 'host'
      readonly name: string
      readonly role: NodeRole
      readonly rack: number | null
    }
  | {
      readonly kind: 'switch'
      readonly name: string
      readonly role: NodeRole
      readonly rack: number | null
      readonly switch: SwitchModel
    }
  | {
      readonly kind: 'router'
      readonly name: string
      readonly role: NodeRole
      readonly rack: number | null
      readonly router: RouterModel
    }
  | {
      /** The namespace with the bridge of mode bench. */
      readonly kind: 'bridge'
      readonly name: string
      readonly role: NodeRole
      readonly rack: number | null
    }

export interface SwitchModel {
  /** The profile that the file names, with what the file says otherwise. */
  readonly profile: SwitchProfile
  /** Of the ports that lead to hosts; null = off. */
  readonly portSecurity: PortSecurityOptions | null
  /** Of the ports that lead to hosts; null = off. */
  readonly stormControl: StormControlOptions | null
  /** Whether ports that lead to hosts send frames back (802.1Qbg). */
  readonly reflective: boolean
}

export interface RouterModel {
  /** Routes that fit into the hardware. */
  readonly fib: number
  /** ARP entries that fit. */
  readonly arpEntries: number
  /** Life of an ARP entry, picoseconds. */
  readonly arpTimeout: number
  /** Forwarding latency, picoseconds. */
  readonly latency: number
  /** Packets per second that reach the router's CPU. */
  readonly puntRate: number
}

export interface LinkModel {
  /** `from-to`, with `#2` and so on for a second link between the same two nodes. */
  readonly name: string
  readonly from: string
  readonly to: string
  /** Bits per second. */
  readonly rate: number
  /** Propagation delay, picoseconds. */
  readonly delay: number
  /** Largest L3 packet of the ports at both ends, bytes. */
  readonly mtu: number
  /** Bytes of the transmit queue of an end at a switch or router. */
  readonly queue: number
}
