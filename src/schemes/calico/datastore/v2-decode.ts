/** Values as they are read from etcd v2, in the words of the model: the reverse of `v2-encode.ts`. */
import { type AllocationBlock, type Kind, type Resource, resource, type Values } from './model.ts'
import { absent, type blockJson, CROSS_SUBNET, type statusJson } from './v2-encode.ts'
import { decodeFelixConfig } from './v2-felix-config.ts'
import { decodePolicy } from './v2-policy.ts'
import { decodeRule, type V2Rule } from './v2-rules.ts'
import { parseWepName } from './wep-name.ts'

/** What a value's keys say, by part. */
export type Parts = ReadonlyMap<string, string>

type Decoder<K extends Kind> = (parts: Parts, key: string) => Values[K] | null

/** @returns null when what is there is no value yet, or none any more. */
export function decodeValue(kind: Kind, key: string, parts: Parts): Values[Kind] | null {
  return (DECODERS[kind] as Decoder<Kind>)(parts, key)
}

/** What Calico alone writes has the fields that are written above. */
function parsed<T>(parts: Parts): T | null {
  const text = parts.get('')
  return text === undefined ? null : (JSON.parse(text) as T)
}

function json<K extends Kind, T>(decode: (value: T, key: string) => Values[K]): Decoder<K> {
  return (parts, key) => {
    const value = parsed<T>(parts)
    return value === null ? null : decode(value, key)
  }
}

const DECODERS: { readonly [K in Kind]: Decoder<K> } = {
  ClusterInformation: json((datastoreReady: boolean, name) =>
    resource('ClusterInformation', { name }, { datastoreReady }),
  ),
  Node: nodeOf,
  IPPool: json(poolOf),
  BGPConfiguration: (parts, name) => {
    const asNumber = parts.get('as_num')
    const mesh = parts.get('node_mesh')
    if (asNumber === undefined && mesh === undefined) return null
    const { enabled = true } = JSON.parse(mesh ?? '{}') as { enabled?: boolean }
    const spec = { nodeToNodeMeshEnabled: enabled }
    const own = asNumber === undefined ? {} : { asNumber: Number(asNumber) }
    return resource('BGPConfiguration', { name }, { ...spec, ...own })
  },
  BGPPeer: json(({ ip, as_num }: { ip: string; as_num: string }, name) => {
    const node = name.includes('/') ? { node: name.slice(0, name.indexOf('/')) } : {}
    return resource('BGPPeer', { name }, { ...node, peerIP: ip, asNumber: Number(as_num) })
  }),
  FelixConfiguration: (parts, name) =>
    parts.size === 0 ? null : resource('FelixConfiguration', { name }, decodeFelixConfig(parts)),
  WorkloadEndpoint: json(endpointOf),
  HostEndpoint: json(hostEndpointOf),
  Profile: profileOf,
  GlobalNetworkPolicy: json(decodePolicy),
  NetworkPolicy: () => absent('NetworkPolicy'),
  Tier: () => absent('Tier'),
  // Whatever stands there: it says what it says by being there.
  BlockAffinity: (parts) => (parts.size === 0 ? null : { state: 'confirmed', deleted: false }),
  AllocationBlock: json(blockOf),
  IpamHandle: json(({ block }: Pick<Values['IpamHandle'], 'block'>, id) => ({
    id,
    block,
    deleted: false,
  })),
  IpamConfig: json((config: Partial<Values['IpamConfig']>) => ({
    strict_affinity: config.strict_affinity ?? false,
    auto_allocate_blocks: config.auto_allocate_blocks ?? false,
    maxBlocksPerHost: 0,
  })),
  FelixStatus: json(statusOf),
  LastFelixStatus: json(statusOf),
}

type V2Status = ReturnType<typeof statusJson>

function statusOf({ time, uptime, first_update }: V2Status): Values['FelixStatus'] {
  return { time, uptime, firstUpdate: first_update }
}

