import type { Host } from '../../host/host.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { ContainerSpec } from '../contract.ts'
import { ContainerLocks } from './container-locks.ts'
import { freeDevice, type GatewayBridge, removeDevice } from './gateway-bridge.ts'
import type { NetworkSandbox } from './network-sandbox.ts'

/** A container on a network of a host. */
export interface ConnectedContainer {
  readonly container: ContainerSpec
  /** Its interface in the container. */
  readonly device: string
  /** The network is `--internal`. */
  readonly isInternal: boolean
}

/** What outlives the daemon on its host, whatever the mode: the kernel's part and its local database. */
export class HostState<Entry extends ConnectedContainer> {
  readonly host: Host
  readonly gatewayBridge: GatewayBridge
  readonly locks = new ContainerLocks()
  running: readonly Entry[] = []
  /** What ran when the daemon was stopped in order. */
  interrupted: readonly Entry[] = []
  /** Namespaces of networks that an earlier life of the daemon has left. */
  leftOver: readonly NetworkSandbox[] = []
  /** Ids of the networks that a container was on, by name: it keeps to them. */
  private readonly networkIds = new WeakMap<NetNamespace, Map<string, string>>()

  constructor(host: Host, gatewayBridge: GatewayBridge) {
    this.host = host
    this.gatewayBridge = gatewayBridge
  }

  add(entry: Entry): void {
    this.running = [...this.running, entry]
  }

  remove(entry: Entry): void {
    this.running = this.running.filter((other) => other !== entry)
  }

  find(network: string, namespace: NetNamespace): Entry | null {
    const found = this.running.find(
      ({ container }) => container.network === network && container.namespace === namespace,
    )
    return found ?? null
  }

  /** The id of a container's network once it has been there, and before that the name that its user gave. */
  networkOf({ namespace, network }: ContainerSpec): string {
    return this.networkIds.get(namespace)?.get(network) ?? network
  }

  keepNetworkId({ namespace, network }: ContainerSpec, id: string): void {
    const known = this.networkIds.get(namespace) ?? new Map<string, string>()
    this.networkIds.set(namespace, known.set(network, id))
  }

  /** With another network before it the container's interface has another name. */
  withDevice(container: ContainerSpec): ContainerSpec {
    const isTaken = container.namespace.device(container.device) !== undefined
    return isTaken ? { ...container, device: freeDevice(container, 0) } : container
  }

  /** Takes the interface away, and docker_gwbridge's if no other network needs it. */
  disconnect(entry: Entry): void {
    const { container, device } = entry
    removeDevice(container.namespace, device)
    this.remove(entry)
    const needsGateway = this.running.some(
      (other) => other.container.namespace === container.namespace && !other.isInternal,
    )
    if (!needsGateway) this.gatewayBridge.detach(container)
  }

  /** Ends what an earlier life of the daemon has left in the kernel; the entries stay. */
  endLeftOver(): void {
    for (const { container, device } of this.running) {
      removeDevice(container.namespace, device)
      this.gatewayBridge.detach(container)
    }
    for (const sandbox of this.leftOver) sandbox.destroy()
    this.leftOver = []
  }
}
