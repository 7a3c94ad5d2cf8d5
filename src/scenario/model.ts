/**
 * A scenario as the builder takes it: one run, every default filled in, every quantity a number
 * (picoseconds, bits per second, bytes, packets per second, fractions of one), every name resolved.
 * `null` stands for "not given, and there is no default".
 */
import type { PortSecurityOptions } from '../fabric/port-security.ts'
import type { StormControlOptions } from '../fabric/switch-port.ts'
import type { SwitchProfile } from '../fabric/switch-profiles.ts'
import type { InterfaceAddress } from '../stack/device.ts'
import type { Ipv4Address, Ipv4Prefix } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import type { ClaimModel } from './claim-model.ts'
import type { ExpectationModel } from './expectation-model.ts'
import type { NeedsEntry as NeedsModel } from './schema/needs.ts'
import type { HostFault, StoreModel } from './store-model.ts'

export type * from './claim-model.ts'
export type * from './expectation-model.ts'
export type * from './store-model.ts'

export interface Scenario {
  readonly name: string
  /** In which panel this run stands; null when the file has none. */
  readonly panel: string | null
  /** Which variant this run is; null when the file has none. */
  readonly variant: string | null
  readonly why: string
  readonly source: string | null
  readonly file: string
  readonly seed: string
  /** Picoseconds. */
  readonly duration: number
  readonly fabric: FabricModel
  /** All hosts of the fabric, h1, h2, ... in the order of racks, or as drawn; then `outside`. */
  readonly hosts: readonly HostModel[]
  /** Null = there is none. */
  readonly store: StoreModel | null
  readonly networks: readonly NetworkModel[]
  readonly containers: readonly ContainerModel[]
  readonly idle: readonly IdleContainers[]
  readonly workloads: readonly WorkloadModel[]
  readonly faults: readonly FaultModel[]
  readonly captures: readonly CapturePoint[]
  readonly expectations: readonly ExpectationModel[]
  /** Null when the file claims nothing. */
  readonly claim: ClaimModel | null
  /** Null when the file says nothing of it. */
  readonly needs: NeedsModel | null
}

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

export type KernelVersion = '4.15' | '5.15' | '6.18'

export interface HostModel {
  readonly name: string
  /** Index into `FabricModel.rackSubnets`; null for `outside`. */
  readonly rack: number | null
  readonly address: Ipv4Address
  readonly prefixLength: number
  /** Default gateway; null where no router serves the subnet. */
  readonly gateway: Ipv4Address | null
  readonly cpus: number
  readonly nic: NicModel
  readonly kernel: KernelVersion
  /** `none`, or the name of a cost profile. */
  readonly costs: string
  /** Whether all its software devices, those of its containers included, have TSO and GRO. */
  readonly deviceOffloads: boolean
  /** `net.ipv4.neigh.default.gc_thresh3` and the like, as text. */
  readonly sysctls: ReadonlyMap<string, string>
}

export interface NicModel {
  readonly mtu: number
  /** Unicast MAC addresses that the filter holds; with more the NIC turns promiscuous. */
  readonly filterEntries: number
  /** Packets of the transmit queue (`txqueuelen`). */
  readonly txQueue: number
  /** Receive queues. */
  readonly queues: number
  /** Descriptors of a receive queue. */
  readonly rxRing: number
  readonly coalesce: CoalesceModel
  /** What the receive queue of UDP is chosen by; TCP's always by ports. */
  readonly rss: 'ports' | 'addresses'
  /** Whether received packets are spread over all cores (receive packet steering). */
  readonly rps: boolean
  readonly tso: boolean
  readonly gro: boolean
  readonly txChecksum: boolean
  readonly rxChecksum: boolean
  /** Segmentation of what a UDP tunnel carries. */
  readonly tunnelTso: boolean
  readonly tunnelGro: boolean
  readonly gsoMaxSegments: number
}

/** When a NIC interrupts: by itself, or after so many microseconds or frames. */
export type CoalesceModel = 'adaptive' | { readonly usecs: number; readonly frames: number }

export interface NetworkModel {
  readonly name: string
  readonly scheme: string
  /** What the scheme's own schema made of its options; only its driver knows the type. */
  readonly options: unknown
}

export interface ContainerModel {
  readonly name: string
  readonly host: string
  readonly networks: readonly string[]
  readonly address: Ipv4Address | null
  readonly mac: MacAddress | null
  readonly labels: Readonly<Record<string, string>>
}

/** Containers that only exist: they hold addresses and answer, and no workload names them. */
export interface IdleContainers {
  readonly host: string
  readonly count: number
  readonly networks: readonly string[]
}

export type EndpointRef =
  | { readonly kind: 'container'; readonly name: string }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'address'; readonly address: Ipv4Address }

export interface Flow {
  readonly from: EndpointRef
  readonly to: EndpointRef
}

interface WorkloadBase {
  /** `ping-1`, `udp-2`: the kind and its count, unless the file names it. */
  readonly name: string
  /** Start, picoseconds. */
  readonly at: number
}

interface FlowsBase extends WorkloadBase {
  /** One per pair of ends. */
  readonly flows: readonly Flow[]
  /** Core that the senders' threads are bound to; null = the scheduler chooses. */
  readonly senderCore: number | null
}

