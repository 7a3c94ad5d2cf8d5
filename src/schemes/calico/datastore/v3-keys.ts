/**
 * The keys of etcd v3 (libcalico-go/lib/backend/model): resources of the API below one root, IPAM and
 * status where the first data model had them.
 */
import type { WatchRoot } from './client.ts'
import type { Kind, ResourceKind, Update } from './model.ts'

const RESOURCES = '/calico/resources/v3/projectcalico.org/'

const PLURALS: Readonly<Record<ResourceKind, string>> = {
  ClusterInformation: 'clusterinformations',
  Node: 'nodes',
  IPPool: 'ippools',
  BGPConfiguration: 'bgpconfigurations',
  BGPPeer: 'bgppeers',
  FelixConfiguration: 'felixconfigurations',
  WorkloadEndpoint: 'workloadendpoints',
  Profile: 'profiles',
  NetworkPolicy: 'networkpolicies',
  GlobalNetworkPolicy: 'globalnetworkpolicies',
  Tier: 'tiers',
  HostEndpoint: 'hostendpoints',
}

const KINDS = new Map(
  Object.entries(PLURALS).map(([kind, plural]) => [plural, kind as ResourceKind]),
)

const BLOCKS = '/calico/ipam/v2/assignment/ipv4/block/'
const HOSTS = '/calico/ipam/v2/host/'
const HANDLES = '/calico/ipam/v2/handle/'
const CONFIG = '/calico/ipam/v2/config'
const STATUS = '/calico/felix/v2/no-region/host/'

/** A block in a key: `10.0.0.0-26`. */
function dashed(cidr: string): string {
  return cidr.replace('/', '-')
}

function slashed(text: string): string {
  return text.replace('-', '/')
}

/** @param key `h1/10.0.0.0/26`. */
function affinityPath(key: string): string {
  const at = key.indexOf('/')
  return `${HOSTS}${key.slice(0, at)}/ipv4/block/${dashed(key.slice(at + 1))}`
}

export function pathOf(kind: Kind, key: string): string {
  switch (kind) {
    case 'BlockAffinity':
      return affinityPath(key)
    case 'AllocationBlock':
      return BLOCKS + dashed(key)
    case 'IpamHandle':
      return HANDLES + key
    case 'IpamConfig':
      return CONFIG
    case 'FelixStatus':
      return `${STATUS}${key}/status`
    case 'LastFelixStatus':
      return `${STATUS}${key}/last_reported_status`
    default:
      return `${RESOURCES}${PLURALS[kind]}/${key}`
  }
}

/** The path with which the keys of a root begin. */
export function rootPath({ kind, under = '' }: WatchRoot): string {
  switch (kind) {
    case 'any resource':
      return RESOURCES
    case 'BlockAffinity':
      return under === '' ? HOSTS : `${HOSTS}${under}ipv4/block/`
    case 'AllocationBlock':
      return BLOCKS
    case 'IpamHandle':
      return HANDLES
    case 'IpamConfig':
      return CONFIG
    case 'FelixStatus':
    case 'LastFelixStatus':
      return STATUS + under
    default:
      return `${RESOURCES}${PLURALS[kind]}/${under}`
  }
}

/** @returns null when the path is none of the kinds that are listed and followed. */
export function parsePath(path: string): { readonly kind: Kind; readonly key: string } | null {
  if (path.startsWith(RESOURCES)) {
    const rest = path.slice(RESOURCES.length)
    const at = rest.indexOf('/')
    const kind = KINDS.get(rest.slice(0, at))
    return kind === undefined ? null : { kind, key: rest.slice(at + 1) }
  }
  if (path.startsWith(BLOCKS)) {
    return { kind: 'AllocationBlock', key: slashed(path.slice(BLOCKS.length)) }
  }
  if (path.startsWith(HANDLES)) return { kind: 'IpamHandle', key: path.slice(HANDLES.length) }
  if (path === CONFIG) return { kind: 'IpamConfig', key: 'default' }
  const affinity = /^\/calico\/ipam\/v2\/host\/([^/]+)\/ipv4\/block\/(.+)$/.exec(path)
  if (affinity !== null) {
    return { kind: 'BlockAffinity', key: `${affinity[1]}/${slashed(affinity[2]!)}` }
  }
  return null
}

/** Values read of late, by path: every host is told the same, and they are never changed. */
const READ = new Map<string, { readonly text: string; readonly update: Update | null }>()
const READ_MAX = 1024

/** @returns null when it is no value of a known kind. */
export function updateOf(path: string, text: string | null): Update | null {
  if (text === null) return decode(path, null)
  const known = READ.get(path)
  if (known !== undefined && known.text === text) return known.update
  if (READ.size >= READ_MAX) READ.clear()
  const update = decode(path, text)
  READ.set(path, { text, update })
  return update
}

function decode(path: string, text: string | null): Update | null {
  const parsed = parsePath(path)
  if (parsed === null) return null
  // Only Calico writes below its root: what is there has the shape of its kind.
  return { ...parsed, value: text === null ? null : JSON.parse(text) } as Update
}
