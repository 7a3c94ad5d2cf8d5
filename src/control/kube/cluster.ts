import type { Host } from '../../host/host.ts'
import { Disk } from '../cluster/disk.ts'
import { Leadership } from '../cluster/leadership.ts'
import { MemberOnHost } from '../cluster/member-on-host.ts'
import type { MemberStatus, StoreAddress, StoreCluster, StoredKey } from '../cluster/store.ts'
import { Program } from '../program/program.ts'
import { API_PORT, ApiServer } from './api-server.ts'

/** The release whose answers it gives; nodes have been served alike for long. */
const VERSION = '1.28'

/** A control plane with one API server, whose etcd runs beside it and is not modelled. */
export class KubeCluster implements StoreCluster {
  readonly kind = 'kube'
  readonly version = VERSION
  readonly ports = { clients: [API_PORT], peers: [], gossip: [] }
  readonly members: readonly KubeMember[]
  readonly leadership: Leadership
  /** Of one member there is nothing to break. */
  readonly violations: readonly string[] = []

  /** @param fsync picoseconds that a flush to its disk takes. */
  constructor({ name, host }: { readonly name: string; readonly host: Host }, fsync?: number) {
    this.leadership = new Leadership(host.kernel.simulator)
    this.members = [new KubeMember(this, name, host, fsync)]
  }

  addressesFor(): readonly StoreAddress[] {
    return this.members.map(({ host }) => ({ address: host.address, port: API_PORT }))
  }

  start(): void {
    for (const member of this.members) member.start()
  }
}

/** The API server: there is one, which leads as long as it runs. */
class KubeMember extends MemberOnHost<ApiServer> {
  private readonly cluster: KubeCluster

  constructor(cluster: KubeCluster, name: string, host: Host, fsync?: number) {
    super(name, host, new Disk(fsync), cluster.leadership)
    this.cluster = cluster
  }

  protected launch(): ApiServer {
    this.cluster.leadership.note(this.name, 'leader')
    return new ApiServer(new Program(this.host.root, 'kube-apiserver'), this.disk)
  }

  status(): MemberStatus | null {
    if (this.server === null) return null
    const { revision } = this.server.table
    return {
      role: 'leader',
      term: 1,
      leader: this.name,
      commit: revision,
      applied: revision,
      revision,
    }
  }

  keys(): readonly StoredKey[] {
    const nodes = this.server?.table.list() ?? []
    return nodes.map((node) => ({
      key: `/registry/minions/${node.metadata.name}`,
      value: JSON.stringify(node),
      revision: Number(node.metadata.resourceVersion),
      space: 'nodes',
    }))
  }
}
