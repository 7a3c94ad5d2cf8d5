/**
 * A scenario as the builder takes it: one run, every default filled in, every quantity a number
 * (picoseconds, bits per second, bytes, packets per second, fractions of one), every name resolved.
 * `null` stands for "not given, and there is no default".
 */
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import type { ClaimModel } from './claim-model.ts'
import type { ExpectationModel } from './expectation-model.ts'
import type { FabricModel } from './fabric-model.ts'
import type { NeedsEntry as NeedsModel } from './schema/needs.ts'
import type { HostFault, StoreModel } from './store-model.ts'
import type { WorkloadModel } from './workload-model.ts'

export type * from './claim-model.ts'
export type * from './expectation-model.ts'
export type * from './fabric-model.ts'
export type * from './store-model.ts'
export type * from './workload-model.ts'

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