interface MeasuredBase extends FlowsBase {
  /** How long it sends, picoseconds. */
  readonly duration: number
  /** What is cut off the beginning of the measuring window, picoseconds. */
  readonly warmup: number
  readonly receiverCore: number | null
  readonly port: number
}

export interface PingModel extends FlowsBase {
  readonly kind: 'ping'
  readonly count: number
  readonly interval: number
  /** ICMP payload bytes, as `ping -s`. */
  readonly size: number
  readonly dontFragment: boolean
  readonly ttl: number
  readonly tos: number
}

export interface UdpModel extends MeasuredBase {
  readonly kind: 'udp'
  /** Packets per second of each pair; Infinity = as fast as the cores can. */
  readonly packetRate: number
  /** UDP payload bytes. */
  readonly size: number
  /** Flows (source ports) of each pair. */
  readonly parallel: number
  readonly dontFragment: boolean
  readonly ttl: number
  readonly tos: number
}

export interface UdpRequestResponseModel extends MeasuredBase {
  readonly kind: 'udp-rr'
  /** UDP payload bytes of a request. */
  readonly size: number
  readonly replySize: number
  /** Requests in flight of each pair. */
  readonly outstanding: number
  /** A request without a reply is given up after this, picoseconds. */
  readonly timeout: number
}

interface TcpBase extends MeasuredBase {
  readonly congestion: 'cubic' | 'reno'
  /** SO_SNDBUF and SO_RCVBUF, bytes; null = tuned by the kernel. */
  readonly sendBuffer: number | null
  readonly receiveBuffer: number | null
  readonly noDelay: boolean
}

export interface TcpModel extends TcpBase {
  readonly kind: 'tcp'
  /** Of each flow; null = as many as go within `duration`. */
  readonly bytes: number | null
  /** Flows of each pair and direction. */
  readonly parallel: number
  /** Bytes of one system call. */
  readonly writeSize: number
  readonly direction: 'forward' | 'reverse' | 'bidirectional'
}

export interface TcpTransactionsModel extends TcpBase {
  /** `tcp-crr`: a connection for each request. */
  readonly kind: 'tcp-rr' | 'tcp-crr'
  /** Bytes of a request. */
  readonly size: number
  readonly replySize: number
  /** Connections of each pair, with one request under way on each. */
  readonly outstanding: number
}

export interface MacofModel extends WorkloadBase {
  readonly kind: 'macof'
  readonly from: readonly EndpointRef[]
  /** Whose MAC address is the destination; null = a random one for each frame, as macof does it. */
  readonly to: EndpointRef | null
  /** Frames per second. */
  readonly packetRate: number
  /** Different source addresses, used in turn; null = every frame a new one. */
  readonly macs: number | null
  /** Frame bytes without FCS. */
  readonly size: number
  /** Frames in all: the smaller of `count` and what `for` admits. */
  readonly count: number
}

export type StoreApi = 'v2' | 'v3' | 'kv'

/** Clients of the scenario's store. */
export interface StoreLoadModel extends WorkloadBase {
  readonly kind: 'kv'
  /** One client each. */
  readonly clients: readonly EndpointRef[]
  readonly api: StoreApi
  readonly duration: number
  readonly warmup: number
  /** Operations under way at each client. */
  readonly outstanding: number
  /** From one operation to the next, picoseconds; null = as soon as the one before is over. */
  readonly interval: number | null
  readonly keys: number
  /** Bytes of a value. */
  readonly size: number
  /** Share of operations that read. */
  readonly reads: number
  readonly consistency: 'linearizable' | 'stale'
  readonly watch: boolean
  /** How often the first client drops the history, picoseconds; null = never. */
  readonly compactEvery: number | null
}

export type WorkloadModel =
  | PingModel
  | UdpModel
  | UdpRequestResponseModel
  | TcpModel
  | TcpTransactionsModel
  | MacofModel
  | StoreLoadModel

export interface FaultModel {
  /** `fault-1` and so on, unless the file names it. */
  readonly name: string
  readonly at: number
  /** Null = to the end of the run. */
  readonly until: number | null
  readonly on: readonly FaultedLink[]
  readonly actions: readonly FaultAction[]
  readonly hostFaults: readonly HostFault[]
}

export interface FaultedLink {
  readonly link: string
  /** `forward` is from the link's `from` to its `to`. */
  readonly direction: 'both' | 'forward' | 'backward'
}

export type FaultAction =
  | { readonly kind: 'cut' }
  | { readonly kind: 'loss'; readonly probability: number }
  | { readonly kind: 'corrupt'; readonly probability: number; readonly undetected: boolean }
  | { readonly kind: 'duplicate'; readonly probability: number }
  /** This share of the frames is held back for `delay` picoseconds, so that later ones pass them. */
  | { readonly kind: 'reorder'; readonly probability: number; readonly delay: number }
  /** Each frame later by `delay` plus a uniform draw from [0, jitter], picoseconds. */
  | { readonly kind: 'delay'; readonly delay: number; readonly jitter: number }
  | { readonly kind: 'block-udp-port'; readonly port: number }
  | { readonly kind: 'block-protocol'; readonly protocol: number }
  /** Drops longer IP packets without a word. */
  | { readonly kind: 'max-packet'; readonly bytes: number }
  | { readonly kind: 'filter-icmp' }

/** A port of a node or of a container, named as its owner names it: `h1/eth0`, `c1/eth0`. */
export interface CapturePoint {
  readonly node: string
  readonly port: string
}
