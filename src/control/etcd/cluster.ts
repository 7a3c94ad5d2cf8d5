import type { Host } from '../../host/host.ts'
import { Disk } from '../cluster/disk.ts'
import { Leadership } from '../cluster/leadership.ts'
import { MemberOnHost } from '../cluster/member-on-host.ts'
import { type MemberParts, SOUND_PARTS } from '../cluster/parts.ts'
import type { MemberStatus, StoreAddress, StoreCluster, StoredKey } from '../cluster/store.ts'
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

/** One member, whose program is an etcd. */
export class EtcdMember extends MemberOnHost<EtcdServer> {
  private readonly cluster: EtcdCluster
  private readonly settings: EtcdSettings
  private readonly self: EtcdIdentity
  private readonly identities: readonly EtcdIdentity[]
  private readonly parts: MemberParts

  constructor(
    cluster: EtcdCluster,
    host: Host,
    settings: EtcdSettings,
    self: EtcdIdentity,
    identities: readonly EtcdIdentity[],
    fsync: number | undefined,
    parts: MemberParts,
  ) {
    super(self.name, host, new Disk(fsync, parts), cluster.leadership)
    this.cluster = cluster
    this.settings = settings
    this.self = self
    this.identities = identities
    this.parts = parts
  }

  protected launch(): EtcdServer {
    const { cluster, settings, self, identities: members, disk, parts } = this
    const { monitor, leadership } = cluster
    return new EtcdServer({
      namespace: this.host.root,
      ...{ settings, self, members, disk, parts, monitor },
      onRole: (role) => leadership.note(self.name, role),
    })
  }

  /** A leader hands its office over first (EtcdServer.TransferLeadership). */
  override stop(): void {
    this.server?.stop()
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
