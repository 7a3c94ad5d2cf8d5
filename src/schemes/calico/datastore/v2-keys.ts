/**
 * The keys of etcd v2 (libcalico-go 1.7, lib/backend/model): what the API shows as one resource may lie in
 * several keys, of which each is a part of it.
 */
import type { WatchRoot } from './client.ts'
import type { Kind } from './model.ts'
import { parseWepName, wepName } from './wep-name.ts'

const HOSTS = '/calico/v1/host'
const CONFIG = '/calico/v1/config'
const PROFILES = '/calico/v1/policy/profile'
const POLICIES = '/calico/v1/policy/tier/default/policy'
const POOLS = '/calico/v1/ipam/v4/pool'
const BGP = '/calico/bgp/v1'
const BGP_HOSTS = `${BGP}/host`
const IPAM = '/calico/ipam/v2'
const BLOCKS = `${IPAM}/assignment/ipv4/block`
const IPAM_HOSTS = `${IPAM}/host`
const STATUS = '/calico/felix/v1/host'

const READY = '/calico/v1/Ready'

/** Policies of the v3 API have the name of their tier in front, and there is one tier. */
const TIER_PREFIX = 'default.'
const NODE_PREFIX = 'node.'

/** Of which value a key is a part; `part` is '' where the value has one key only. */
export interface Place {
  readonly kind: Kind
  readonly key: string
  readonly part: string
}

/** Slashes in names would be levels of the tree (lib/backend/model/name.go). */
function escaped(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('/', '%2f')
}

function unescaped(text: string): string {
  return text.replaceAll('%2f', '/').replaceAll('%25', '%')
}

/** A block in a key: `10.0.0.0-26`. */
function dashed(cidr: string): string {
  return cidr.replace('/', '-')
}

function slashed(text: string): string {
  return text.replace('-', '/')
}

/** A key of two fields: `h1/10.0.0.0/26`. */
function halves(key: string): [string, string] {
  const at = key.indexOf('/')
  return [key.slice(0, at), key.slice(at + 1)]
}

function policyName(key: string): string {
  return key.startsWith(TIER_PREFIX) ? key.slice(TIER_PREFIX.length) : key
}

/** @param key `libnetwork/h1-libnetwork-libnetwork-ID`: a namespace is no part of the path. */
function endpointPath(key: string): string {
  const [node, orchestrator, workload, endpoint] = parseWepName(key.slice(key.indexOf('/') + 1))
  const path = `${HOSTS}/${node}/workload/${escaped(orchestrator)}/${escaped(workload)}`
  return `${path}/endpoint/${escaped(endpoint)}`
}

/** @param key `10.0.0.9`, or with a node `h1/10.0.0.9`. */
function peerPath(key: string): string {
  if (!key.includes('/')) return `${BGP}/global/peer_v4/${key}`
  const [node, address] = halves(key)
  return `${BGP_HOSTS}/${node}/peer_v4/${address}`
}

/** Where Felix's parameters are: of all nodes, or of one. */
export function felixConfigPath(key: string): string {
  const isNode = key.startsWith(NODE_PREFIX)
  return isNode ? `${HOSTS}/${key.slice(NODE_PREFIX.length)}/config` : CONFIG
}

/** Where a value lies that has one key; the directory of one that has several. */
export function pathOf(kind: Kind, key: string): string {
  switch (kind) {
    case 'ClusterInformation':
      return READY
    case 'Node':
      return `${HOSTS}/${key}`
    case 'WorkloadEndpoint':
      return endpointPath(key)
    case 'HostEndpoint': {
      const [node, name] = halves(key)
      return `${HOSTS}/${node}/endpoint/${escaped(name)}`
    }
    case 'FelixConfiguration':
      return felixConfigPath(key)
    case 'IPPool':
      return `${POOLS}/${dashed(key)}`
    case 'Profile':
      return `${PROFILES}/${escaped(key)}`
    case 'GlobalNetworkPolicy':
      return `${POLICIES}/${escaped(policyName(key))}`
    case 'BGPConfiguration':
      return `${BGP}/global`
    case 'BGPPeer':
      return peerPath(key)
    case 'BlockAffinity': {
      const [host, cidr] = halves(key)
      return `${IPAM_HOSTS}/${host}/ipv4/block/${dashed(cidr)}`
    }
    case 'AllocationBlock':
      return `${BLOCKS}/${dashed(key)}`
    case 'IpamHandle':
      return `${IPAM}/handle/${key}`
    case 'IpamConfig':
      return `${IPAM}/config`
    case 'FelixStatus':
      return `${STATUS}/${key}/status`
    case 'LastFelixStatus':
      return `${STATUS}/${key}/last_reported_status`
    default:
      throw new Error(`etcd v2 has no keys for ${kind}`)
  }
}

