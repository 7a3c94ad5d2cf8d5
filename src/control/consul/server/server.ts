import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { Disk } from '../../cluster/disk.ts'
import { type Carrier, type EntryData, Member, type StateMachine } from '../../cluster/member.ts'
import { PEER_PATH, PeerLink, type PeerWords } from '../../cluster/peer-link.ts'
import type { SerfEvent } from '../../gossip/serf/events.ts'
import type { Member as PoolMember } from '../../gossip/serf/members.ts'
import type { Serf } from '../../gossip/serf/serf.ts'
import type { Exchange, HttpRequest } from '../../http/exchange.ts'
import { serveHttp } from '../../http/server.ts'
import { Program } from '../../program/program.ts'
import type { SafetyMonitor } from '../../raft/safety.ts'
import type { Message, Role } from '../../raft/types.ts'
import { serveApi } from '../agent/api.ts'
import { type ConsulNode, startLan } from '../agent/lan-pool.ts'
import { PING_PATH, RPC_PATH, RpcPool } from '../agent/rpc.ts'
import type { ConsulCall } from '../http/call.ts'
import { ConsulService } from '../http/service.ts'
import { type ConsulSettings, DATACENTER, raftConfigOf, SERVER_PORT } from '../settings.ts'
import type { Command, StoreSnapshot } from '../store/commands.ts'
import { answerCall } from './calls.ts'
import { Leading } from './leading.ts'
import { Proposals } from './proposals.ts'

/** hashicorp/raft's transport, as Consul sets it up. */
const DIAL_TIMEOUT = 10 * SECOND
/** Messages by which a follower hears its leader (raft.setLastContact). */
const OF_LEADER: ReadonlySet<Message['type']> = new Set(['append', 'heartbeat', 'snapshot'])

/** What outlives a server's program, or is shared by all servers. */
export interface ServerEnvironment {
  readonly namespace: NetNamespace
  readonly settings: ConsulSettings
  readonly self: ConsulNode
  /** With itself. */
  readonly servers: readonly ConsulNode[]
  readonly disk: Disk
  readonly monitor: SafetyMonitor
  onRole(role: Role): void
}

/** One life of a server: from its start until its program ends. */
export class ConsulServer implements Carrier {
  readonly program: Program
  readonly environment: ServerEnvironment
  readonly service: ConsulService
  readonly member: Member
  readonly proposals: Proposals
  readonly leading: Leading
  /** For what is asked of the leader. */
  readonly pool: RpcPool
  /** When it last heard its leader; null = never since its start. */
  lastContact: number | null = null
  private readonly links = new Map<string, PeerLink>()
  private readonly lan: Serf | null
  private role: Role = 'follower'

  constructor(environment: ServerEnvironment) {
    const { namespace, settings, self, servers, disk, monitor } = environment
    const program = new Program(namespace, self.name)
    this.environment = environment
    this.program = program
    this.pool = new RpcPool(program)
    const { version } = settings
    this.service = new ConsulService({ now: () => program.now, random: program.random, version })
    const others = servers.filter((server) => server !== self)
    for (const other of others) this.links.set(other.name, this.linkTo(other))
    const names = servers.map(({ name }) => name)
    const config = { ...raftConfigOf(settings, self.name, names), waitsForDisk: false }
    this.leading = new Leading(this)
    this.member = new Member(program, config, disk, this, this.machine(), monitor)
    this.proposals = new Proposals(program, this.member)
    this.member.onRole = (role) => this.roleChanged(role)
    this.lan = startLan(program, self, 'consul', settings, others, (event) => this.onEvent(event))
    this.serve()
  }

  private serve(): void {
    const { program } = this
    const { self, settings } = this.environment
    const identity = { node: self.name, datacenter: DATACENTER, version: settings.version }
    const serves = [
      this.lan !== null,
      serveHttp(program, SERVER_PORT, (request, exchange) => this.serveRpc(request, exchange)),
      serveApi(program, identity, (call) => answerCall(this, call)),
    ]
    if (serves.every((isServed) => isServed)) return
    program.log.push('==> Error starting agent: bind: address already in use')
    program.kill()
  }

  /** The leader as it is known here. */
  get leader(): ConsulNode | null {
    const { leader } = this.member.raft
    return this.environment.servers.find(({ name }) => name === leader) ?? null
  }

  /** The LAN pool as this server sees it. */
  get poolMembers(): readonly PoolMember[] {
    return this.lan?.members ?? []
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.links.get(message.to)?.send(message)
  }

  /** hashicorp/raft hands nothing on: servers forward calls, not entries. */
  forward(_leader: string, { command }: EntryData): void {
    this.proposals.refuse(command)
  }

  private machine(): StateMachine {
    const { service } = this
    return {
      apply: (command, index) => {
        const result = service.apply(command as Command, index)
        this.leading.touch()
        return result
      },
      snapshot: () => service.store.snapshot(),
      restore: (data) => service.store.restore(data as StoreSnapshot),
    }
  }

  private linkTo({ name, address }: ConsulNode): PeerLink {
    return new PeerLink(this.program, { address, port: SERVER_PORT }, DIAL_TIMEOUT, () =>
      this.member.peerLost(name),
    )
  }

  private *serveRpc(request: HttpRequest, exchange: Exchange): Process {
    switch (request.target) {
      case PEER_PATH:
        this.receive(JSON.parse(request.text) as PeerWords)
        yield* exchange.reply(204)
        return
      case RPC_PATH: {
        const reply = yield* answerCall(this, JSON.parse(request.text) as ConsulCall)
        yield* exchange.reply(200, [['Content-Type', 'application/json']], JSON.stringify(reply))
        return
      }
      case PING_PATH:
        yield* exchange.reply(200)
        return
      default:
        yield* exchange.reply(404)
    }
  }

  private receive({ messages }: PeerWords): void {
    const { member, program } = this
    member.receive(messages)
    const { leader } = member.raft
    const isHeard = messages.some(({ type, from }) => OF_LEADER.has(type) && from === leader)
    if (isHeard) this.lastContact = program.now
  }

  private roleChanged(role: Role): void {
    if (this.role === 'leader') {
      this.leading.end()
      this.proposals.loseAll()
      // Else its data would seem older than its leadership (hashicorp/raft runLeader).
      this.lastContact = this.program.now
    }
    this.role = role
    if (role === 'leader') this.leading.begin()
    this.environment.onRole(role)
  }

  private onEvent(event: SerfEvent): void {
    if ('member' in event) this.leading.tell(event)
  }
}
