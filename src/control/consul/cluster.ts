import type { Host } from '../../host/host.ts'
import { Disk } from '../cluster/disk.ts'
import { Leadership } from '../cluster/leadership.ts'
import { MemberOnHost } from '../cluster/member-on-host.ts'
import type { MemberStatus, StoreAddress, StoreCluster, StoredKey } from '../cluster/store.ts'
import { SafetyMonitor } from '../raft/safety.ts'
import { ConsulAgent } from './agent/agent.ts'
import type { ConsulNode } from './agent/lan-pool.ts'
import { ConsulServer } from './server/server.ts'
import { storedKeys } from './server/stored-keys.ts'
import {
  type ConsulRelease,
  type ConsulSettings,
  HTTP_PORT,
  SERF_LAN_PORT,
  SERVER_PORT,
} from './settings.ts'

export interface ConsulPlan {
  readonly release: ConsulRelease
  readonly settings: ConsulSettings
  /** Each by its name and the host that it runs on. */
  readonly servers: readonly { readonly name: string; readonly host: Host }[]
  /** Hosts with an agent that is no server; its node has the host's name. */
  readonly agents: readonly Host[]
  /** Picoseconds that a flush to a server's disk takes. */
  readonly fsync?: number
}

/** One datacenter with its servers, which are fixed, and agents on other hosts; none of them runs yet. */
export class ConsulCluster implements StoreCluster {
  readonly kind = 'consul'
  readonly ports = { clients: [HTTP_PORT], peers: [SERVER_PORT], gossip: [SERF_LAN_PORT] }
  readonly version: string
  readonly members: readonly ConsulMember[]
  readonly agents: readonly AgentOnHost[]
  readonly monitor = new SafetyMonitor()
  readonly leadership: Leadership

  constructor({ release, settings, servers, agents, fsync }: ConsulPlan) {
    const nodes = servers.map(({ name, host }) => ({ name, address: host.address }))
    this.version = release
    this.leadership = new Leadership(servers[0]!.host.kernel.simulator)
    this.members = servers.map(
      ({ host }, i) => new ConsulMember(this, host, settings, nodes[i]!, nodes, new Disk(fsync)),
    )
    this.agents = agents.map((host) => new AgentOnHost(host, settings, nodes))
  }

  get violations(): readonly string[] {
    return this.monitor.violations
  }

  /** One address, that of the host's own agent; where there is none, the first server's. */
  addressesFor(host: Host): readonly StoreAddress[] {
    const own = [...this.members, ...this.agents].find((agent) => agent.host === host)
    const { address } = (own ?? this.members[0]!).host
    return [{ address, port: HTTP_PORT }]
  }

  start(): void {
    for (const member of this.members) member.start()
    for (const agent of this.agents) agent.start()
  }
}

/** One server. It does not leave when it is told to end (leave_on_terminate): it is gone as in a crash. */
export class ConsulMember extends MemberOnHost<ConsulServer> {
  private readonly cluster: ConsulCluster
  private readonly settings: ConsulSettings
  private readonly self: ConsulNode
  private readonly nodes: readonly ConsulNode[]

  /** @param nodes all servers, with itself. */
  constructor(
    cluster: ConsulCluster,
    host: Host,
    settings: ConsulSettings,
    self: ConsulNode,
    nodes: readonly ConsulNode[],
    disk: Disk,
  ) {
    super(self.name, host, disk, cluster.leadership)
    this.cluster = cluster
    this.settings = settings
    this.self = self
    this.nodes = nodes
  }

  protected launch(): ConsulServer {
    const { self, nodes: servers, disk, settings, cluster } = this
    const { monitor, leadership } = cluster
    return new ConsulServer({
      namespace: this.host.root,
      ...{ settings, self, servers, disk, monitor },
      onRole: (role) => leadership.note(self.name, role),
    })
  }

  status(): MemberStatus | null {
    if (this.server === null) return null
    const { raft, applied } = this.server.member
    const { role, term, leader, commit } = raft
    const revision = this.server.service.store.kv.tableIndex
    return { role, term, leader, commit, applied, revision }
  }

  keys(): readonly StoredKey[] {
    return this.server === null ? [] : storedKeys(this.server.service.store)
  }
}

/** An agent that is no server: its host, and the program while it runs. It keeps nothing. */
export class AgentOnHost {
  readonly host: Host
  readonly log: string[] = []
  private readonly settings: ConsulSettings
  private readonly servers: readonly ConsulNode[]
  private agent: ConsulAgent | null = null

  constructor(host: Host, settings: ConsulSettings, servers: readonly ConsulNode[]) {
    this.host = host
    this.settings = settings
    this.servers = servers
  }

  get isRunning(): boolean {
    return this.agent !== null
  }

  start(): void {
    if (this.agent !== null) return
    const { host, settings, servers } = this
    const self = { name: host.name, address: host.address }
    const agent = new ConsulAgent({ namespace: host.root, settings, self, servers })
    this.agent = agent
    const { program } = agent
    program.ended.wait(program.simulator, () => {
      this.log.push(...program.log)
      this.agent = null
    })
  }

  /** It leaves: its node goes from the catalog. It runs on until the others have been told. */
  stop(): void {
    this.agent?.leave()
  }

  crash(): void {
    this.agent?.program.kill()
  }
}
