import type { Host } from '../../host/host.ts'
import { Disk } from '../cluster/disk.ts'
import { Leadership } from '../cluster/leadership.ts'
import type {
  MemberStatus,
  StoreAddress,
  StoreCluster,
  StoredKey,
  StoreMember,
} from '../cluster/store.ts'
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
    this.members = [new KubeMember(name, host, this.leadership, fsync)]
  }

  addressesFor(): readonly StoreAddress[] {
    return this.members.map(({ host }) => ({ address: host.address, port: API_PORT }))
  }

  start(): void {
    for (const member of this.members) member.start()
  }
}

/** The API server: its host and disk, and the program while it runs. */
class KubeMember implements StoreMember {
  readonly name: string
  readonly host: Host
  readonly disk: Disk
  readonly log: readonly string[] = []
  private readonly leadership: Leadership
  private server: ApiServer | null = null

  constructor(name: string, host: Host, leadership: Leadership, fsync?: number) {
    this.name = name
    this.host = host
    this.leadership = leadership
    this.disk = new Disk(fsync)
  }

  get isRunning(): boolean {
    return this.server !== null
  }

  start(): void {
    if (this.server !== null) return
    const program = new Program(this.host.root, 'kube-apiserver')
    this.server = new ApiServer(program, this.disk)
    this.leadership.note(this.name, 'leader')
    program.ended.wait(program.simulator, () => {
      this.disk.programEnded()
      this.server = null
      this.leadership.note(this.name, null)
    })
  }

  stop(): void {
    this.crash()
  }

  crash(): void {
    this.server?.program.kill()
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
