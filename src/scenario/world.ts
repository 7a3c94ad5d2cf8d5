import type { StoreCluster } from '../control/cluster/store.ts'
import type { CloudSwitch } from '../fabric/cloud-switch.ts'
import type { L2Switch } from '../fabric/l2-switch.ts'
import type { Router } from '../fabric/router.ts'
import type { Host } from '../host/host.ts'
import type { Port } from '../link/port.ts'
import type { Ledger } from '../measure/ledger.ts'
import type { Daemon, Endpoint, Scheme } from '../schemes/contract.ts'
import type { Simulator } from '../sim/simulator.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { ScheduledWorkload } from './build-workload.ts'
import type { FabricRouting } from './fabric-routing.ts'
import type { LinkModel, NetworkModel, Scenario } from './model.ts'

/** A cable of the scenario with its two ends: `a` at the link's `from`. */
export interface WorldLink {
  readonly model: LinkModel
  readonly a: Port
  readonly b: Port
}

/** The physical network of one run. */
export interface WorldFabric {
  readonly hosts: Map<string, Host>
  readonly switches: Map<string, L2Switch>
  readonly clouds: Map<string, CloudSwitch>
  readonly routers: Map<string, Router>
  readonly links: Map<string, WorldLink>
  /** Namespaces with the bridge of a bench, by node. */
  readonly bridges: Map<string, NetNamespace>
  /** BGP of the routers; null where routes are computed once. */
  routing: FabricRouting | null
  /** Refusals that the operator of a router would see, such as a full FIB. */
  readonly log: string[]
}

export interface WorldNetwork {
  readonly model: NetworkModel
  readonly scheme: Scheme
  /** By host. */
  readonly daemons: Map<string, Daemon>
  /** Of the containers that have been attached by now. */
  readonly addresses: Set<Ipv4Address>
}

/** Everything of one run: built from a scenario, advanced by the simulator, read by reports. */
export interface World extends WorldFabric {
  readonly scenario: Scenario
  readonly simulator: Simulator
  readonly ledger: Ledger
  readonly store: StoreCluster | null
  readonly networks: Map<string, WorldNetwork>
  /** Endpoints of each container, in the order of its networks. */
  readonly endpoints: Map<string, readonly Endpoint[]>
  /** Called for each container that gets on a network after the world was built. */
  readonly onAttach: ((endpoint: Endpoint) => void)[]
  /** Called for each container that goes to another host, with its old namespace and its new one. */
  readonly onMove: ((from: NetNamespace, to: NetNamespace) => void)[]
  /** Containers that did not get on a network, and why. */
  readonly attachFailures: { container: string; network: string; message: string }[]
  readonly workloads: ScheduledWorkload[]
}
