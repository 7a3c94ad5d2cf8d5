import type { StoreCluster } from '../../control/cluster/store.ts'
import { ConsulKvStore } from '../../control/consul/client/kv-store.ts'
import { EtcdKvStore } from '../../control/etcd/client/kv-store.ts'
import type { KvStore } from '../../control/kv/store.ts'
import { Condition } from '../../control/program/condition.ts'
import { Program } from '../../control/program/program.ts'
import type { Host } from '../../host/host.ts'
import { type Process, Signal, sleep } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../contract.ts'
import { Engine } from './engine.ts'
import { GatewayBridge } from './gateway-bridge.ts'
import { randomHex } from './identifier.ts'
import { MachineState, type RunningEndpoint } from './machine-state.ts'
import type { DockerOverlayOptions } from './options.ts'

const NOT_RUNNING = new AttachError(
  'docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
)
/** An operator whose command has failed for want of the store types it again. */
const OPERATOR_RETRY = 500 * MILLISECOND

interface PlannedNetwork {
  readonly name: string
  readonly options: DockerOverlayOptions
}

/** dockerd on one host, for all networks of the scheme: the program and its starts, and what outlives them. */
class DockerDaemon implements Daemon {
  private readonly store: StoreCluster
  private readonly version: DockerOverlayOptions['version']
  private readonly state: MachineState
  private readonly past: string[] = []
  private readonly options = new Map<string, DockerOverlayOptions>()
  /** Networks that the operator makes at this host. */
  private planned: PlannedNetwork[] = []
  private added: Condition | null = null
  private engine: Engine | null = null
  private isWanted = false
  /** Of the host, when the daemon started. */
  private boots = 0

  constructor(host: Host, store: StoreCluster, options: DockerOverlayOptions) {
    this.store = store
    this.version = options.version
    const { random } = host.kernel.simulator
    const gatewayNetwork = randomHex(random.stream(`docker_gwbridge/${host.name}`))
    const bridge = new GatewayBridge(host, options.gatewayBridgeSubnet)
    this.state = new MachineState(host, bridge, gatewayNetwork)
    this.start()
  }

  get log(): readonly string[] {
    return this.engine === null ? this.past : [...this.past, ...this.engine.program.log]
  }

  /** One host makes the network; the others find it in the store. */
  addNetwork({ name, options, members }: NetworkSpec<DockerOverlayOptions>): void {
    const { host } = this.state
    this.options.set(name, options)
    if (members[0]?.host !== host.name) return
    this.planned.push({ name, options })
    this.added?.notify()
  }

  start(): void {
    this.isWanted = true
    if (this.engine === null) this.launch()
  }

  private launch(): void {
    const hasRebooted = this.state.host.boots !== this.boots
    this.boots = this.state.host.boots
    if (hasRebooted) this.state.gatewayBridge.forget()
    const program = new Program(this.state.host.root, 'dockerd')
    const engine = new Engine(program, this.state, this.makeKv(program), this.version)
    this.engine = engine
    program.ended.wait(program.simulator, () => this.ended(program))
    program.spawn(this.run(engine, hasRebooted))
  }

  private makeKv(program: Program): KvStore {
    const addresses = this.store.addressesFor(this.state.host)
    return this.store.kind === 'consul'
      ? new ConsulKvStore(program, addresses[0]!)
      : new EtcdKvStore(program, addresses)
  }

  /** @param hasRebooted its containers are started by others. */
  private *run(engine: Engine, hasRebooted: boolean): Process {
    const { state } = this
    const ended = hasRebooted
      ? []
      : [...state.interrupted, ...state.running].filter(({ isRetained }) => !isRetained)
    state.interrupted = []
    yield* engine.start()
    for (const { container } of ended) {
      const options = this.options.get(container.network)!
      if (options.restart === 'always') engine.program.spawn(engine.run(container, options))
    }
    this.added = new Condition(engine.program)
    for (;;) {
      yield* this.createPlanned(engine)
      yield* this.added.wait()
    }
  }

  private *createPlanned(engine: Engine): Process {
    while (this.planned.length > 0) {
      const { name, options } = this.planned[0]!
      const error = yield* engine.createNetwork(name, options)
      if (error !== null) engine.program.log.push(`network create ${name}: ${error.text}`)
      if (error?.kind === 'failed') yield* sleep(OPERATOR_RETRY)
      else this.planned = this.planned.slice(1)
    }
  }

  private ended(program: Program): void {
    this.past.push(...program.log)
    this.engine = null
    if (this.isWanted) this.launch()
  }

  stop(): void {
    this.isWanted = false
    if (this.engine !== null) this.engine.program.spawn(this.engine.shutDown())
  }

  crash(): void {
    this.isWanted = false
    this.engine?.program.kill()
  }

  /**
   * The containers are gone, and with them what the store had of them. The daemon is stopped, unless it has
   * containers of other networks. Its own key goes by its TTL.
   */
  *leave(): Process<void> {
    const { engine, state } = this
    if (state.running.some(({ isRetained }) => !isRetained)) return
    this.stop()
    if (engine !== null) yield* engine.program.ended.receive()
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const { engine } = this
    if (engine === null || !this.isWanted) return NOT_RUNNING
    const options = this.options.get(container.network)!
    return yield* this.within(engine, engine.run(container, options), NOT_RUNNING)
  }

  *detach({ network, namespace }: Endpoint): Process<void> {
    const { engine } = this
    const entry: RunningEndpoint | null = this.state.find(network, namespace)
    if (engine === null || entry === null) return
    yield* this.within(engine, engine.remove(entry), undefined)
  }

  /** Does the daemon's work on its thread. @param otherwise what comes of it when the daemon ends. */
  private *within<T>({ program }: Engine, work: Process<T>, otherwise: T): Process<T> {
    const { simulator } = program
    const result = new Signal<T>()
    program.spawn(work).done.wait(simulator, (value) => result.settle(value as T))
    program.ended.wait(simulator, () => result.settle(otherwise))
    return yield* result.receive()
  }
}

/** By host: there is one daemon, whatever the number of networks. */
const daemons = new WeakMap<Host, DockerDaemon>()

/** The daemon of a host as one network sees it. */
export function startDocker(host: Host, network: NetworkSpec<DockerOverlayOptions>): Daemon {
  const known = daemons.get(host)
  const daemon = known ?? new DockerDaemon(host, network.store!, network.options)
  daemons.set(host, daemon)
  daemon.addNetwork(network)
  return daemon
}