/** What BIRD is to know of a node lies apart from what Felix is to know. */
export function bgpHostPath(node: string): string {
  return `${BGP_HOSTS}/${node}`
}

/** A node's own values are parts of the node. */
function bgpConfigPaths(key: string): readonly string[] {
  return key.startsWith(NODE_PREFIX) ? [] : [`${BGP}/global/as_num`, `${BGP}/global/node_mesh`]
}

/** What is read of a value, first of all what must be there; directories whole. */
export function readsOf(kind: Kind, key: string): readonly string[] {
  const path = pathOf(kind, key)
  if (kind === 'Node') {
    // Not its directory: all its endpoints are below it.
    const own = ['metadata', 'bird_ip', 'config/IpInIpTunnelAddr']
    return [...own.map((part) => `${path}/${part}`), bgpHostPath(key)]
  }
  return kind === 'BGPConfiguration' ? bgpConfigPaths(key) : [path]
}

/** What goes with a value, in this order; the last of it must have been there. */
export function deletesOf(kind: Kind, key: string): readonly string[] {
  if (kind === 'BGPConfiguration') return bgpConfigPaths(key)
  const path = pathOf(kind, key)
  return kind === 'Node' ? [`${IPAM_HOSTS}/${key}`, bgpHostPath(key), path] : [path]
}

/** Directories that go when they are empty, inner ones first. */
export function emptiedBy(kind: Kind, key: string): readonly string[] {
  if (kind !== 'WorkloadEndpoint') return []
  const endpoints = pathOf(kind, key).replace(/\/[^/]+$/, '')
  return [endpoints, endpoints.replace(/\/endpoint$/, '')]
}

/** The directory below which all keys of a root lie. */
export function rootPath({ kind, under = '' }: WatchRoot): string {
  switch (kind) {
    case 'any resource':
      return '/calico/v1'
    case 'Node':
    case 'BGPConfiguration':
    case 'BGPPeer':
      return BGP
    case 'WorkloadEndpoint':
    case 'HostEndpoint':
      return HOSTS
    case 'IPPool':
      return POOLS
    case 'BlockAffinity':
      return under === '' ? IPAM_HOSTS : `${IPAM_HOSTS}/${under}ipv4/block`
    case 'AllocationBlock':
      return BLOCKS
    case 'IpamHandle':
      return `${IPAM}/handle`
    case 'Profile':
      return PROFILES
    case 'GlobalNetworkPolicy':
      return POLICIES
    case 'FelixStatus':
    case 'LastFelixStatus':
      return STATUS
    default:
      return pathOf(kind, under)
  }
}

const ONE = ''
type Reader = readonly [path: RegExp, place: (...fields: string[]) => Place]

