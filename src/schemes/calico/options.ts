import { z } from 'zod'
import { formatPrefix } from '../../wire/ipv4-address.ts'
import { count, duration, ipv4Address, ipv4Prefix, mtu } from '../option-types.ts'
import type { EncapMode, IPPoolSpec } from './datastore/model.ts'
import { policySchema } from './policy/schema.ts'

const bgpPeer = z.strictObject({
  name: z.string().describe('`metadata.name`.'),
  node: z.string().exactOptional().describe('The one host that peers.'),
  nodeSelector: z.string().exactOptional().describe('The hosts that peer. Default: all.'),
  peerIP: ipv4Address().exactOptional().describe('The neighbour, such as a top-of-rack switch.'),
  asNumber: count(1, 4_294_967_295).exactOptional().describe('Its AS number.'),
  peerSelector: z.string().exactOptional().describe('The hosts that are the neighbours.'),
  nextHopMode: z.enum(['Auto', 'Self', 'Keep']).exactOptional().describe('`nextHopMode`.'),
  keepalive: duration().exactOptional().describe('`keepaliveTime`; the hold time stays 240 s.'),
})

const containerPort = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/, { error: 'up to 15 lower case, digits and "-"' })
    .describe('What rules call it by.'),
  protocol: z.enum(['TCP', 'UDP']).default('TCP').describe('TCP or UDP.'),
  port: count(1, 65_535).describe('Its number in this container.'),
})

const felix = z.strictObject({
  defaultEndpointToHostAction: z
    .enum(['Drop', 'Return', 'Accept'])
    .default('Drop')
    .describe('What becomes of what containers send to their own host.'),
  routeRefreshInterval: duration().prefault('90s').describe('`routeRefreshInterval`.'),
  ipsetsRefreshInterval: duration().prefault('90s').describe('`ipsetsRefreshInterval`.'),
  iptablesRefreshInterval: duration().prefault('180s').describe('`iptablesRefreshInterval`.'),
  reportingInterval: duration().prefault('30s').describe('`reportingInterval`; 0 = no reports.'),
  reportingTTL: duration().prefault('90s').describe('`reportingTTL`.'),
})

export const calicoOptions = z.strictObject({
  subnet: ipv4Prefix()
    .prefault('172.16.0.0/16')
    .describe(
      '`cidr` of the IP pool of this network, of which each host claims blocks. Default: what Calico ' +
        'takes where the hosts are in 192.168.0.0/16.',
    ),
  blockSize: count(20, 32).default(26).describe('`blockSize`: prefix length of the blocks.'),
  encapsulation: z
    .enum(['none', 'ipip', 'vxlan', 'ipip-crosssubnet', 'vxlan-crosssubnet'])
    .default('none')
    .describe('`ipipMode` and `vxlanMode` of the pool.'),
  natOutgoing: z
    .boolean()
    .default(true)
    .describe('`natOutgoing`: NAT for what leaves all pools of the cluster.'),
  disableBGPExport: z.boolean().default(false).describe('`disableBGPExport` of the pool.'),
  orchestrator: z
    .enum(['cni', 'libnetwork'])
    .default('cni')
    .describe(
      '`cni`: pods of Kubernetes, whose profile is that of their namespace. `libnetwork`: Docker ' +
        'containers; each network is a profile, and only containers of the same network may talk.',
    ),
  namespace: z
    .string()
    .default('default')
    .describe('Namespace of the pods of this network, for `cni`.'),
  labelEndpoints: z
    .boolean()
    .default(false)
    .describe(
      '`CALICO_LIBNETWORK_LABEL_ENDPOINTS`: whether labels of Docker containers are stored.',
    ),
  datastore: z
    .enum(['etcd-v2', 'etcd-v3'])
    .exactOptional()
    .describe(
      'Where the resources lie, and so which Calico it is: `etcd-v2` until 2.6, `etcd-v3` after. ' +
        'Default: etcd-v2 for `libnetwork`, whose driver was never released for a later one, else etcd-v3.',
    ),
  version: z
    .enum(['3.16', '3.26', '3.33'])
    .default('3.26')
    .describe(
      'Release whose behaviour applies with `etcd-v3`. Until 3.16 tunnels have MTUs of 1440 and 1410; ' +
        'from 3.33 an empty block of another host is taken when there is no new one.',
    ),
  containerPorts: z
    .record(z.string(), z.array(containerPort))
    .prefault({})
    .describe('Named ports of pods, by container: what their specs say.'),
  strictAffinity: z
    .boolean()
    .default(false)
    .describe('`strictAffinity` of IPAM: no addresses out of the blocks of other hosts.'),
  maxBlocksPerHost: count(0, 1e6).default(0).describe('`maxBlocksPerHost` of IPAM; 0 = 20.'),
  asNumber: count(1, 4_294_967_295).default(64_512).describe('AS number of the cluster.'),
  nodeAsNumbers: z
    .record(z.string(), count(1, 4_294_967_295))
    .prefault({})
    .describe('AS numbers of hosts that have one of their own, by host: `AS` of calico-node.'),
  nodeToNodeMesh: z
    .boolean()
    .exactOptional()
    .describe('`nodeToNodeMeshEnabled`. Default: true, unless there are route reflectors.'),
  routeReflectors: z
    .array(z.string())
    .prefault([])
    .describe('Hosts that reflect the routes of the others.'),
  bgpPeers: z.array(bgpPeer).prefault([]).describe('BGPPeer resources.'),
  restartTime: duration().prefault('120s').describe('`nodeMeshMaxRestartTime`.'),
  felix: felix.prefault({}).describe('Values of FelixConfiguration.'),
  policies: policySchema
    .prefault([])
    .describe(
      'Resources as their YAML has them: NetworkPolicy (of Calico and of Kubernetes), ' +
        'GlobalNetworkPolicy, Profile, Tier, HostEndpoint, and Namespace for its labels.',
    ),
  mtu: mtu()
    .exactOptional()
    .describe(
      'MTU of the containers. Default: what the encapsulation leaves; 1500 with libnetwork ' +
        '(`CALICO_LIBNETWORK_VETH_MTU`).',
    ),
})

