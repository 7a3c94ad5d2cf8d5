import { CONSUL_DEFAULTS, type ConsulSettings } from '../../control/consul/settings.ts'
import { SECOND } from '../../sim/units.ts'
import type { FabricModel, HostModel, LinkModel, NodeModel } from '../model.ts'
import type { StoreSection } from '../schema/store.ts'
import type { StoreMemberModel, StoreModel } from '../store-model.ts'
import type { Context } from './context.ts'
import { type Graph, type LinkProperties, linkBetween, OUTSIDE } from './fabric.ts'
import { knownHosts } from './hosts.ts'

const MEMBERS_DEFAULT = 3
/** etcd's maxElectionMs. */
const ELECTION_MAX = 50 * SECOND

/** By version of etcd: --snapshot-count; pre-vote came with 3.5. */
const SNAPSHOT_COUNT = { '2.3': 10_000, '3.4': 100_000, '3.5': 100_000 } as const

const memberName = (index: number): string => `store-${index + 1}`

function memberCount({ kind, members, on }: StoreSection): number {
  if (kind === 'kube') return 1
  return members ?? on?.length ?? MEMBERS_DEFAULT
}

/** Whether the hosts called `store-1` and so on are to be there. */
function hasOwnHosts(section: StoreSection | undefined): section is StoreSection {
  return section !== undefined && section.on === undefined
}

/** Names of the hosts that are there for the store only: no containers are put on them by default. */
export function storeHosts(context: Context): ReadonlySet<string> {
  const { store } = context.input
  if (!hasOwnHosts(store)) return new Set()
  return new Set(Array.from({ length: memberCount(store) }, (_, i) => memberName(i)))
}

/** The fabric with the store's own hosts, each at the leaf of a rack. */
export function withStoreHosts(context: Context, graph: Graph, link: LinkProperties): Graph {
  const { store } = context.input
  if (!hasOwnHosts(store)) return graph
  const leaves = graph.nodes.filter(({ role }) => role === 'leaf')
  if (leaves.length === 0) {
    const message = 'on this fabric the store gets no hosts of its own'
    context.report('missing_key', ['store'], message, 'add on: [h1, h2, h3], hosts of the fabric')
    return graph
  }
  const nodes: NodeModel[] = [...graph.nodes]
  const links: LinkModel[] = [...graph.links]
  for (const name of storeHosts(context)) {
    const leaf = leaves[(nodes.length - graph.nodes.length) % leaves.length]!
    nodes.push({ kind: 'host', name, role: 'host', rack: leaf.rack })
    links.push(linkBetween(name, leaf.name, link))
  }
  return { nodes, links }
}

/** The store, or null when the file has none. */
export function resolveStore(
  context: Context,
  fabric: FabricModel,
  hosts: readonly HostModel[],
): StoreModel | null {
  const { store } = context.input
  if (store === undefined) return null
  const members = membersOf(context, store, fabric)
  const shared = { members, fsync: store.fsync }
  if (store.kind === 'kube') return { kind: store.kind, version: store.version, ...shared }
  if (store.kind === 'consul') {
    const { kind, version } = store
    const agents = agentsOf(context, store, members, fabric, hosts)
    return { kind, version, ...shared, settings: consulSettings(store), agents }
  }
  checkTimings(context, store)
  const { kind, version, heartbeat, election, quota } = store
  const { preVote = version === '3.5', snapshotCount = SNAPSHOT_COUNT[version] } = store
  return { kind, version, ...shared, heartbeat, election, preVote, snapshotCount, quota }
}

function membersOf(context: Context, store: StoreSection, fabric: FabricModel): StoreMemberModel[] {
  const count = memberCount(store)
  const { on } = store
  if (on === undefined) {
    return Array.from({ length: count }, (_, i) => ({ name: memberName(i), host: memberName(i) }))
  }
  const known = knownHosts(context, fabric)
  on.forEach((host, i) => {
    const path = ['store', 'on', ...(on.length > 1 ? [i] : [])]
    if (context.checkName(known, path, 'host', host) && on.indexOf(host) !== i) {
      const message = `two members on ${host} want the same ports`
      context.report('duplicate_name', path, message, 'another host')
    }
  })
  if (count !== on.length) {
    const message = `${count} members, and ${on.length} hosts for them`
    context.report(
      'conflict',
      ['store', store.kind === 'kube' ? 'on' : 'members'],
      message,
      store.kind === 'kube' ? 'one host' : `members: ${on.length}, or no such key`,
    )
  }
  return on.map((host, i) => ({ name: memberName(i), host }))
}

function agentsOf(
  context: Context,
  store: Extract<StoreSection, { kind: 'consul' }>,
  members: readonly StoreMemberModel[],
  fabric: FabricModel,
  hosts: readonly HostModel[],
): string[] {
  const servers = new Set(members.map(({ host }) => host))
  const { agents } = store
  if (agents === undefined) {
    const names = hosts.map(({ name }) => name)
    return names.filter((name) => name !== OUTSIDE && !servers.has(name))
  }
  const known = knownHosts(context, fabric)
  return agents.filter((host, i) => {
    const path = ['store', 'agents', ...(agents.length > 1 ? [i] : [])]
    return context.checkName(known, path, 'host', host) && !servers.has(host)
  })
}

/** The defaults of the release, but for what the file says. */
function consulSettings(store: Extract<StoreSection, { kind: 'consul' }>): ConsulSettings {
  const defaults = CONSUL_DEFAULTS[store.version]
  const { raftMultiplier, snapshotThreshold, trailingLogs } = { ...defaults, ...store }
  return { ...defaults, raftMultiplier, snapshotThreshold, trailingLogs }
}

/** What etcd checks when it starts. */
function checkTimings(
  context: Context,
  { heartbeat, election }: Extract<StoreSection, { kind: 'etcd' }>,
): void {
  const path = ['store', 'election']
  if (heartbeat === 0) {
    context.report('out_of_range', ['store', 'heartbeat'], 'no heartbeat', 'such as 100ms')
  } else if (election < 5 * heartbeat) {
    const message = 'the election timeout is less than 5 heartbeats'
    context.report('out_of_range', path, message, 'at least 5 times "heartbeat", such as 1s')
  } else if (election > ELECTION_MAX) {
    const message = 'etcd takes no election timeout of more than 50 s'
    context.report('out_of_range', path, message, 'at most 50s')
  }
}