/** Endpoints and blocks first, of which there are many. */
const READERS: readonly Reader[] = [
  [
    /^\/calico\/v1\/host\/([^/]+)\/workload\/([^/]+)\/([^/]+)\/endpoint\/([^/]+)$/,
    (node, orchestrator, workload, endpoint) => {
      const owner = unescaped(orchestrator!)
      const name = wepName(node!, owner, unescaped(workload!), unescaped(endpoint!))
      return { kind: 'WorkloadEndpoint', key: `${owner}/${name}`, part: ONE }
    },
  ],
  [
    /^\/calico\/ipam\/v2\/assignment\/ipv4\/block\/([^/]+)$/,
    (block) => ({ kind: 'AllocationBlock', key: slashed(block!), part: ONE }),
  ],
  [
    /^\/calico\/ipam\/v2\/host\/([^/]+)\/ipv4\/block\/([^/]+)$/,
    (host, block) => ({ kind: 'BlockAffinity', key: `${host}/${slashed(block!)}`, part: ONE }),
  ],
  [/^\/calico\/ipam\/v2\/handle\/([^/]+)$/, (id) => ({ kind: 'IpamHandle', key: id!, part: ONE })],
  [/^\/calico\/ipam\/v2\/config$/, () => ({ kind: 'IpamConfig', key: 'default', part: ONE })],
  [
    /^\/calico\/v1\/host\/([^/]+)\/(?:config\/(IpInIpTunnelAddr)|(metadata|bird_ip))$/,
    (node, tunnel, part) => ({ kind: 'Node', key: node!, part: tunnel ?? part! }),
  ],
  [
    /^\/calico\/bgp\/v1\/host\/([^/]+)\/(ip_addr_v4|ip_addr_v6|network_v4|as_num)$/,
    (node, part) => ({ kind: 'Node', key: node!, part: part! }),
  ],
  [
    /^\/calico\/bgp\/v1\/host\/([^/]+)\/peer_v4\/([^/]+)$/,
    (node, address) => ({ kind: 'BGPPeer', key: `${node}/${address}`, part: ONE }),
  ],
  [
    /^\/calico\/bgp\/v1\/global\/peer_v4\/([^/]+)$/,
    (address) => ({ kind: 'BGPPeer', key: address!, part: ONE }),
  ],
  [
    /^\/calico\/bgp\/v1\/global\/(as_num|node_mesh)$/,
    (part) => ({ kind: 'BGPConfiguration', key: 'default', part: part! }),
  ],
  [
    /^\/calico\/v1\/policy\/profile\/([^/]+)\/(tags|rules|labels)$/,
    (name, part) => ({ kind: 'Profile', key: unescaped(name!), part: part! }),
  ],
  [
    /^\/calico\/v1\/policy\/tier\/default\/policy\/([^/]+)$/,
    (name) => ({
      kind: 'GlobalNetworkPolicy',
      key: TIER_PREFIX + unescaped(name!),
      part: ONE,
    }),
  ],
  [
    /^\/calico\/v1\/host\/([^/]+)\/endpoint\/([^/]+)$/,
    (node, name) => ({ kind: 'HostEndpoint', key: `${node}/${unescaped(name!)}`, part: ONE }),
  ],
  [
    /^\/calico\/v1\/ipam\/v4\/pool\/([^/]+)$/,
    (block) => ({ kind: 'IPPool', key: slashed(block!), part: ONE }),
  ],
  [
    /^\/calico\/v1\/config\/([^/]+)$/,
    (part) => ({ kind: 'FelixConfiguration', key: 'default', part: part! }),
  ],
  [
    /^\/calico\/v1\/host\/([^/]+)\/config\/([^/]+)$/,
    (node, part) => ({ kind: 'FelixConfiguration', key: NODE_PREFIX + node, part: part! }),
  ],
  [/^\/calico\/v1\/Ready$/, () => ({ kind: 'ClusterInformation', key: 'default', part: ONE })],
  [
    /^\/calico\/felix\/v1\/host\/([^/]+)\/status$/,
    (node) => ({ kind: 'FelixStatus', key: node!, part: ONE }),
  ],
  [
    /^\/calico\/felix\/v1\/host\/([^/]+)\/last_reported_status$/,
    (node) => ({ kind: 'LastFelixStatus', key: node!, part: ONE }),
  ],
]

/** @returns null when the path is none of Calico's. */
export function parsePath(path: string): Place | null {
  for (const [pattern, place] of READERS) {
    const found = pattern.exec(path)
    if (found !== null) return place(...found.slice(1))
  }
  return null
}
