import { Condition } from '../../../control/program/condition.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../../contract.ts'
import { freeDevice, removeDevice } from '../gateway-bridge.ts'
import type { DockerOverlayOptions } from '../options.ts'
import { Agent, type AgentListener, type Attachment } from './agent.ts'
import { Manager, type ManagerPlace } from './manager.ts'
import { ManagerClient } from './manager-client.ts'
import type { SwarmKey, SwarmNetwork } from './records.ts'
import { destroyNamespace, SwarmDriver } from './swarm-driver.ts'
import { monitorOf, type RunningAttachment, type SwarmState } from './swarm-state.ts'

const ERROR = 'docker: Error response from daemon: '
/** Until the network has been made, its first containers are started again and again. */
const START_RETRY = 500 * MILLISECOND
const START_PATIENCE = 60 * SECOND
const CREATE_TIMEOUT = 20 * SECOND
/** What else there is to end; gossip goes on meanwhile. */
const SHUTDOWN = SECOND

/** dockerd in swarm mode, from a start to its end. */
export class SwarmEngine implements AgentListener {
  readonly program: Program
  private readonly state: SwarmState
  private readonly managers: readonly ManagerPlace[]
  private readonly client: ManagerClient
  private readonly agent: Agent
  private readonly driver: SwarmDriver
  private readonly options: DockerOverlayOptions
  private readonly seen = new Set<string>()
  private readonly patience: number
  private readonly ready: Condition
  private isReady = false

  constructor(
    program: Program,
    state: SwarmState,
    managers: readonly ManagerPlace[],
    options: DockerOverlayOptions,
  ) {
    this.program = program
    this.state = state
    this.managers = managers
    this.options = options
    this.client = new ManagerClient(program, managers)
    this.agent = new Agent(program, state.node, state.host.name, this.client, this)
    this.driver = new SwarmDriver(program, state.host, options)
    this.patience = program.now + START_PATIENCE
    this.ready = new Condition(program)
    program.ended.wait(program.simulator, () => this.ended())
  }

  private ended(): void {
    const { driver, state } = this
    state.leftOver = [...state.leftOver, ...driver.active]
    state.leftBalancers = [...state.leftBalancers, ...driver.balancerNamespaces]
    state.disk.programEnded()
    state.locks.forget()
  }

  /** Starts; what an earlier life has left is cleared away first. */
  *start(): Process {
    const { managers, options, program, state } = this
    this.cleanUp()
    const self = managers.find(({ name }) => name === state.host.name)
    if (self !== undefined) {
      const monitor = monitorOf(program.simulator)
      new Manager(program, { self, managers, disk: state.disk, monitor, options })
    }
    program.spawn(this.driver.start(managers))
    program.spawn(this.agent.run())
    this.isReady = true
    this.ready.notify()
  }

  /** Containers whose daemon was killed are killed now. */
  private cleanUp(): void {
    const { state } = this
    for (const { container, device } of state.running) {
      removeDevice(container.namespace, device)
      state.gatewayBridge.detach(container)
    }
    for (const sandbox of state.leftOver) sandbox.destroy()
    for (const namespace of state.leftBalancers) destroyNamespace(state.host, namespace)
    state.running = []
    state.leftOver = []
    state.leftBalancers = []
  }

  *network(network: SwarmNetwork, balancer: Ipv4Address | null): Process {
    yield* this.driver.createNetwork(network, balancer)
  }

  networkRemoved(network: string): void {
    this.driver.removeNetwork(network)
  }

  keys(keys: readonly SwarmKey[]): void {
    this.driver.keys(keys)
  }

  /** `docker network create -d overlay --attachable`, typed at a manager. @returns what it says. */
  *createNetwork(name: string, options: DockerOverlayOptions): Process<string | null | 'again'> {
    const question = { network: name, options }
    const answer = yield* this.client.ask('/create-network', question, CREATE_TIMEOUT)
    if (answer === null) return 'again'
    return answer.status === 200 ? null : (JSON.parse(answer.text) as { message: string }).message
  }

  /** `docker run --network`. */
  *run(container: ContainerSpec, options: DockerOverlayOptions): Process<Endpoint | AttachError> {
    return yield* this.state.locks.alone(container, this.runAlone(container, options))
  }

  private *runAlone(
    container: ContainerSpec,
    options: DockerOverlayOptions,
  ): Process<Endpoint | AttachError> {
    while (!this.isReady) yield* this.ready.wait()
    const attachment = yield* this.awaitAttachment(container)
    if (typeof attachment === 'string') return new AttachError(ERROR + attachment)
    const joined = yield* this.join(attachment, container, options)
    if (joined instanceof AttachError) yield* this.agent.detach(attachment.task)
    return joined
  }

  /** A network that has never been seen may still have to be made. */
  private *awaitAttachment(container: ContainerSpec): Process<Attachment | string> {
    const { name, network, address } = container
    for (;;) {
      const attachment = yield* this.agent.attach(network, name, address)
      if (attachment !== 'not found') {
        if (typeof attachment !== 'string') this.seen.add(network)
        return attachment
      }
      if (this.seen.has(network) || this.program.now > this.patience) {
        return `network ${network} not found.`
      }
      yield* sleep(START_RETRY)
    }
  }

  private *join(
    { network, address, task }: Attachment,
    container: ContainerSpec,
    options: DockerOverlayOptions,
  ): Process<Endpoint | AttachError> {
    const { state } = this
    const { namespace } = container
    const isTaken = namespace.device(container.device) !== undefined
    const device = isTaken ? freeDevice(container, 0) : container.device
    const joined = yield* this.driver.join(network, { ...container, device }, address)
    if (joined instanceof AttachError) return joined
    const entry = { container, local: joined.local, device, task }
    state.add(entry)
    const failure = state.gatewayBridge.open(container, network.isInternal, options.publish)
    if (failure === null) return joined.endpoint
    this.leave(entry)
    return failure
  }

  /** `docker rm -f`. */
  *remove(entry: RunningAttachment): Process {
    yield* this.state.locks.alone(entry.container, this.removeAlone(entry))
  }

  private *removeAlone(entry: RunningAttachment): Process {
    this.leave(entry)
    yield* this.agent.detach(entry.task)
  }

  /** The host's part. */
  private leave(entry: RunningAttachment): void {
    const { container, device, local } = entry
    const { state } = this
    removeDevice(container.namespace, device)
    this.driver.leave(local)
    state.remove(entry)
    const needsGateway = state.running.some(
      (other) =>
        other.container.namespace === container.namespace && !other.local.network.isInternal,
    )
    if (!needsGateway) state.gatewayBridge.detach(container)
  }

  /** SIGTERM: containers end, and what they had is given back; the others find the node failed. */
  *shutDown(): Process {
    const { state } = this
    state.interrupted = state.running
    for (const entry of state.running) this.program.spawn(this.remove(entry))
    yield* sleep(SHUTDOWN)
    this.program.kill()
  }

  /** `docker swarm leave`, and `docker node rm` at a manager. */
  *leaveSwarm(): Process {
    yield* this.driver.leaveCluster()
    yield* this.client.ask('/remove-node', { node: this.state.node }, CREATE_TIMEOUT)
    this.program.kill()
  }
}