export type CalicoOptions = z.output<typeof calicoOptions>

export function datastoreOf({ datastore, orchestrator }: CalicoOptions): 'etcd-v2' | 'etcd-v3' {
  return datastore ?? (orchestrator === 'libnetwork' ? 'etcd-v2' : 'etcd-v3')
}

/** The release whose behaviour applies. */
export function releaseOf(options: CalicoOptions): '2.6' | CalicoOptions['version'] {
  return datastoreOf(options) === 'etcd-v2' ? '2.6' : options.version
}

/** Tunnels have the same MTU whatever the NIC's is. */
export function hasFixedMtus(options: CalicoOptions): boolean {
  return ['2.6', '3.16'].includes(releaseOf(options))
}

/** The modes of a pool, as the API has them. */
export function modesOf({ encapsulation }: CalicoOptions): { ipip: EncapMode; vxlan: EncapMode } {
  switch (encapsulation) {
    case 'none':
      return { ipip: 'Never', vxlan: 'Never' }
    case 'ipip':
      return { ipip: 'Always', vxlan: 'Never' }
    case 'ipip-crosssubnet':
      return { ipip: 'CrossSubnet', vxlan: 'Never' }
    case 'vxlan':
      return { ipip: 'Never', vxlan: 'Always' }
    case 'vxlan-crosssubnet':
      return { ipip: 'Never', vxlan: 'CrossSubnet' }
  }
}

export function poolSpecOf(options: CalicoOptions): IPPoolSpec {
  const { subnet, blockSize, natOutgoing, disableBGPExport } = options
  const { ipip, vxlan } = modesOf(options)
  return {
    cidr: formatPrefix(subnet),
    vxlanMode: vxlan,
    ipipMode: ipip,
    natOutgoing,
    ...(disableBGPExport ? { disableBGPExport } : {}),
    blockSize,
    nodeSelector: 'all()',
  }
}

/** Bytes that a tunnel adds, and the MTU that its device had whatever the NIC's was, until 3.16. */
const TUNNELS = { ipip: { overhead: 20, fixed: 1440 }, vxlan: { overhead: 50, fixed: 1410 } }

/** Of a veth that nobody gives another: libnetwork's driver does not ask what tunnels add. */
const KERNEL_MTU = 1500

/** MTU of the containers of a network on a host whose NIC has `nicMtu`. */
export function podMtu(options: CalicoOptions, nicMtu: number): number {
  const { mtu: wanted, encapsulation, orchestrator } = options
  if (wanted !== undefined) return wanted
  if (orchestrator === 'libnetwork') return KERNEL_MTU
  if (encapsulation === 'none') return nicMtu
  const { overhead, fixed } = TUNNELS[encapsulation.startsWith('ipip') ? 'ipip' : 'vxlan']
  return hasFixedMtus(options) ? fixed : nicMtu - overhead
}