/** Felix follows one part of the tree and confd another: each sees of a node what lies in its own. */
function nodeOf(parts: Parts, name: string): Resource<'Node'> | null {
  if (parts.size === 0) return null
  const address = parts.get('ip_addr_v4') || parts.get('bird_ip')
  const length = parts.get('network_v4')?.replace(/.*\//, '') ?? '32'
  const asNumber = parts.get('as_num')
  const tunnel = parts.get('IpInIpTunnelAddr')
  const bgp = {
    ...(address === undefined ? {} : { ipv4Address: `${address}/${length}` }),
    ...(asNumber === undefined ? {} : { asNumber: Number(asNumber) }),
    ...(tunnel === undefined ? {} : { ipv4IPIPTunnelAddr: tunnel }),
  }
  return resource('Node', { name }, { bgp })
}

interface V2Pool {
  readonly cidr: string
  readonly ipip: string
  readonly ipip_mode: string
  readonly masquerade: boolean
  readonly disabled: boolean
}

function poolOf({ cidr, ipip, ipip_mode, masquerade, disabled }: V2Pool): Resource<'IPPool'> {
  const mode = ipip_mode === CROSS_SUBNET ? 'CrossSubnet' : 'Always'
  return resource(
    'IPPool',
    { name: cidr },
    { cidr, ipipMode: ipip === '' ? 'Never' : mode, natOutgoing: masquerade, disabled },
  )
}

interface V2Endpoint {
  readonly name: string
  readonly active_instance_id: string
  readonly mac: string | null
  readonly profile_ids: readonly string[]
  readonly ipv4_nets: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
}

function endpointOf(value: V2Endpoint, key: string): Resource<'WorkloadEndpoint'> {
  const [namespace, name] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)]
  const [node, orchestrator, workload, endpoint] = parseWepName(name)
  const { active_instance_id: containerID, mac, labels } = value
  const metadata = { name, namespace, ...(labels === undefined ? {} : { labels }) }
  return resource('WorkloadEndpoint', metadata, {
    orchestrator,
    workload,
    ...(containerID === '' ? {} : { containerID }),
    node,
    endpoint,
    interfaceName: value.name,
    ...(mac === null ? {} : { mac }),
    ipNetworks: value.ipv4_nets,
    profiles: value.profile_ids,
  })
}

interface V2HostEndpoint {
  readonly name?: string
  readonly expected_ipv4_addrs?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly profile_ids?: readonly string[]
}

function hostEndpointOf(value: V2HostEndpoint, key: string): Resource<'HostEndpoint'> {
  const at = key.indexOf('/')
  const { name, labels, expected_ipv4_addrs: expectedIPs, profile_ids: profiles } = value
  const metadata = { name: key.slice(at + 1), ...(labels === undefined ? {} : { labels }) }
  return resource('HostEndpoint', metadata, {
    node: key.slice(0, at),
    ...(name === undefined ? {} : { interfaceName: name }),
    ...(expectedIPs === undefined ? {} : { expectedIPs }),
    ...(profiles === undefined ? {} : { profiles }),
  })
}

function profileOf(parts: Parts, name: string): Resource<'Profile'> | null {
  if (parts.size === 0) return null
  const read = <T>(part: string, none: T) =>
    JSON.parse(parts.get(part) ?? JSON.stringify(none)) as T
  const tags = read<string[]>('tags', [])
  const labels = read<Record<string, string>>('labels', {})
  const rules = read<{ inbound_rules?: V2Rule[]; outbound_rules?: V2Rule[] }>('rules', {})
  return resource(
    'Profile',
    { name },
    {
      ingress: (rules.inbound_rules ?? []).map(decodeRule),
      egress: (rules.outbound_rules ?? []).map(decodeRule),
      labelsToApply: { ...labels, ...Object.fromEntries(tags.map((tag) => [tag, ''])) },
    },
  )
}

function blockOf(block: ReturnType<typeof blockJson>): AllocationBlock {
  const { affinity, attributes, ...rest } = block
  return {
    ...rest,
    ...(affinity === null ? {} : { affinity }),
    attributes: attributes.map(({ handle_id, secondary }) => ({
      handle_id,
      secondary: secondary ?? {},
    })),
    deleted: false,
    sequenceNumber: 0,
    sequenceNumberForAllocation: {},
  }
}
