import { Disk } from '../../../control/cluster/disk.ts'
import { SafetyMonitor } from '../../../control/raft/safety.ts'
import type { Host } from '../../../host/host.ts'
import type { Simulator } from '../../../sim/simulator.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { ContainerSpec } from '../../contract.ts'
import { ContainerLocks } from '../container-locks.ts'
import type { GatewayBridge } from '../gateway-bridge.ts'
import { randomHex } from '../identifier.ts'
import type { NetworkSandbox } from '../network-sandbox.ts'
import type { LocalEndpoint } from './swarm-driver.ts'

const NODE_ID_DIGITS = 25

/** A container on a network of this host. */
export interface RunningAttachment {
  readonly container: ContainerSpec
  readonly local: LocalEndpoint
  readonly device: string
  readonly task: string
}

/** What outlives the daemon on its host: the kernel's part, its place in the swarm, the managers' log. */
export class SwarmState {
  readonly host: Host
  readonly gatewayBridge: GatewayBridge
  readonly node: string
  readonly disk = new Disk()
  readonly locks = new ContainerLocks()
  running: readonly RunningAttachment[] = []
  /** What ran when the daemon was stopped in order. */
  interrupted: readonly RunningAttachment[] = []
  /** What an earlier life of the daemon has left in the kernel. */
  leftOver: readonly NetworkSandbox[] = []
  leftBalancers: readonly NetNamespace[] = []

  constructor(host: Host, gatewayBridge: GatewayBridge) {
    this.host = host
    this.gatewayBridge = gatewayBridge
    const { random } = host.kernel.simulator
    this.node = randomHex(random.stream(`swarm-node/${host.name}`), NODE_ID_DIGITS)
  }

  add(entry: RunningAttachment): void {
    this.running = [...this.running, entry]
  }

  remove(entry: RunningAttachment): void {
    this.running = this.running.filter((other) => other !== entry)
  }

  find(network: string, namespace: NetNamespace): RunningAttachment | null {
    const found = this.running.find(
      ({ container }) => container.network === network && container.namespace === namespace,
    )
    return found ?? null
  }
}

const monitors = new WeakMap<Simulator, SafetyMonitor>()

/** Watches the managers of a simulation: a leader too many would be this project's fault. */
export function monitorOf(simulator: Simulator): SafetyMonitor {
  const known = monitors.get(simulator)
  if (known !== undefined) return known
  const monitor = new SafetyMonitor()
  monitors.set(simulator, monitor)
  return monitor
}
