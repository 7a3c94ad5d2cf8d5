import type { StoreCluster } from '../../control/cluster/store.ts'
import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import type { Datastore } from './datastore/client.ts'
import type { CalicoOptions } from './options.ts'

/** What the services of a node (Felix, confd with BIRD) are configured with. */
export interface NodeContext {
  readonly host: Host
  /** The name of the node: the host's. */
  readonly node: string
  /** `10.0.0.1/24`: the host's address with the length of its subnet. */
  readonly nodeAddress: string
  readonly store: StoreCluster
  /** Those of the cluster: of the host's first network. */
  readonly options: CalicoOptions
  /** Whether a pool of the host's networks has VXLAN. */
  readonly hasVxlan: boolean
  /** A client of the datastore for a program of this host. */
  datastore(program: Program): Datastore
}

/** A service of calico-node on one host, over all its starts. */
export interface NodeService {
  /** What it printed, oldest first. */
  readonly log: readonly string[]
  /** Finds what an earlier life has left in the kernel. */
  start(): void
  /** SIGTERM. */
  stop(): void
  /** SIGKILL. */
  crash(): void
}
