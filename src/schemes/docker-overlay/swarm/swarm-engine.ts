import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../../contract.ts'
import type { CommandError, EngineLife } from '../engine-daemon.ts'
import { NetworkPatience } from '../network-patience.ts'
import type { DockerOverlayOptions } from '../options.ts'
import { Agent, type AgentListener, type Attachment } from './agent.ts'
import { Manager, type ManagerPlace } from './manager.ts'
import { ManagerClient } from './manager-client.ts'
import type { SwarmKey, SwarmNetwork } from './records.ts'
import { destroyNamespace, SwarmDriver } from './swarm-driver.ts'
import { monitorOf, type RunningAttachment, type SwarmState } from './swarm-state.ts'

const ERROR = 'docker: Error response from daemon: '
/** swarmRequestTimeout. */
const COMMAND_TIMEOUT = 20 * SECOND
const NO_LEADER: CommandError = {
  text: 'rpc error: code = DeadlineExceeded desc = context deadline exceeded',
  isPassing: true,
}
const NO_MANAGER: CommandError = {
  text:
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. " +
    'Please run this command on a manager node or promote the current node to a manager.',
  isPassing: false,
}
/** What else there is to end; gossip goes on meanwhile. */
const SHUTDOWN = SECOND

/** dockerd in swarm mode, from a start to its end. */
export class SwarmEngine implements EngineLife<RunningAttachment>, AgentListener {
  readonly program: Program
  private readonly state: SwarmState
  private readonly managers: readonly ManagerPlace[]
  private readonly client: ManagerClient
  private readonly agent: Agent
  private readonly driver: SwarmDriver
  private readonly options: DockerOverlayOptions
  private readonly patience: NetworkPatience

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
    this.patience = new NetworkPatience(program)
    program.ended.wait(program.simulator, () => this.ended())
  }

  private ended(): void {
    const { driver, state } = this
    state.leftOver = [...state.leftOver, ...driver.active]
    state.leftBalancers = [...state.leftBalancers, ...driver.balancerNamespaces]
    state.disk.programEnded()
    state.locks.forget()
  }

  *start(): Process {
    const { managers, options, program, state } = this
    this.cleanUp()
    const { self } = this
    if (self !== undefined) {
      const monitor = monitorOf(program.simulator)
      new Manager(program, { self, managers, disk: state.disk, monitor, options })
    }
    program.spawn(this.driver.start(managers))
    program.spawn(this.agent.run())
    this.patience.setReady()
  }

  private get self(): ManagerPlace | undefined {
    return this.managers.find(({ name }) => name === this.state.host.name)
  }

  /** Containers whose daemon was killed are killed now. */
  private cleanUp(): void {
    const { state } = this
    state.endLeftOver()
    for (const namespace of state.leftBalancers) destroyNamespace(state.host, namespace)
    state.running = []
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

  *createNetwork(name: string, options: DockerOverlayOptions): Process<CommandError | null> {
    return yield* this.command('/create-network', { network: name, options })
  }

  *removeNetwork(name: string): Process<CommandError | null> {
    return yield* this.command('/remove-network', { network: name })
  }

  /** Only a manager takes commands. */
  private *command(path: string, question: object): Process<CommandError | null> {
    if (this.self === undefined) return NO_MANAGER
    const answer = yield* this.client.ask(path, question, COMMAND_TIMEOUT)
    if (answer === null) return NO_LEADER
    if (answer.status === 200) return null
    const { message: text } = JSON.parse(answer.text) as { message: string }
    return { text, isPassing: false }
  }

  *run(container: ContainerSpec, options: DockerOverlayOptions): Process<Endpoint | AttachError> {
    yield* this.patience.whenReady()
    const attachment = yield* this.awaitAttachment(container)
    if (typeof attachment === 'string') return new AttachError(ERROR + attachment)
    this.state.keepNetworkId(container, attachment.network.id)
    const joined = yield* this.join(attachment, container, options)
    if (joined instanceof AttachError) yield* this.agent.detach(attachment.task)
    return joined
  }

  private *awaitAttachment(container: ContainerSpec): Process<Attachment | string> {
    const { name, network, address } = container
    const wanted = this.state.networkOf(container)
    const { agent, patience } = this
    const attachment = yield* patience.find(network, function* () {
      const found = yield* agent.attach(wanted, name, address)
      if (typeof found !== 'string') patience.saw(network)
      return found === 'not found' ? null : found
    })
    return attachment ?? `network ${wanted} not found.`
  }

  private *join(
    { network, address, task }: Attachment,
    container: ContainerSpec,
    options: DockerOverlayOptions,
  ): Process<Endpoint | AttachError> {
    const { state } = this
    const joined = yield* this.driver.join(network, state.withDevice(container), address)
    if (joined instanceof AttachError) return joined
    const { isInternal } = network
    const { endpoint, local } = joined
    const entry = { container, device: endpoint.device, isInternal, local, task }
    state.add(entry)
    const failure = state.gatewayBridge.open(container, isInternal, options.publish)
    if (failure === null) return endpoint
    this.leave(entry)
    return failure
  }

  *remove(entry: RunningAttachment): Process {
    yield* this.state.locks.alone(entry.container, this.removeAlone(entry))
  }

  private *removeAlone(entry: RunningAttachment): Process {
    this.leave(entry)
    yield* this.agent.detach(entry.task)
  }

  /** The host's part. */
  private leave(entry: RunningAttachment): void {
    this.state.disconnect(entry)
    this.driver.leave(entry.local)
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
    yield* this.client.ask('/remove-node', { node: this.state.node }, COMMAND_TIMEOUT)
    this.program.kill()
  }
}
