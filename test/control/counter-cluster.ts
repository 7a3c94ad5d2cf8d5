import { Disk } from '../../src/control/cluster/disk.ts'
import {
  type Carrier,
  type EntryData,
  Member,
  type StateMachine,
} from '../../src/control/cluster/member.ts'
import { PeerLink, type PeerWords } from '../../src/control/cluster/peer-link.ts'
import { raftConfigOf } from '../../src/control/etcd/settings.ts'
import { serveHttp } from '../../src/control/http/server.ts'
import { Program } from '../../src/control/program/program.ts'
import { SafetyMonitor } from '../../src/control/raft/safety.ts'
import type { Message } from '../../src/control/raft/types.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch, type HostsOptions } from './hosts-on-switch.ts'

const PORT = 2380

/** Numbers that were added, in order. */
class Log implements StateMachine {
  entries: number[] = []

  apply(command: unknown): number {
    this.entries.push(command as number)
    return this.entries.length
  }

  snapshot(): number[] {
    return this.entries.slice()
  }

  restore(data: unknown): void {
    this.entries = (data as number[]).slice()
  }
}

/** A member with a log of numbers, and its life on a host. */
export class LogMember implements Carrier {
  readonly name: string
  readonly disk = new Disk()
  readonly log = new Log()
  program!: Program
  member!: Member
  private links = new Map<string, PeerLink>()
  private readonly cluster: LogCluster
  private readonly number: number

  constructor(cluster: LogCluster, number: number) {
    this.cluster = cluster
    this.number = number
    this.name = `m${number}`
  }

  start(): void {
    const { bench, size, monitor, snapshotCount } = this.cluster
    const program = new Program(bench.host(this.number).root, this.name)
    this.program = program
    this.log.entries = []
    this.links = new Map()
    const names: string[] = []
    for (let number = 1; number <= size; number++) {
      const name = `m${number}`
      names.push(name)
      if (number === this.number) continue
      const address = { address: bench.address(number), port: PORT }
      this.links.set(name, new PeerLink(program, address, SECOND, () => this.member.peerLost(name)))
    }
    const settings = {
      version: '3.4',
      heartbeat: 100 * MILLISECOND,
      election: SECOND,
      preVote: false,
    }
    const raft = raftConfigOf({ ...settings, snapshotCount, quota: 0 }, this.name, names)
    const config = { ...raft, waitsForDisk: true }
    this.member = new Member(program, config, this.disk, this, this.log, monitor)
    serveHttp(program, PORT, (request, exchange) => this.receive(request.text, exchange))
  }

  private *receive(text: string, exchange: Parameters<Parameters<typeof serveHttp>[2]>[1]) {
    const { messages, proposals } = JSON.parse(text) as PeerWords
    this.member.receive(messages)
    for (const proposal of proposals) this.member.receiveForwarded(proposal)
    yield* exchange.reply(204)
  }

  crash(): void {
    this.program.kill()
    this.disk.programEnded()
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.links.get(message.to)!.send(message)
  }

  forward(leader: string, data: EntryData): void {
    this.links.get(leader)!.propose(data)
  }
}

/** Members that agree on a log of numbers, over simulated hosts. */
export class LogCluster {
  readonly bench: HostsOnSwitch
  readonly monitor = new SafetyMonitor()
  readonly members: readonly LogMember[]
  readonly size: number
  readonly snapshotCount: number

  constructor(size: number, options: HostsOptions & { readonly snapshotCount?: number } = {}) {
    this.size = size
    this.snapshotCount = options.snapshotCount ?? 100_000
    this.bench = new HostsOnSwitch(size, options)
    this.members = Array.from({ length: size }, (_, i) => new LogMember(this, i + 1))
    for (const member of this.members) member.start()
  }

  get leader(): LogMember | undefined {
    return this.members.find(({ program, member }) => program.isRunning && member.isLeader)
  }

  member(number: number): LogMember {
    return this.members[number - 1]!
  }
}
