/** Values as they are written to etcd v2 (libcalico-go 1.7, lib/backend/model, lib/backend/compat, lib/converter). */
import { formatPrefix, maskOf, parseInterfaceAddress } from '../../../wire/ipv4-address.ts'
import type { AllocationBlock, IPPoolSpec, Kind, NodeSpec, Values } from './model.ts'
import type { ProfileSpec } from './policy-model.ts'
import { encodeFelixConfig } from './v2-felix-config.ts'
import { bgpHostPath, felixConfigPath, pathOf } from './v2-keys.ts'
import { encodePolicy } from './v2-policy.ts'
import { encodeRule } from './v2-rules.ts'

/** A key that is written with a value; null = that it has no such key. */
export interface Write {
  readonly path: string
  readonly text: string | null
}

const AFFINITY = '{}'
const TUNNEL_DEVICE = 'tunl0'
/** The one `ipip_mode` that is not `always`. */
export const CROSS_SUBNET = 'cross-subnet'

/** What is written for a value, first the key that decides whether it exists. */
export function writesOf<K extends Kind>(kind: K, key: string, value: Values[K]): Write[] {
  return (ENCODERS[kind] as Encoder<K>)(value, key)
}

type Encoder<K extends Kind> = (value: Values[K], key: string) => Write[]

function single<K extends Kind>(kind: K, encode: (value: Values[K]) => unknown): Encoder<K> {
  return (value, key) => [{ path: pathOf(kind, key), text: JSON.stringify(encode(value)) }]
}

export function absent(kind: Kind): never {
  throw new Error(`etcd v2 has no ${kind}`)
}

const ENCODERS: { readonly [K in Kind]: Encoder<K> } = {
  ClusterInformation: single('ClusterInformation', ({ spec }) => spec.datastoreReady),
  Node: ({ spec }, key) => nodeWrites(spec, key),
  IPPool: ({ spec }) => poolWrites(spec),
  BGPConfiguration: ({ spec }, key) => {
    const { asNumber, nodeToNodeMeshEnabled: enabled } = spec
    const path = pathOf('BGPConfiguration', key)
    return [
      ...(asNumber === undefined ? [] : [{ path: `${path}/as_num`, text: `${asNumber}` }]),
      { path: `${path}/node_mesh`, text: JSON.stringify({ enabled: enabled ?? true }) },
    ]
  },
  BGPPeer: ({ spec: { node, peerIP: ip, asNumber } }) => {
    const path = pathOf('BGPPeer', node === undefined ? ip! : `${node}/${ip}`)
    return [{ path, text: JSON.stringify({ ip, as_num: String(asNumber) }) }]
  },
  FelixConfiguration: ({ spec }, key) =>
    [...encodeFelixConfig(spec)].map(([parameter, text]) => ({
      path: `${felixConfigPath(key)}/${parameter}`,
      text,
    })),
  WorkloadEndpoint: single('WorkloadEndpoint', ({ metadata, spec }) => ({
    state: 'active',
    name: spec.interfaceName,
    active_instance_id: spec.containerID ?? '',
    mac: spec.mac ?? null,
    profile_ids: spec.profiles,
    ipv4_nets: spec.ipNetworks,
    ipv6_nets: [],
    labels: nonEmpty(metadata.labels),
  })),
  HostEndpoint: ({ metadata, spec }) => {
    const path = pathOf('HostEndpoint', `${spec.node}/${metadata.name}`)
    const text = JSON.stringify({
      name: spec.interfaceName,
      expected_ipv4_addrs: spec.expectedIPs,
      labels: nonEmpty(metadata.labels),
      profile_ids: spec.profiles,
    })
    return [{ path, text }]
  },
  Profile: ({ spec }, key) => profileWrites(spec, key),
  GlobalNetworkPolicy: single('GlobalNetworkPolicy', encodePolicy),
  NetworkPolicy: () => absent('NetworkPolicy'),
  Tier: () => absent('Tier'),
  BlockAffinity: (_, key) => [{ path: pathOf('BlockAffinity', key), text: AFFINITY }],
  AllocationBlock: single('AllocationBlock', blockJson),
  IpamHandle: single('IpamHandle', ({ block }) => ({ block })),
  IpamConfig: single('IpamConfig', ({ strict_affinity: strict, auto_allocate_blocks: auto }) => ({
    strict_affinity: strict || undefined,
    auto_allocate_blocks: auto || undefined,
  })),
  FelixStatus: single('FelixStatus', statusJson),
  LastFelixStatus: single('LastFelixStatus', statusJson),
}

