import { z } from 'zod'
import { SECOND } from '../../sim/units.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import { VXLAN_PORT_LINUX } from '../../wire/vxlan.ts'
import type { NetworkMember } from '../contract.ts'
import { count, duration, ipv4Address, ipv4Prefix, mtu } from '../option-types.ts'

/** flanneld's own, picoseconds. */
export const LEASE_TTL_DEFAULT = 24 * 3600 * SECOND
export const RENEW_MARGIN_DEFAULT = 3600 * SECOND

/** Of the udp backend (pkg/backend/udp). */
const UDP_PORT_DEFAULT = 8285

/** A value for each of some hosts. */
const byHost = <T extends z.ZodType>(value: T) => z.record(z.string(), value)

export const flannelOptions = z.strictObject({
  backend: z
    .enum(['vxlan', 'host-gw', 'ipip', 'udp'])
    .default('vxlan')
    .describe(
      '`vxlan`: packets in VXLAN; `host-gw`: routes by the hosts, no encapsulation; `ipip`: packets ' +
        'in IP packets; `udp`: packets in UDP, by a program on each host.',
    ),
  directRouting: z
    .boolean()
    .default(false)
    .describe(
      '`DirectRouting` of vxlan and ipip: hosts on a link of ours are reached without a tunnel.',
    ),
  subnet: ipv4Prefix()
    .prefault('10.244.0.0/16')
    .describe('`Network`: the pool of which each host gets a subnet.'),
  subnetLen: count(8, 30)
    .exactOptional()
    .describe(
      '`SubnetLen`. Default: 24, or two more than the pool where that is smaller than /22.',
    ),
  subnetManager: z
    .enum(['static', 'etcd-v2', 'etcd-v3', 'kube'])
    .default('static')
    .describe(
      'Who hands out the subnets. `static`: every host is told all of them at its start; else the ' +
        'store: by its keys of v2 or v3, whose configuration the first host writes at the start as ' +
        'etcdctl does, or as node records of Kubernetes.',
    ),
  version: z
    .enum(['0.11', '0.16', '0.27', '0.28'])
    .exactOptional()
    .describe(
      'Release whose behaviour applies. Default: 0.11 with etcd-v2, else 0.28. Until 0.15 a host ' +
        'takes its last subnet back even if another has it; until 0.27 a watch that was compacted ' +
        'never recovers.',
    ),
  etcdPrefix: z
    .string()
    .regex(/^(\/[\w.-]+)+$/, { error: 'a path such as /coreos.com/network' })
    .default('/coreos.com/network')
    .describe('`--etcd-prefix`: where the keys are.'),
  leaseTtl: duration()
    .prefault('24h')
    .describe('How long a lease lives. flanneld has 24 h; shorter ones are for short runs.'),
  leaseRenewMargin: duration()
    .prefault('60min')
    .describe('`--subnet-lease-renew-margin`: how long before its end a lease is renewed.'),
  restartAfter: duration()
    .prefault('5s')
    .describe('`RestartSec` of the supervisor that starts flanneld again when it has exited.'),
  publicIps: byHost(ipv4Address())
    .prefault({})
    .describe('`--public-ip` by host. Default: the address of the host.'),
  reservations: byHost(ipv4Prefix())
    .prefault({})
    .describe('Subnets by host for which the operator writes keys without a TTL beforehand.'),
  vni: count(0, 16_777_215).default(1).describe('`VNI` of the vxlan backend.'),
  port: count(1, 65535)
    .exactOptional()
    .describe('`Port` of the vxlan backend (default 8472) and of udp (default 8285).'),
  ipMasq: z.boolean().default(true).describe('`--ip-masq`: NAT for what leaves the network.'),
  mtu: mtu()
    .exactOptional()
    .describe('MTU of the containers and of cni0, if not that of the backend: for wrong ones.'),
  bridge: z
    .string()
    .regex(/^[\w.-]{1,15}$/, { error: 'a name of at most 15 letters and digits' })
    .default('cni0')
    .describe('`delegate.bridge` of the CNI plugin: each network of a host has its own.'),
})

export type FlannelOptions = z.output<typeof flannelOptions>

export type FlannelVersion = NonNullable<FlannelOptions['version']>

export function isEtcd({ subnetManager }: FlannelOptions): boolean {
  return subnetManager === 'etcd-v2' || subnetManager === 'etcd-v3'
}

/** The v2 API was there up to 0.16, the v3 API from 0.18. */
export function versionOf({ version, subnetManager }: FlannelOptions): FlannelVersion {
  return version ?? (subnetManager === 'etcd-v2' ? '0.11' : '0.28')
}

/** `Port` with its defaults. */
export function portOf({ backend, port }: FlannelOptions): number {
  return port ?? (backend === 'udp' ? UDP_PORT_DEFAULT : VXLAN_PORT_LINUX)
}

/** `SubnetLen` with its default (pkg/subnet/config.go). */
export function subnetLengthOf(options: FlannelOptions): number {
  if (options.subnetLen !== undefined) return options.subnetLen
  return options.subnet.length <= 22 ? 24 : options.subnet.length + 2
}

/** What a host calls itself towards the others. */
export function publicIpOf(
  { publicIps }: FlannelOptions,
  { host, address }: NetworkMember,
): Ipv4Address {
  return publicIps[host] ?? address
}
