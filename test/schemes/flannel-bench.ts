import type { StoredKey } from '../../src/control/cluster/store.ts'
import { Program } from '../../src/control/program/program.ts'
import type { Host } from '../../src/host/host.ts'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { partition } from '../../src/link/fault-rules.ts'
import { flannelScheme } from '../../src/schemes/flannel/index.ts'
import type { Process } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { Bench, type Sections } from '../contract/bench.ts'

const SUBNETS = '/coreos.com/network/subnets/'

/** Flannel with a store of one member on h1 and h2; containers a and b on h1, c on h2. */
export class FlannelBench extends Bench {
  /** @param more sections of the scenario: the store may be another, too. */
  constructor(options: Sections, more: Sections = {}) {
    const kind = options['subnetManager'] === 'kube' ? 'kube' : 'etcd'
    super(flannelScheme, options, { store: { kind, members: 1 }, ...more })
  }

  until(seconds: number): void {
    this.world.simulator.run(seconds * SECOND)
  }

  /** Keys of subnets, as the first member has them. */
  leases(): readonly StoredKey[] {
    const keys = this.world.store!.members[0]!.keys()
    return keys.filter(({ key }) => key.startsWith(SUBNETS))
  }

  /** Of the lease with the address of a host: h1 is 192.168.0.1. Empty when there is none. */
  subnetOf(host: string): string {
    const { address } = this.world.hosts.get(host)!
    const last = `"PublicIP":"192.168.0.${address & 255}"`
    const found = this.leases().find(({ value }) => value.includes(last))
    return (found?.key ?? '').slice(SUBNETS.length).replace('-', '/')
  }

  /** The host's subnet as the store has it: a lease, or the block of a node. */
  leaseOf(host: string): string {
    const { store } = this.world
    if (store!.kind !== 'kube') return this.subnetOf(host)
    const node = store!.members[0]!.keys().find(({ key }) => key.endsWith(`/${host}`))
    return /"podCIDR":"([^"]+)"/.exec(node?.value ?? '')?.[1] ?? ''
  }

  log(host: string): readonly string[] {
    return this.daemon(host).log
  }

  /** What of other hosts stands in the kernel of a host. */
  others(host: string): { routes: string[]; neighbours: string[]; fdb: string[] } {
    const root = this.root(host)
    const trim = (lines: readonly string[]) => lines.map((line) => line.trim())
    const routes = trim(showRoutes(root).lines).filter((line) => line.includes(' via '))
    const neighbours = trim(showNeighbours(root).lines).filter((line) => line.includes('PERMANENT'))
    return { routes, neighbours, fdb: trim(showFdb(root).lines).filter((l) => l.includes(' dst ')) }
  }

  /** Cuts a host off from the store. @returns what ends that. */
  cutOff(host: string): () => void {
    const { hosts, store } = this.world
    const members = store!.members.map((member) => member.host)
    const ends = members.flatMap((member) => [
      cut(hosts.get(host)!, member),
      cut(member, hosts.get(host)!),
    ])
    return () => {
      for (const end of ends) end()
    }
  }

  /** Somebody's program on h2, which has ten seconds. @returns its result. */
  somebody<T>(body: (program: Program) => Process<T>): T {
    const program = new Program(this.root('h2'), 'somebody')
    let result: { value: T } | null = null
    program.spawn(
      (function* (): Process {
        result = { value: yield* body(program) }
      })(),
    )
    this.run(10 * SECOND)
    program.kill()
    if (result === null) throw new Error('no result')
    return (result as { value: T }).value
  }
}

function cut(from: Host, to: Host): () => void {
  const { channel } = from.port!
  const rule = partition(new Set([to.address]))
  channel.add(rule)
  return () => channel.remove(rule)
}
