import { Condition } from '../../control/program/condition.ts'
import { Program } from '../../control/program/program.ts'
import { type Process, Signal, sleep } from '../../sim/process.ts'
import { MILLISECOND } from '../../sim/units.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkMember,
  type NetworkSpec,
} from '../contract.ts'
import type { ConnectedContainer, HostState } from './host-state.ts'
import type { DockerOverlayOptions } from './options.ts'

const NOT_RUNNING =
  'docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?'
/** An operator whose command has failed for want of the store, or of a leader, types it again. */
const OPERATOR_RETRY = 500 * MILLISECOND

/** What a command of a user's says when it fails. */
export interface CommandError {
  readonly text: string
  /** Nobody answered: the same may succeed later. */
  readonly isPassing: boolean
}

/** dockerd from a start to its end. */
export interface EngineLife<Entry> {
  readonly program: Program
  /** Starts; what an earlier life has left is cleared away first. */
  start(): Process
  /** `docker run --network`; of a container only one at a time. */
  run(container: ContainerSpec, options: DockerOverlayOptions): Process<Endpoint | AttachError>
  /** `docker rm -f`, of one network. */
  remove(entry: Entry): Process
  createNetwork(name: string, options: DockerOverlayOptions): Process<CommandError | null>
  removeNetwork(name: string): Process<CommandError | null>
  /** SIGTERM. */
  shutDown(): Process
}

/** What the daemon's mode decides. */
export interface EngineMode<Entry extends ConnectedContainer> {
  readonly state: HostState<Entry>
  launch(program: Program): EngineLife<Entry>
  /** Whether the operator makes a network of these members here; the other hosts come to hear of it. */
  isCreator(members: readonly NetworkMember[]): boolean
  /** Whether a container that ran may be started again by a daemon that starts. */
  isRestartable(entry: Entry): boolean
  /** How the host goes for good; null = it stays, for other networks. */
  leave(engine: EngineLife<Entry>): Process | null
}

interface PlannedNetwork {
  readonly name: string
  readonly options: DockerOverlayOptions
}

/** dockerd on one host, for all networks of the scheme: the program and its starts, and what outlives them. */
export class EngineDaemon<Entry extends ConnectedContainer> implements Daemon {
  private readonly mode: EngineMode<Entry>
  private readonly state: HostState<Entry>
  private readonly past: string[] = []
  private readonly options = new Map<string, DockerOverlayOptions>()
  /** Networks that the operator makes at this host. */
  private planned: readonly PlannedNetwork[] = []
  private added: Condition | null = null
  private engine: EngineLife<Entry> | null = null
  private isWanted = false
  /** Of the host, when the daemon started. */
  private boots = 0

  constructor(mode: EngineMode<Entry>) {
    this.mode = mode
    this.state = mode.state
    this.start()
  }

  get log(): readonly string[] {
    return this.engine === null ? this.past : [...this.past, ...this.engine.program.log]
  }

  addNetwork({ name, options, members }: NetworkSpec<DockerOverlayOptions>): void {
    this.options.set(name, options)
    if (!this.mode.isCreator(members)) return
    this.planned = [...this.planned, { name, options }]
    this.added?.notify()
  }

  start(): void {
    this.isWanted = true
    if (this.engine === null) this.launch()
  }

  private launch(): void {
    const { host, gatewayBridge } = this.state
    const hasRebooted = host.boots !== this.boots
    this.boots = host.boots
    if (hasRebooted) gatewayBridge.forget()
    const program = new Program(host.root, 'dockerd')
    const engine = this.mode.launch(program)
    this.engine = engine
    program.ended.wait(program.simulator, () => this.ended(program))
    program.spawn(this.run(engine, hasRebooted))
  }

  /** @param hasRebooted its containers are started by others. */
  private *run(engine: EngineLife<Entry>, hasRebooted: boolean): Process {
    const { mode, state } = this
    const before = hasRebooted ? [] : [...state.interrupted, ...state.running]
    const ended = before.filter((entry) => mode.isRestartable(entry))
    state.interrupted = []
    yield* engine.start()
    for (const { container } of ended) {
      const { restart } = this.options.get(container.network)!
      if (restart === 'always') engine.program.spawn(this.runAlone(engine, container))
    }
    this.added = new Condition(engine.program)
    for (;;) {
      yield* this.createPlanned(engine)
      yield* this.added.wait()
    }
  }

  private runAlone(
    engine: EngineLife<Entry>,
    container: ContainerSpec,
  ): Process<Endpoint | AttachError> {
    const options = this.options.get(container.network)!
    return this.state.locks.alone(container, engine.run(container, options))
  }

  private *createPlanned(engine: EngineLife<Entry>): Process {
    while (this.planned.length > 0) {
      const { name, options } = this.planned[0]!
      const error = yield* engine.createNetwork(name, options)
      if (error !== null) engine.program.log.push(`network create ${name}: ${error.text}`)
      if (error?.isPassing) yield* sleep(OPERATOR_RETRY)
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

  *leave(): Process<void> {
    const { engine } = this
    if (engine === null) {
      this.isWanted = false
      return
    }
    const leaving = this.mode.leave(engine)
    if (leaving === null) return
    this.isWanted = false
    engine.program.spawn(leaving)
    yield* engine.program.ended.receive()
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const { engine } = this
    const refusal = new AttachError(NOT_RUNNING)
    if (engine === null || !this.isWanted) return refusal
    return yield* this.within(engine, this.runAlone(engine, container), refusal)
  }

  *detach({ network, namespace }: Endpoint): Process<void> {
    const { engine } = this
    const entry = this.state.find(network, namespace)
    if (engine === null || entry === null) return
    yield* this.within(engine, engine.remove(entry), undefined)
  }

  *removeNetwork(network: string): Process<string | null> {
    return yield* this.command('rm', network, (engine) => engine.removeNetwork(network))
  }

  *createNetwork(network: string): Process<string | null> {
    const options = this.options.get(network)!
    const work = (engine: EngineLife<Entry>) => engine.createNetwork(network, options)
    return yield* this.command('create', network, work)
  }

  private *command(
    verb: string,
    network: string,
    work: (engine: EngineLife<Entry>) => Process<CommandError | null>,
  ): Process<string | null> {
    const { engine } = this
    const refusal: CommandError = { text: NOT_RUNNING, isPassing: true }
    const isUp = engine !== null && this.isWanted
    const error = isUp ? yield* this.within(engine, work(engine), refusal) : refusal
    if (error === null) return null
    const log = this.engine?.program.log ?? this.past
    log.push(`network ${verb} ${network}: ${error.text}`)
    return error.text
  }

  /** Does the daemon's work on its thread. @param otherwise what comes of it when the daemon ends. */
  private *within<T>({ program }: EngineLife<Entry>, work: Process<T>, otherwise: T): Process<T> {
    const { simulator } = program
    const result = new Signal<T>()
    program.spawn(work).done.wait(simulator, (value) => result.settle(value as T))
    program.ended.wait(simulator, () => result.settle(otherwise))
    return yield* result.receive()
  }
}
