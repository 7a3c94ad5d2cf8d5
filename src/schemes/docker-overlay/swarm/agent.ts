import type { HttpStream } from '../../../control/http/http-stream.ts'
import { Condition } from '../../../control/program/condition.ts'
import { Deferred } from '../../../control/program/deferred.ts'
import type { Fibre, Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import type { ManagerClient } from './manager-client.ts'
import type { Assignments, SwarmKey, SwarmNetwork, SwarmTask } from './records.ts'

/** session.go: between sessions, from the first to the last, doubled each time. */
const BACKOFF_FIRST = 100 * MILLISECOND
const BACKOFF_MAX = 8 * SECOND
/** swarmRequestTimeout of the engine's requests. */
const REQUEST_TIMEOUT = 20 * SECOND
const HEARTBEAT_TIMEOUT = 5 * SECOND
/** Until the answer to the first heartbeat says when the next is due. */
const HEARTBEAT_FIRST = 5 * SECOND

/** What a node does with what it is assigned. */
export interface AgentListener {
  /** A network is needed, with the address of its load balancer here. */
  network(network: SwarmNetwork, balancer: Ipv4Address | null): Process
  networkRemoved(network: string): void
  keys(keys: readonly SwarmKey[]): void
}

/** A network with the place on it that a container was given. */
export interface Attachment {
  readonly task: string
  readonly network: SwarmNetwork
  readonly address: Ipv4Address
}

/** A node's agent: it keeps a session with the leader of the managers, and asks for attachments. */
export class Agent {
  private readonly program: Program
  private readonly node: string
  private readonly hostName: string
  private readonly managers: ManagerClient
  private readonly listener: AgentListener
  private readonly networks = new Map<string, SwarmNetwork>()
  private readonly tasks = new Map<string, SwarmTask>()
  private readonly waiting = new Map<string, Deferred<Attachment>>()
  private readonly registered: Condition
  private isFresh = true
  private backoff = BACKOFF_FIRST
  hasSession = false

  constructor(
    program: Program,
    node: string,
    hostName: string,
    managers: ManagerClient,
    listener: AgentListener,
  ) {
    this.program = program
    this.node = node
    this.hostName = hostName
    this.managers = managers
    this.listener = listener
    this.registered = new Condition(program)
  }

  /** Runs for ever: when a session ends it begins another. */
  *run(): Process {
    for (;;) {
      const { node, isFresh } = this
      const stream = yield* this.managers.stream('/session', {
        ...{ node, name: this.hostName, isFresh },
      })
      if (stream !== null) yield* this.follow(stream)
      yield* sleep(Math.round(this.backoff * (0.5 + this.program.random.next() / 2)))
      this.backoff = Math.min(2 * this.backoff, BACKOFF_MAX)
    }
  }

  /** One session, until it breaks. */
  private *follow(stream: HttpStream): Process {
    const first = yield* stream.nextLine(HEARTBEAT_TIMEOUT)
    if (first === null) return stream.cancel()
    const { session } = JSON.parse(first) as { session: string }
    this.isFresh = false
    const heartbeats: Fibre<void> = this.program.spawn(this.heartbeats(session, stream))
    for (;;) {
      const line = yield* stream.nextLine()
      if (line === null || line === '') break
      yield* this.take(JSON.parse(line) as Assignments)
      this.backoff = BACKOFF_FIRST
      this.hasSession = true
      this.registered.notify()
    }
    this.hasSession = false
    heartbeats.cancel()
    this.managers.forgetLeader()
  }

  /** A heartbeat that fails ends the session. */
  private *heartbeats(session: string, stream: HttpStream): Process {
    let period = HEARTBEAT_FIRST
    for (;;) {
      yield* sleep(period)
      const question = { node: this.node, session }
      const answer = yield* this.managers.ask('/heartbeat', question, HEARTBEAT_TIMEOUT)
      if (answer?.status !== 200) break
      period = (JSON.parse(answer.text) as { period: number }).period
    }
    this.program.log.push('agent: session failed: heartbeat failure')
    stream.cancel()
    this.registered.notify()
  }

  private *take(assignments: Assignments): Process {
    const { keys, networks, balancers, tasks, removedTasks, removedNetworks } = assignments
    if (keys !== null) this.listener.keys(keys)
    if (assignments.isFull) this.dropOthers(assignments)
    for (const network of networks) {
      this.networks.set(network.id, network)
      const balancer = balancers.find((each) => each.network === network.id)
      yield* this.listener.network(network, balancer?.address ?? null)
    }
    for (const task of tasks) this.assigned(task)
    for (const id of removedTasks) this.tasks.delete(id)
    for (const id of removedNetworks) this.removeNetwork(id)
  }

  /** What was taken away while there was no session. */
  private dropOthers({ networks, tasks }: Assignments): void {
    for (const id of [...this.tasks.keys()]) {
      if (!tasks.some((task) => task.id === id)) this.tasks.delete(id)
    }
    for (const id of [...this.networks.keys()]) {
      if (!networks.some((network) => network.id === id)) this.removeNetwork(id)
    }
  }

  private removeNetwork(id: string): void {
    this.networks.delete(id)
    this.listener.networkRemoved(id)
  }

  private assigned(task: SwarmTask): void {
    this.tasks.set(task.id, task)
    const waiting = this.waiting.get(task.id)
    if (waiting !== undefined) this.settle(task, waiting)
  }

  private settle({ id, network: of, address }: SwarmTask, waiting: Deferred<Attachment>): void {
    const network = this.networks.get(of)
    if (network === undefined || address === null) return
    waiting.settle({ task: id, network, address })
  }

  /** Asks for a place on a network for a container. @returns what is said when there is none. */
  *attach(
    network: string,
    container: string,
    wanted: Ipv4Address | null,
  ): Process<Attachment | 'not found' | string> {
    const end = this.program.now + REQUEST_TIMEOUT
    // Before its first session a node is in no swarm.
    while (!this.hasSession && this.program.now < end) {
      yield* this.registered.wait(end - this.program.now)
    }
    const question = { node: this.node, network, container, wanted }
    const answer = yield* this.managers.ask('/attach', question, end - this.program.now)
    if (answer === null) {
      return `Could not attach to network ${network}: rpc error: code = DeadlineExceeded desc = context deadline exceeded`
    }
    if (answer.status === 404) return 'not found'
    const { task } = JSON.parse(answer.text) as { task: string }
    const attachment = yield* this.await(task, end)
    if (attachment !== null) return attachment
    yield* this.detach(task)
    return (
      'attaching to network failed, make sure your network options are correct and check manager ' +
      'logs: context deadline exceeded'
    )
  }

  private *await(task: string, end: number): Process<Attachment | null> {
    const waiting = new Deferred<Attachment>(this.program)
    const known = this.tasks.get(task)
    if (known !== undefined) this.settle(known, waiting)
    this.waiting.set(task, waiting)
    const attachment = yield* waiting.wait(Math.max(0, end - this.program.now))
    this.waiting.delete(task)
    return attachment
  }

  /** Gives a place back. Without managers it stays taken. */
  *detach(task: string): Process<boolean> {
    const answer = yield* this.managers.ask('/detach', { task }, REQUEST_TIMEOUT)
    if (answer?.status === 200) return true
    this.program.log.push(`failed to detach from network: task ${task}: context deadline exceeded`)
    return false
  }
}
