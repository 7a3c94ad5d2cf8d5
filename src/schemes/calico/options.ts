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
    .enum(['etcd-v3'])
    .default('etcd-v3')
    .describe('Where the resources lie. That of the first network counts.'),
  version: z
    .enum(['3.16', '3.26', '3.33'])
    .default('3.26')
    .describe(
      'Release whose behaviour applies. Until 3.16 tunnels have MTUs of 1440 and 1410; from 3.33 an ' +
        'empty block of another host is taken when there is no new one.',
    ),
  strictAffinity: z
    .boolean()
    .default(false)
    .describe('`strictAffinity` of IPAM: no addresses out of the blocks of other hosts.'),
  maxBlocksPerHost: count(0, 1e6).default(0).describe('`maxBlocksPerHost` of IPAM; 0 = 20.'),
  asNumber: count(1, 4_294_967_295).default(64_512).describe('AS number of the cluster.'),
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
  mtu: mtu().exactOptional().describe('MTU of the containers, if not that of the encapsulation.'),
})

export type CalicoOptions = z.output<typeof calicoOptions>

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

/** MTU of the containers of a network on a host whose NIC has `nicMtu`. */
export function podMtu(options: CalicoOptions, nicMtu: number): number {
  const { mtu: wanted, encapsulation, version } = options
  if (wanted !== undefined) return wanted
  if (encapsulation === 'none') return nicMtu
  const { overhead, fixed } = TUNNELS[encapsulation.startsWith('ipip') ? 'ipip' : 'vxlan']
  return version === '3.16' ? fixed : nicMtu - overhead
}
