import type { Host } from '../host/host.ts'
import type { ChildDriver } from './child-driver.ts'
import type { NetworkSpec } from './contract.ts'
import type { AddressPlan } from './parent-address-plan.ts'
import { ParentNetwork } from './parent-network.ts'
import type { ParentNetworkOptions } from './parent-network-options.ts'

/**
 * The engine of one host as far as networks on parent interfaces go. It asks nobody: what it knows is
 * what its user typed and what its local database holds.
 */
export class LocalEngine {
  readonly host: Host
  networks: readonly ParentNetwork[] = []
  isRunning = true
  private boots: number

  constructor(host: Host) {
    this.host = host
    this.boots = host.boots
  }

  /** `docker network create`. */
  add(
    spec: NetworkSpec<ParentNetworkOptions>,
    driver: ChildDriver,
    plan: AddressPlan,
  ): ParentNetwork {
    const network = new ParentNetwork(this, spec, driver, plan)
    this.networks = [...this.networks, network]
    network.create()
    return network
  }

  stop(): void {
    if (!this.isRunning) return
    for (const network of this.networks) network.shutDown()
    this.isRunning = false
  }

  crash(): void {
    this.isRunning = false
  }

  start(): void {
    const isBooted = this.host.boots !== this.boots
    if (this.isRunning && !isBooted) return
    this.boots = this.host.boots
    this.isRunning = true
    for (const network of this.networks) network.restore(isBooted)
  }
}

/** By host: macvlan and ipvlan are drivers of one engine. */
const engines = new WeakMap<Host, LocalEngine>()

/** The engine of a host, which is made at its first network. */
export function engineOf(host: Host): LocalEngine {
  const known = engines.get(host)
  if (known !== undefined) return known
  const engine = new LocalEngine(host)
  engines.set(host, engine)
  return engine
}
