import type { Disk } from '../../../control/cluster/disk.ts'
import {
  type Carrier,
  type EntryData,
  Member,
  type MemberConfig,
} from '../../../control/cluster/member.ts'
import { PEER_PATH, PeerLink, type PeerWords } from '../../../control/cluster/peer-link.ts'
import { WordsWriter } from '../../../control/cluster/words.ts'
import type { Exchange, HttpRequest } from '../../../control/http/exchange.ts'
import { serveHttp } from '../../../control/http/server.ts'
import type { Program } from '../../../control/program/program.ts'
import type { SafetyMonitor } from '../../../control/raft/safety.ts'
import { etcdTiming } from '../../../control/raft/timing.ts'
import type { Message, Role } from '../../../control/raft/types.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Address, Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { type DockerOverlayOptions, dockerOverlayOptions } from '../options.ts'
import { Leader } from './leader.ts'
import { type Change, type Redirect, SWARM_PORT } from './records.ts'
import { SwarmStore } from './swarm-store.ts'

/** raft.go: a tick of a second, of which an election takes ten. */
const HEARTBEAT = SECOND
const ELECTION = 10 * SECOND
/** DefaultRaftConfig: entries between snapshots, and kept behind one. */
const SNAPSHOT_INTERVAL = 10_000
const SNAPSHOT_KEEP = 500
const MESSAGE_BYTES = 65_535
const INFLIGHT_MAX = 256
const ENTRY_BYTES = 512
const DIAL_TIMEOUT = 2 * SECOND
const COMMIT_TIMEOUT = 20 * SECOND
const INGRESS = 'ingress'
/** Until 18.06. */
const OLD_INGRESS: Ipv4Prefix = { base: (10 << 24) | (255 << 16), length: 16 }
const JSON_TYPE = [['Content-Type', 'application/json']] as const

export interface ManagerPlace {
  /** Of its host. */
  readonly name: string
  readonly address: Ipv4Address
}

export interface ManagerEnvironment {
  readonly self: ManagerPlace
  /** With itself, in the operator's order. */
  readonly managers: readonly ManagerPlace[]
  readonly disk: Disk
  readonly monitor: SafetyMonitor
  readonly options: Pick<DockerOverlayOptions, 'version' | 'ingress'>
}

/** What a node asks of the leader. */
interface Question {
  readonly node: string
  readonly name: string
  readonly isFresh: boolean
  readonly session: string
  readonly network: string
  readonly container: string
  readonly wanted: Ipv4Address | null
  readonly task: string
  readonly options: DockerOverlayOptions
}

/** The part of dockerd that manages a swarm: a member of the Raft group, and when elected its leader. */
export class Manager implements Carrier {
  readonly member: Member
  private readonly program: Program
  private readonly environment: ManagerEnvironment
  private readonly store: SwarmStore
  private readonly links = new Map<string, PeerLink>()
  private readonly writer = new WordsWriter()
  private leader: Leader | null = null

