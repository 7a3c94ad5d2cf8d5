import type { Host } from '../../host/host.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { ContainerSpec } from '../contract.ts'
import type { EndpointRecord } from './endpoint-record.ts'
import type { GatewayBridge } from './gateway-bridge.ts'
import { type ConnectedContainer, HostState } from './host-state.ts'
import { retainSandbox } from './retained-sandbox.ts'

/** A container on a network of this host, as the daemon's local database has it. */
export interface RunningEndpoint extends ConnectedContainer {
  /** Id of the network. */
  readonly network: string
  readonly endpoint: EndpointRecord
  /** The container has ended, but the store could not be told. */
  readonly isRetained: boolean
}

/** Ids of a container that runs. */
export interface ContainerIds {
  readonly container: string
  readonly sandbox: string
}

/** What outlives a daemon with an external store on its host. */
export class MachineState extends HostState<RunningEndpoint> {
  /** Of docker_gwbridge, the same as long as the host lives. */
  readonly gatewayNetwork: string
  private readonly ids = new Map<NetNamespace, ContainerIds>()

  constructor(host: Host, gatewayBridge: GatewayBridge, gatewayNetwork: string) {
    super(host, gatewayBridge)
    this.gatewayNetwork = gatewayNetwork
  }

  idsOf({ namespace }: ContainerSpec, make: () => ContainerIds): ContainerIds {
    const known = this.ids.get(namespace)
    if (known !== undefined) return known
    const made = make()
    this.ids.set(namespace, made)
    return made
  }

  /** The ids of a container go with its last network. */
  override remove(entry: RunningEndpoint): void {
    super.remove(entry)
    const { namespace } = entry.container
    if (this.running.some(({ container }) => container.namespace === namespace)) return
    this.ids.delete(namespace)
    if (entry.isRetained) this.host.removeContainer(namespace.name)
  }

  /** A container has ended whose endpoints cannot be deleted: its sandbox stays with all of them. */
  retain({ namespace }: ContainerSpec): void {
    const ids = this.ids.get(namespace)
    if (ids === undefined) return
    this.ids.delete(namespace)
    const kept = retainSandbox(
      this.host,
      namespace,
      `${this.host.name}.${ids.sandbox.slice(0, 12)}`,
    )
    this.gatewayBridge.moved(namespace, kept)
    this.running = this.running.map((entry) => {
      if (entry.container.namespace !== namespace) return entry
      return { ...entry, container: { ...entry.container, namespace: kept }, isRetained: true }
    })
  }

  /** Sandboxes of a container's earlier lives. */
  retained(name: string): readonly RunningEndpoint[] {
    return this.running.filter((entry) => entry.isRetained && entry.container.name === name)
  }
}
