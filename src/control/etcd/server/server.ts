import type { Process } from '../../../sim/process.ts'
import { sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { Disk } from '../../cluster/disk.ts'
import { type Carrier, Member, type Outcome } from '../../cluster/member.ts'
import type { MemberParts } from '../../cluster/parts.ts'
import { PEER_PATH, PeerLink, type PeerWords } from '../../cluster/peer-link.ts'
import { WordsWriter } from '../../cluster/words.ts'
import { HttpClient } from '../../http/client.ts'
import type { Exchange, HttpRequest } from '../../http/exchange.ts'
import { serveHttp } from '../../http/server.ts'
import { Program } from '../../program/program.ts'
import type { SafetyMonitor } from '../../raft/safety.ts'
import type { Message, Role } from '../../raft/types.ts'
import {
  CLIENT_PORT,
  type EtcdSettings,
  LEADER_PATH,
  minimumTtl,
  PEER_PORT,
  raftConfigOf,
  requestTimeout,
} from '../settings.ts'
import { clusterVersionOf } from '../v2/cluster.ts'
import { clusterVersionSet, memberPublished } from '../v2/command.ts'
import { V2Service } from '../v2/service.ts'
import { V2Store } from '../v2/store.ts'
import { V3Service } from '../v3/service.ts'
import { clusterIdOf, decimalOf, type EtcdIdentity } from './identity.ts'
import { serveLeader } from './leader-calls.ts'
import { type EtcdCommand, EtcdMachine } from './machine.ts'
import { keepHouse } from './upkeep.ts'
import { serveV2 } from './v2-exchange.ts'
import { serveV3 } from './v3-exchange.ts'

/** peerDialTimeout: a second, and the election timeout. */
const DIAL_TIMEOUT = SECOND

/** What outlives a member's program, or is shared by all members. */
export interface EtcdEnvironment {
  readonly namespace: NetNamespace
  readonly settings: EtcdSettings
  readonly self: EtcdIdentity
  /** With itself. */
  readonly members: readonly EtcdIdentity[]
  readonly disk: Disk
  readonly parts: MemberParts
  readonly monitor: SafetyMonitor
  onRole(role: Role): void
}

/** One life of a member: from its start until its program ends. */
export class EtcdServer implements Carrier {
  readonly program: Program
  readonly member: Member
  readonly environment: EtcdEnvironment
  readonly v2Store: V2Store
  readonly v2: V2Service
  readonly v3: V3Service
  /** For what is asked of other members. */
  readonly http: HttpClient
  private readonly links = new Map<string, PeerLink>()
  private readonly writer = new WordsWriter()

  constructor(environment: EtcdEnvironment) {
    const { namespace, settings, self, members, disk, monitor, parts } = environment
    const program = new Program(namespace, self.name)
    const clusterId = clusterIdOf(members)
    this.environment = environment
    this.program = program
    this.http = new HttpClient(program)
    this.v2Store = new V2Store()
    this.v2 = new V2Service(this.v2Store, clusterId)
    this.v3 = new V3Service({
      clusterId: decimalOf(clusterId),
      memberId: self.decimalId,
      raft: () => this.raftStatus(),
      minLeaseTtlSeconds: minimumTtl(settings),
      nextLeaseId: () => this.nextLeaseId(),
      quotaBytes: settings.quota,
    })
    for (const peer of members) if (peer !== self) this.links.set(peer.name, this.linkTo(peer))
    const names = members.map(({ name }) => name)
    const config = { ...raftConfigOf(settings, self.name, names), waitsForDisk: true }
    const machine = new EtcdMachine(program, this.v2Store, this.v3, members)
    this.member = new Member(program, config, disk, this, machine, monitor, parts)
    this.member.onRole = (role) => this.roleChanged(role)
    serveHttp(program, PEER_PORT, (request, exchange) => this.servePeer(request, exchange))
    serveHttp(program, CLIENT_PORT, (request, exchange) => this.serveClient(request, exchange))
    program.spawn(keepHouse(this))
    program.spawn(this.publish())
  }

  get requestTimeout(): number {
    return requestTimeout(this.environment.settings)
  }

  /** Ends in order (SIGTERM). */
  stop(): void {
    this.program.spawn(this.handOverAndEnd())
  }

  private *handOverAndEnd(): Process {
    yield* this.member.handOver(this.environment.settings.election)
    this.program.kill()
  }

  /** The leader as it is known here. */
  get leader(): EtcdIdentity | null {
    const { leader } = this.member.raft
    return this.environment.members.find(({ name }) => name === leader) ?? null
  }

  /** Proposes a command and waits until it is applied. @param timeout default: that of requests. */
  propose<R>(command: EtcdCommand, timeout = this.requestTimeout): Process<Outcome<R>> {
    return this.member.propose<R>(command, timeout)
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.links.get(message.to)?.send(message)
  }

  forward(leader: string, data: PeerWords['proposals'][number]): void {
    this.links.get(leader)?.propose(data)
  }

  private linkTo({ name, address }: EtcdIdentity): PeerLink {
    const timeout = DIAL_TIMEOUT + this.environment.settings.election
    const onUnreachable = (): void => this.member.peerLost(name)
    const place = { address, port: PEER_PORT }
    return new PeerLink(this.program, place, timeout, onUnreachable, this.writer)
  }

  private *servePeer(request: HttpRequest, exchange: Exchange): Process {
    if (request.target === LEADER_PATH) return yield* serveLeader(this, request, exchange)
    if (request.target !== PEER_PATH) {
      yield* exchange.reply(404)
      return
    }
    const { messages, proposals } = JSON.parse(request.text) as PeerWords
    this.member.receive(messages)
    for (const proposal of proposals) this.member.receiveForwarded(proposal)
    yield* exchange.reply(204)
  }

  private serveClient(request: HttpRequest, exchange: Exchange): Process {
    const serve = this.v3.isV3(request.target) ? serveV3 : serveV2
    return serve(this, request, exchange)
  }

  private roleChanged(role: Role): void {
    const { lessor } = this.v3
    if (role === 'leader') lessor.promote(this.program.now, this.environment.settings.election)
    else lessor.demote()
    this.environment.onRole(role)
  }

  private raftStatus() {
    const { raft, applied } = this.member
    const { leader } = this
    return {
      term: raft.term,
      leader: leader?.decimalId ?? '0',
      committedIndex: raft.commit,
      appliedIndex: applied,
    }
  }

  /** A positive 63-bit number: the member's own and a draw, as its id generator makes them. */
  private nextLeaseId(): string {
    const high = BigInt(this.program.random.int32() >>> 1)
    return ((high << 32n) | BigInt(this.program.random.int32() >>> 0) | 1n).toString()
  }

  /** Tells the cluster of itself until it has heard (EtcdServer.publish), then agrees on a version. */
  private *publish(): Process {
    const { self, settings } = this.environment
    const command = memberPublished(self.id, self.name, [self.clientUrl])
    while ((yield* this.propose({ api: 2, command })).kind !== 'applied');
    while (clusterVersionOf(this.v2Store) === null) {
      if (this.member.isLeader) {
        yield* this.propose({ api: 2, command: clusterVersionSet(`${settings.version}.0`) })
      } else yield* sleep(SECOND)
    }
  }
}
