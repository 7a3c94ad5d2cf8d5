import type { StoreCluster } from '../../control/cluster/store.ts'
import { ConsulKvStore } from '../../control/consul/client/kv-store.ts'
import { EtcdKvStore } from '../../control/etcd/client/kv-store.ts'
import type { KvStore } from '../../control/kv/store.ts'
import type { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import type { Process } from '../../sim/process.ts'
import type { Daemon, NetworkMember, NetworkSpec } from '../contract.ts'
import { Engine } from './engine.ts'
import { EngineDaemon, type EngineMode } from './engine-daemon.ts'
import { GatewayBridge } from './gateway-bridge.ts'
import { randomHex } from './identifier.ts'
import { MachineState, type RunningEndpoint } from './machine-state.ts'
import type { DockerOverlayOptions } from './options.ts'

/** With an external store: `--cluster-store`. */
class ClassicMode implements EngineMode<RunningEndpoint> {
  readonly state: MachineState
  private readonly store: StoreCluster
  private readonly version: DockerOverlayOptions['version']

  constructor(host: Host, store: StoreCluster, options: DockerOverlayOptions) {
    this.store = store
    this.version = options.version
    const { random } = host.kernel.simulator
    const gatewayNetwork = randomHex(random.stream(`docker_gwbridge/${host.name}`))
    const bridge = new GatewayBridge(host, options)
    this.state = new MachineState(host, bridge, gatewayNetwork)
  }

  launch(program: Program): Engine {
    return new Engine(program, this.state, this.makeKv(program), this.version)
  }

  private makeKv(program: Program): KvStore {
    const addresses = this.store.addressesFor(this.state.host)
    return this.store.kind === 'consul'
      ? new ConsulKvStore(program, addresses[0]!)
      : new EtcdKvStore(program, addresses)
  }

  isCreator([first]: readonly NetworkMember[]): boolean {
    return first?.host === this.state.host.name
  }

  isRestartable({ isRetained }: RunningEndpoint): boolean {
    return !isRetained
  }

  /**
   * The containers are gone, and with them what the store had of them. The daemon is stopped, unless it has
   * containers of other networks. Its own key goes by its TTL.
   */
  leave(engine: Engine): Process | null {
    return this.state.running.some(({ isRetained }) => !isRetained) ? null : engine.shutDown()
  }
}

/** By host: there is one daemon, whatever the number of networks. */
const daemons = new WeakMap<Host, EngineDaemon<RunningEndpoint>>()

/** The daemon of a host as one network sees it. */
export function startDocker(host: Host, network: NetworkSpec<DockerOverlayOptions>): Daemon {
  const known = daemons.get(host)
  const mode = () => new ClassicMode(host, network.store!, network.options)
  const daemon = known ?? new EngineDaemon(mode())
  daemons.set(host, daemon)
  daemon.addNetwork(network)
  return daemon
}