/** `omitempty` of a map. */
function nonEmpty(labels: Readonly<Record<string, string>> = {}) {
  return Object.keys(labels).length === 0 ? undefined : labels
}

export function statusJson({ time, uptime, firstUpdate }: Values['FelixStatus']) {
  return { time, uptime, first_update: firstUpdate }
}

/** `toNodeComponents`: BIRD's keys are there in any case, those of a value that is not set go. */
function nodeWrites({ bgp }: NodeSpec, key: string): Write[] {
  const own = parseInterfaceAddress(bgp?.ipv4Address ?? '')
  const address = bgp?.ipv4Address?.replace(/\/.*/, '') ?? null
  const network =
    own === null ? null : { base: own.address & maskOf(own.length), length: own.length }
  const host = pathOf('Node', key)
  const bird = bgpHostPath(key)
  const tunnel = bgp?.ipv4IPIPTunnelAddr
  return [
    { path: `${host}/metadata`, text: '{}' },
    { path: `${bird}/ip_addr_v4`, text: address ?? '' },
    { path: `${bird}/ip_addr_v6`, text: '' },
    { path: `${host}/bird_ip`, text: address },
    { path: `${bird}/as_num`, text: bgp?.asNumber === undefined ? null : `${bgp.asNumber}` },
    { path: `${bird}/network_v4`, text: network === null ? null : formatPrefix(network) },
    ...(tunnel === undefined ? [] : [{ path: `${host}/config/IpInIpTunnelAddr`, text: tunnel }]),
  ]
}

/** A pool with tunnels turns them on for all of Felix (`maybeEnableIPIP`). */
function poolWrites({ cidr, ipipMode = 'Never', natOutgoing, disabled = false }: IPPoolSpec) {
  const hasTunnel = ipipMode !== 'Never'
  const text = JSON.stringify({
    cidr,
    ipip: hasTunnel ? TUNNEL_DEVICE : '',
    ipip_mode: hasTunnel ? (ipipMode === 'Always' ? 'always' : CROSS_SUBNET) : '',
    masquerade: natOutgoing ?? false,
    ipam: !disabled,
    disabled,
  })
  const writes: Write[] = [{ path: pathOf('IPPool', cidr), text }]
  if (hasTunnel) writes.push({ path: `${felixConfigPath('default')}/IpInIpEnabled`, text: 'true' })
  return writes
}

/** Tags first: without them there is no profile (`ToTagsLabelsRules`). */
function profileWrites({ ingress, egress, labelsToApply = {} }: ProfileSpec, key: string) {
  const path = pathOf('Profile', key)
  const entries = Object.entries(labelsToApply)
  const tags = entries.filter(([, value]) => value === '').map(([tag]) => tag)
  const labels = Object.fromEntries(entries.filter(([, value]) => value !== ''))
  const rules = {
    inbound_rules: ingress?.map((rule) => encodeRule(rule, true)),
    outbound_rules: egress?.map((rule) => encodeRule(rule, true)),
  }
  return [
    { path: `${path}/tags`, text: JSON.stringify(tags) },
    { path: `${path}/labels`, text: JSON.stringify(labels) },
    { path: `${path}/rules`, text: JSON.stringify(rules) },
  ]
}

export function blockJson(block: AllocationBlock) {
  const { cidr, affinity = null, strictAffinity = false, allocations, unallocated } = block
  const attributes = block.attributes.map(({ handle_id, secondary }) => ({
    handle_id,
    secondary: nonEmpty(secondary) ?? null,
  }))
  return { cidr, affinity, strictAffinity, allocations, unallocated, attributes }
}
