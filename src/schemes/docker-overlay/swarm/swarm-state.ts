import { Disk } from '../../../control/cluster/disk.ts'
import { SafetyMonitor } from '../../../control/raft/safety.ts'
import type { Host } from '../../../host/host.ts'
import type { Simulator } from '../../../sim/simulator.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { GatewayBridge } from '../gateway-bridge.ts'
import { type ConnectedContainer, HostState } from '../host-state.ts'
import { randomHex } from '../identifier.ts'
import type { LocalEndpoint } from './swarm-driver.ts'

const NODE_ID_DIGITS = 25

/** A container on a network of this host. */
export interface RunningAttachment extends ConnectedContainer {
  readonly local: LocalEndpoint
  readonly task: string
}

/** What outlives a daemon of a swarm on its host: also its place in the swarm, and the managers' log. */
export class SwarmState extends HostState<RunningAttachment> {
  readonly node: string
  readonly disk = new Disk()
  /** What an earlier life of the daemon has left in the kernel. */
  leftBalancers: readonly NetNamespace[] = []

  constructor(host: Host, gatewayBridge: GatewayBridge) {
    super(host, gatewayBridge)
    const { random } = host.kernel.simulator
    this.node = randomHex(random.stream(`swarm-node/${host.name}`), NODE_ID_DIGITS)
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
