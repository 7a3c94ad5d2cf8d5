import { Condition } from '../../../control/program/condition.ts'
import { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import { type Process, Signal, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkMember,
  type NetworkSpec,
} from '../../contract.ts'
import { GatewayBridge } from '../gateway-bridge.ts'
import type { DockerOverlayOptions } from '../options.ts'
import type { ManagerPlace } from './manager.ts'
import { SwarmEngine } from './swarm-engine.ts'
import { SwarmState } from './swarm-state.ts'

const NOT_RUNNING = new AttachError(
  'docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
)
/** An operator whose command has failed for want of a leader types it again. */
const OPERATOR_RETRY = 500 * MILLISECOND
const MANAGERS_MAX = 3

interface PlannedNetwork {
  readonly name: string
  readonly options: DockerOverlayOptions
}

/** dockerd in swarm mode on one host, for all its networks: the program and its starts. */
class SwarmDaemon implements Daemon {
  private readonly state: SwarmState
  private readonly managers: readonly ManagerPlace[]
  private readonly first: DockerOverlayOptions
  private readonly past: string[] = []
  private readonly options = new Map<string, DockerOverlayOptions>()
  /** Networks that the operator makes at this host. */
  private planned: PlannedNetwork[] = []
  private added: Condition | null = null
  private engine: SwarmEngine | null = null
  private isWanted = false
  private boots = 0

  constructor(host: Host, { options, members }: NetworkSpec<DockerOverlayOptions>) {
    this.first = options
    this.managers = managersOf(options, members)
    const { gatewayBridgeSubnet, ingress } = options
    const bridge = new GatewayBridge(host, gatewayBridgeSubnet, ingress ? 1 : 0)
    this.state = new SwarmState(host, bridge)
    this.start()
  }

  get log(): readonly string[] {
    return this.engine === null ? this.past : [...this.past, ...this.engine.program.log]
  }

  /** The operator makes it at the first manager. */
  addNetwork({ name, options }: NetworkSpec<DockerOverlayOptions>): void {
    this.options.set(name, options)
    if (this.managers[0]?.name !== this.state.host.name) return
    this.planned.push({ name, options })
    this.added?.notify()
  }

  start(): void {
    this.isWanted = true
    if (this.engine === null) this.launch()
  }

  private launch(): void {
    const { state } = this
    const hasRebooted = state.host.boots !== this.boots
    this.boots = state.host.boots
    if (hasRebooted) state.gatewayBridge.forget()
    const program = new Program(state.host.root, 'dockerd')
    const engine = new SwarmEngine(program, state, this.managers, this.first)
    this.engine = engine
    program.ended.wait(program.simulator, () => this.ended(program))
    program.spawn(this.run(engine, hasRebooted))
  }

  /** @param hasRebooted its containers are started by others. */
  private *run(engine: SwarmEngine, hasRebooted: boolean): Process {
    const { state } = this
    const ended = hasRebooted ? [] : [...state.interrupted, ...state.running]
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

  private *createPlanned(engine: SwarmEngine): Process {
    while (this.planned.length > 0) {
      const { name, options } = this.planned[0]!
      const error = yield* engine.createNetwork(name, options)
      if (error === 'again') yield* sleep(OPERATOR_RETRY)
      else this.planned = this.planned.slice(1)
      if (error !== null) engine.program.log.push(`network create ${name}: ${error}`)
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

  *leave(): Process<void> {
    const { engine } = this
    this.isWanted = false
    if (engine === null) return
    engine.program.spawn(engine.leaveSwarm())
    yield* engine.program.ended.receive()
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const { engine } = this
    if (engine === null || !this.isWanted) return NOT_RUNNING
    const options = this.options.get(container.network)!
    return yield* this.within(engine, engine.run(container, options), NOT_RUNNING)
  }

  *detach({ network, namespace }: Endpoint): Process<void> {
    const { engine } = this
    const entry = this.state.find(network, namespace)
    if (engine === null || entry === null) return
    yield* this.within(engine, engine.remove(entry), undefined)
  }

  /** Does the daemon's work on its thread. @param otherwise what comes of it when the daemon ends. */
  private *within<T>({ program }: SwarmEngine, work: Process<T>, otherwise: T): Process<T> {
    const { simulator } = program
    const result = new Signal<T>()
    program.spawn(work).done.wait(simulator, (value) => result.settle(value as T))
    program.ended.wait(simulator, () => result.settle(otherwise))
    return yield* result.receive()
  }
}

/** Those that the operator names, or else the first three hosts, or the first of two. */
function managersOf(
  { managers }: DockerOverlayOptions,
  members: readonly NetworkMember[],
): readonly ManagerPlace[] {
  const places = members.map(({ host, address }) => ({ name: host, address }))
  if (managers === undefined)
    return places.slice(0, places.length < MANAGERS_MAX ? 1 : MANAGERS_MAX)
  return managers.flatMap((name) => places.find((place) => place.name === name) ?? [])
}

/** By host: there is one daemon, whatever the number of networks. */
const daemons = new WeakMap<Host, SwarmDaemon>()

/** The daemon of a host as one network sees it. */
export function startSwarm(host: Host, network: NetworkSpec<DockerOverlayOptions>): Daemon {
  const known = daemons.get(host)
  const daemon = known ?? new SwarmDaemon(host, network)
  daemons.set(host, daemon)
  daemon.addNetwork(network)
  return daemon
}