  constructor(program: Program, environment: ManagerEnvironment) {
    const { self, managers, disk, monitor } = environment
    this.program = program
    this.environment = environment
    this.store = new SwarmStore((change, previous) => this.leader?.changed(change, previous))
    for (const peer of managers) if (peer !== self) this.links.set(peer.name, this.linkTo(peer))
    const names = managers.map(({ name }) => name)
    this.member = new Member(program, configOf(self.name, names), disk, this, this.store, monitor)
    this.member.onRole = (role, term) => this.roleChanged(role, term)
    serveHttp(program, SWARM_PORT, (request, exchange) => this.serve(request, exchange))
    // `docker swarm init`: the first manager is a cluster of its own, until the others join.
    const { raft } = this.member
    if (self === managers[0] && raft.term === 0) {
      this.member.receive([{ type: 'timeoutNow', from: self.name, to: self.name, term: 0 }])
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.links.get(message.to)?.send(message)
  }

  forward(leader: string, data: EntryData): void {
    this.links.get(leader)?.propose(data)
  }

  private linkTo({ name, address }: ManagerPlace): PeerLink {
    const onUnreachable = (): void => this.member.peerLost(name)
    const place = { address, port: SWARM_PORT }
    return new PeerLink(this.program, place, DIAL_TIMEOUT, onUnreachable, this.writer)
  }

  private roleChanged(role: Role, term: number): void {
    this.leader?.end()
    this.leader = null
    if (role === 'leader') this.program.spawn(this.lead(term))
  }

  /** It leads when it has applied all that was committed before its term. */
  private *lead(term: number): Process {
    while (this.member.isLeader && this.member.raft.term === term) {
      if (yield* this.commit([])) break
    }
    if (!this.member.isLeader || this.member.raft.term !== term) return
    const { version, ingress } = this.environment.options
    const leader = new Leader(this.program, this.store, version, (changes) => this.commit(changes))
    this.leader = leader
    yield* leader.createNetwork(INGRESS, ingressOptions(version))
    // Every swarm begins with one.
    if (!ingress) yield* leader.removeNetwork(INGRESS)
  }

  private *commit(changes: readonly Change[]): Process<boolean> {
    const outcome = yield* this.member.propose({ changes }, COMMIT_TIMEOUT)
    return outcome.kind === 'applied'
  }

  private *serve(request: HttpRequest, exchange: Exchange): Process {
    if (request.target === PEER_PATH) {
      const { messages, proposals } = JSON.parse(request.text) as PeerWords
      this.member.receive(messages)
      for (const proposal of proposals) this.member.receiveForwarded(proposal)
      yield* exchange.reply(204)
      return
    }
    const { leader } = this
    if (leader === null) return yield* this.redirect(exchange)
    const question = JSON.parse(request.text) as Question
    if (request.target === '/session') {
      const { node, name, isFresh } = question
      return yield* leader.register(node, name, isFresh, exchange)
    }
    const { status, answer } = yield* this.answer(leader, request.target, question)
    yield* exchange.reply(status, JSON_TYPE, JSON.stringify(answer))
  }

  private *redirect(exchange: Exchange): Process {
    const redirect: Redirect = { leader: this.member.raft.leader }
    yield* exchange.reply(307, JSON_TYPE, JSON.stringify(redirect))
  }

  private *answer(
    leader: Leader,
    path: string,
    { node, session, network, container, wanted, task, options }: Question,
  ): Process<{ readonly status: number; readonly answer: object }> {
    switch (path) {
      case '/heartbeat': {
        const period = leader.dispatcher.heartbeat(node, session)
        return period === null ? NO_SESSION : { status: 200, answer: { period } }
      }
      case '/attach': {
        const found = this.store.network(network)
        if (found === null) return { status: 404, answer: {} }
        const id = yield* leader.attach(node, found.id, container, wanted)
        return id === null ? FAILED : { status: 200, answer: { task: id } }
      }
      case '/detach': {
        const isDone = yield* this.commit([{ kind: 'task-removed', id: task }])
        return isDone ? DONE : FAILED
      }
      case '/create-network': {
        const error = yield* leader.createNetwork(network, options)
        return error === null ? DONE : { status: 409, answer: { message: error } }
      }
      case '/remove-network': {
        const error = yield* leader.removeNetwork(network)
        return error === null ? DONE : { status: 409, answer: { message: error } }
      }
      case '/remove-node':
        return (yield* leader.removeNode(node)) ? DONE : FAILED
      default:
        return { status: 404, answer: {} }
    }
  }
}

const DONE = { status: 200, answer: {} }
const FAILED = { status: 503, answer: {} }
const NO_SESSION = { status: 410, answer: {} }

function configOf(id: string, peers: readonly string[]): MemberConfig {
  return {
    id,
    peers,
    timing: etcdTiming(HEARTBEAT, ELECTION),
    checkQuorum: true,
    preVote: false,
    maxEntries: Infinity,
    maxBytes: MESSAGE_BYTES,
    entryBytes: () => ENTRY_BYTES,
    maxInflight: INFLIGHT_MAX,
    snapshotEvery: SNAPSHOT_INTERVAL,
    snapshotKeep: SNAPSHOT_KEEP,
    waitsForDisk: true,
  }
}

function ingressOptions(version: DockerOverlayOptions['version']): DockerOverlayOptions {
  const options = dockerOverlayOptions.parse({})
  return version === '17.06' ? { ...options, subnet: OLD_INGRESS } : options
}
