import type { Host } from '../../host/host.ts'
import { Disk } from '../cluster/disk.ts'
import { Leadership } from '../cluster/leadership.ts'
import { type MemberParts, SOUND_PARTS } from '../cluster/parts.ts'
import type {
  MemberStatus,
  StoreAddress,
  StoreCluster,
  StoredKey,
  StoreMember,
} from '../cluster/store.ts'
import { SafetyMonitor } from '../raft/safety.ts'
import { type EtcdIdentity, identityOf } from './server/identity.ts'
import { EtcdServer } from './server/server.ts'
import { storedKeys } from './server/stored-keys.ts'
import { CLIENT_PORT, type EtcdSettings, PEER_PORT } from './settings.ts'

/** A member by its name and the host that it runs on. */
export interface MemberPlace {
  readonly name: string
  readonly host: Host
}

/** An etcd cluster with a fixed membership; none of its members runs yet. */
export class EtcdCluster implements StoreCluster {
  readonly kind = 'etcd'
  readonly ports = { clients: [CLIENT_PORT], peers: [PEER_PORT], gossip: [] }
  readonly members: readonly EtcdMember[]
  readonly monitor = new SafetyMonitor()
  readonly leadership: Leadership
  readonly version: string
  private readonly addresses: readonly StoreAddress[]

  /** @param fsync picoseconds that a flush to a member's disk takes. */
  constructor(
    places: readonly MemberPlace[],
    settings: EtcdSettings,
    fsync?: number,
    parts = SOUND_PARTS,
  ) {
    const identities = places.map(({ name, host }) => identityOf(name, host.address))
    this.version = settings.version
    this.leadership = new Leadership(places[0]!.host.kernel.simulator)
    this.addresses = identities.map(({ address }) => ({ address, port: CLIENT_PORT }))
    this.members = places.map(
      ({ host }, i) =>
        new EtcdMember(this, host, settings, identities[i]!, identities, fsync, parts),
    )
  }

  get violations(): readonly string[] {
    return this.monitor.violations
  }

  addressesFor(): readonly StoreAddress[] {
    return this.addresses
  }

  start(): void {
    for (const member of this.members) member.start()
  }
}

/** One member: its host and disk, and the program while it runs. */
export class EtcdMember implements StoreMember {
  readonly host: Host
  readonly disk: Disk
  private readonly pastLog: string[] = []
  private readonly cluster: EtcdCluster
  private readonly settings: EtcdSettings
  private readonly self: EtcdIdentity
  private readonly identities: readonly EtcdIdentity[]
  private readonly parts: MemberParts
  private server: EtcdServer | null = null

  constructor(
    cluster: EtcdCluster,
    host: Host,
    settings: EtcdSettings,
    self: EtcdIdentity,
    identities: readonly EtcdIdentity[],
    fsync: number | undefined,
    parts: MemberParts,
  ) {
    this.cluster = cluster
    this.host = host
    this.settings = settings
    this.self = self
    this.identities = identities
    this.parts = parts
    this.disk = new Disk(fsync, parts)
  }

  get name(): string {
    return this.self.name
  }

  get isRunning(): boolean {
    return this.server !== null
  }

  get log(): readonly string[] {
    return [...this.pastLog, ...(this.server?.program.log ?? [])]
  }

  start(): void {
    if (this.server !== null) return
    const server = new EtcdServer({
      namespace: this.host.root,
      settings: this.settings,
      self: this.self,
      members: this.identities,
      disk: this.disk,
      parts: this.parts,
      monitor: this.cluster.monitor,
      onRole: (role) => this.cluster.leadership.note(this.name, role),
    })
    this.server = server
    server.program.ended.wait(server.program.simulator, () => this.ended(server))
  }

  private ended(server: EtcdServer): void {
    this.pastLog.push(...server.program.log)
    this.disk.programEnded()
    this.server = null
    this.cluster.leadership.note(this.name, null)
  }

  /** A leader hands its office over first (EtcdServer.TransferLeadership). */
  stop(): void {
    this.server?.stop()
  }

  crash(): void {
    this.server?.program.kill()
  }

  status(): MemberStatus | null {
    if (this.server === null) return null
    const { member, v2Store, v3 } = this.server
    const { role, term, leader, commit } = member.raft
    // Before 3.0 there was v2's index only.
    const revision = this.settings.version.startsWith('2.') ? v2Store.index : v3.revision
    return { role, term, leader, commit, applied: member.applied, revision }
  }

  keys(): readonly StoredKey[] {
    return this.server === null ? [] : storedKeys(this.server)
  }
}
