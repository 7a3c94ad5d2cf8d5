/**
 * Calico's data model: the resources of projectcalico.org/v3 as their JSON has them, and what its IPAM keeps
 * beside them (https://docs.tigera.io/calico/latest/reference/resources/). Absent fields have the defaults
 * of the API, which `defaults.ts` names.
 */
import type {
  EndpointPort,
  GlobalNetworkPolicySpec,
  HostEndpointSpec,
  NetworkPolicySpec,
  ProfileSpec,
  TierSpec,
} from './policy-model.ts'

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface NodeSpec {
  readonly bgp?: {
    /** With the length of the node's subnet: `10.0.0.1/24`. */
    readonly ipv4Address?: string
    readonly asNumber?: number
    /** Of tunl0, without a length. */
    readonly ipv4IPIPTunnelAddr?: string
    readonly routeReflectorClusterID?: string
  }
  readonly ipv4VXLANTunnelAddr?: string
  readonly vxlanTunnelMACAddr?: string
}

export type EncapMode = 'Always' | 'CrossSubnet' | 'Never'

export interface IPPoolSpec {
  readonly cidr: string
  readonly blockSize?: number
  readonly ipipMode?: EncapMode
  readonly vxlanMode?: EncapMode
  readonly natOutgoing?: boolean
  readonly disabled?: boolean
  readonly disableBGPExport?: boolean
  readonly nodeSelector?: string
}

export interface BGPConfigurationSpec {
  readonly nodeToNodeMeshEnabled?: boolean
  readonly asNumber?: number
  /** A duration of Go: `120s`. */
  readonly nodeMeshMaxRestartTime?: string
}

export interface BGPPeerSpec {
  readonly node?: string
  readonly nodeSelector?: string
  readonly peerIP?: string
  readonly asNumber?: number
  readonly peerSelector?: string
  readonly nextHopMode?: 'Auto' | 'Self' | 'Keep'
  readonly keepaliveTime?: string
  readonly maxRestartTime?: string
}

export interface FelixConfigurationSpec {
  readonly defaultEndpointToHostAction?: 'Drop' | 'Return' | 'Accept'
  readonly ipipMTU?: number
  readonly vxlanMTU?: number
  readonly vxlanVNI?: number
  readonly vxlanPort?: number
  readonly iptablesRefreshInterval?: string
  readonly routeRefreshInterval?: string
  readonly ipsetsRefreshInterval?: string
  readonly reportingInterval?: string
  readonly reportingTTL?: string
}

export interface WorkloadEndpointSpec {
  readonly orchestrator: string
  /** Of libnetwork. */
  readonly workload?: string
  /** Of Kubernetes. */
  readonly pod?: string
  readonly containerID?: string
  readonly node: string
  readonly endpoint: string
  readonly interfaceName: string
  readonly mac?: string
  /** `192.168.0.1/32`. */
  readonly ipNetworks: readonly string[]
  readonly profiles: readonly string[]
  readonly ports?: readonly EndpointPort[]
}

export interface ClusterInformationSpec {
  readonly clusterGUID?: string
  readonly datastoreReady: boolean
}

/** `/calico/ipam/v2/host/<host>/ipv4/block/<cidr>`. */
export interface BlockAffinity {
  readonly state: 'pending' | 'confirmed' | 'pendingDeletion'
  readonly deleted: boolean
}

export interface AllocationAttribute {
  readonly handle_id: string | null
  readonly secondary: Readonly<Record<string, string>>
}

/** `/calico/ipam/v2/assignment/ipv4/block/<cidr>`. Ordinals count from the block's base. */
export interface AllocationBlock {
  readonly cidr: string
  /** `host:h1`; absent = of nobody. */
  readonly affinity?: string
  /** Whether other hosts may take addresses of it; kept with the block in etcd v2 alone. */
  readonly strictAffinity?: boolean
  /** By ordinal: the index of its attribute; null = free. */
  readonly allocations: readonly (number | null)[]
  /** Free ordinals, in the order in which they will be given. */
  readonly unallocated: readonly number[]
  readonly attributes: readonly AllocationAttribute[]
  readonly deleted: boolean
  /** When the host claimed it, nanoseconds; of newer releases. */
  readonly affinityClaimTime?: number
  /** Grows with each write. */
  readonly sequenceNumber: number
  /** By ordinal (as text): the sequence number of its allocation. */
  readonly sequenceNumberForAllocation: Readonly<Record<string, number>>
}

/** `/calico/ipam/v2/handle/<id>`: how many addresses it has, by block. */
export interface IpamHandle {
  readonly id: string
  readonly block: Readonly<Record<string, number>>
  readonly deleted: boolean
}

/** `/calico/ipam/v2/config`. */
export interface IpamConfig {
  readonly strict_affinity: boolean
  readonly auto_allocate_blocks: boolean
  /** 0 = 20. */
  readonly maxBlocksPerHost: number
}

/** What Felix says of itself, with a TTL. */
export interface FelixStatus {
  readonly time: string
  readonly uptime: number
  readonly firstUpdate: boolean
}

/** The kinds of the API, with their specs. */
export interface Specs {
  readonly ClusterInformation: ClusterInformationSpec
  readonly Node: NodeSpec
  readonly IPPool: IPPoolSpec
  readonly BGPConfiguration: BGPConfigurationSpec
  readonly BGPPeer: BGPPeerSpec
  readonly FelixConfiguration: FelixConfigurationSpec
  readonly WorkloadEndpoint: WorkloadEndpointSpec
  readonly Profile: ProfileSpec
  readonly NetworkPolicy: NetworkPolicySpec
  readonly GlobalNetworkPolicy: GlobalNetworkPolicySpec
  readonly Tier: TierSpec
  readonly HostEndpoint: HostEndpointSpec
}

export type ResourceKind = keyof Specs

export interface Resource<K extends ResourceKind = ResourceKind> {
  readonly kind: K
  readonly apiVersion: 'projectcalico.org/v3'
  readonly metadata: Metadata
  readonly spec: Specs[K]
}

/** Everything that has a key, by kind. */
export type Values = { readonly [K in ResourceKind]: Resource<K> } & {
  /** Key: `<host>/<cidr>`. */
  readonly BlockAffinity: BlockAffinity
  /** Key: `<cidr>`. */
  readonly AllocationBlock: AllocationBlock
  /** Key: its id. */
  readonly IpamHandle: IpamHandle
  /** Key: `default`. */
  readonly IpamConfig: IpamConfig
  /** Key: the host. */
  readonly FelixStatus: FelixStatus
  /** The same without a TTL. Key: the host. */
  readonly LastFelixStatus: FelixStatus
}

export type Kind = keyof Values

/** One change of the datastore: `value` null = it is gone. Key: `<name>` or `<namespace>/<name>`. */
export type Update = {
  readonly [K in Kind]: { readonly kind: K; readonly key: string; readonly value: Values[K] | null }
}[Kind]

/** A resource with its envelope. */
export function resource<K extends ResourceKind>(
  kind: K,
  metadata: Metadata,
  spec: Specs[K],
): Resource<K> {
  return { kind, apiVersion: 'projectcalico.org/v3', metadata, spec }
}

/** Its key among those of its kind. */
export function keyOf({ metadata: { name, namespace } }: { readonly metadata: Metadata }): string {
  return namespace === undefined ? name : `${namespace}/${name}`
}
