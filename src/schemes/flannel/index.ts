import { formatPrefix } from '../../wire/ipv4-address.ts'
import type { Scheme, SchemeContext, SchemeFinding, Showcase } from '../contract.ts'
import { overheadOf } from './backend/backend.ts'
import { tunnelDeviceOf } from './backend/make.ts'
import { checkManager, noteOf } from './manager-options.ts'
import { type FlannelOptions, flannelOptions, isEtcd, portOf, subnetLengthOf } from './options.ts'
import { startManaged } from './start-managed.ts'
import { StaticFlanneld } from './static-daemon.ts'

/** ETH_MIN_MTU. */
const MTU_MIN = 68

/** The checks of pkg/subnet/config.go, and whether the pool has a subnet for every host. */
function check(options: FlannelOptions, context: SchemeContext): readonly SchemeFinding[] {
  const { subnet } = options
  const length = subnetLengthOf(options)
  if (subnet.length > 28 || length < subnet.length + 2 || length > 30) {
    return [
      {
        path: ['subnetLen'],
        message: `subnets of /${length} cannot be cut from ${formatPrefix(subnet)}`,
        remedy: `use a pool of at most /28 and a length from ${subnet.length + 2} to 30`,
      },
    ]
  }
  const members = context.hosts.filter((host) => host.containers > 0)
  const findings = [...checkRoom(options, members), ...checkManager(options, context)]
  if (findings.length > 0) return findings
  return checkDevice(options, members)
}

function checkRoom(
  options: FlannelOptions,
  members: SchemeContext['hosts'],
): readonly SchemeFinding[] {
  const { subnet } = options
  const length = subnetLengthOf(options)
  const subnets = subnetsOf(options)
  if (members.length > subnets) {
    return [
      {
        path: ['subnet'],
        message:
          `out of subnets: ${formatPrefix(subnet)} has ${subnets} of /${length}, ` +
          `for ${members.length} hosts`,
        remedy: 'give a larger pool, or a longer subnetLen',
      },
    ]
  }
  const room = 2 ** (32 - length) - 3
  const crowded = members.find((host) => host.containers > room)
  if (!crowded) return []
  return [
    {
      path: ['subnet'],
      message: `${crowded.name} has ${crowded.containers} containers, but its /${length} holds ${room}`,
      remedy: `give a shorter subnetLen than ${length}`,
    },
  ]
}

/** SubnetMin leaves the first one out, where flanneld itself chooses. */
function subnetsOf(options: FlannelOptions): number {
  const all = 2 ** (subnetLengthOf(options) - options.subnet.length)
  return isEtcd(options) ? all - 1 : all
}

/** Linux's limits of a device: 15 characters of name (IFNAMSIZ), an MTU of 68 (ETH_MIN_MTU). */
function checkDevice(
  options: FlannelOptions,
  members: SchemeContext['hosts'],
): readonly SchemeFinding[] {
  const name = tunnelDeviceOf(options) ?? ''
  if (name.length > 15) {
    const message = `the device of this VNI would be called ${name}, more than Linux's 15 characters`
    return [{ path: ['vni'], message, remedy: 'a VNI of at most 9999999' }]
  }
  const overhead = overheadOf(options)
  const narrow = members.find((host) => host.mtu - overhead < MTU_MIN)
  if (!narrow) return []
  const { backend } = options
  const left = narrow.mtu - overhead
  const message = `${backend} leaves ${left} bytes of the ${narrow.mtu} that the NIC of ${narrow.name} takes`
  const remedy = `an MTU of the NIC of at least ${MTU_MIN + overhead} bytes`
  return [{ path: ['backend'], message, remedy }]
}

/** What two networks of a host cannot both have. Chains they share, and put right every 5 s. */
function claims(options: FlannelOptions): readonly string[] {
  const { backend, bridge } = options
  const device = tunnelDeviceOf(options)
  return [
    bridge,
    ...(device === null ? [] : [device]),
    ...(backend === 'udp' ? [`UDP port ${portOf(options)}`] : []),
  ]
}

function variant({ backend, directRouting, subnetManager }: FlannelOptions): string {
  const hasTunnel = backend === 'vxlan' || backend === 'ipip'
  const direct = directRouting && hasTunnel ? '+DirectRouting' : ''
  const manager = subnetManager === 'static' ? '' : `/${subnetManager}`
  return `flannel/${backend}${direct}${manager}`
}

/** Subnets come out of etcd; its name leaves that out, as it is so in all of them. */
function showcaseOf(options: { backend: string; directRouting?: boolean }): Showcase {
  const another = { subnet: '10.245.0.0/16', bridge: 'cni1', etcdPrefix: '/coreos.com/network2' }
  return {
    name: `flannel/${options.backend}${options.directRouting === true ? '+DirectRouting' : ''}`,
    options: { ...options, subnetManager: 'etcd-v3' },
    another: {
      ...another,
      ...(options.backend === 'vxlan' ? { vni: 2 } : {}),
      ...(options.backend === 'udp' ? { port: 8286 } : {}),
    },
    store: { kind: 'etcd', members: 3 },
    shortLeases: { leaseTtl: '60s', leaseRenewMargin: '30s' },
  }
}

export const flannelScheme: Scheme<FlannelOptions> = {
  name: 'flannel',
  summary: 'A subnet for each host out of one pool; tunnels or routes between the hosts.',
  options: flannelOptions,
  variant,
  claims,
  check,
  note: noteOf,
  showcase: [
    { backend: 'vxlan' },
    { backend: 'vxlan', directRouting: true },
    { backend: 'host-gw' },
    { backend: 'ipip' },
    { backend: 'udp' },
  ].map((options) => showcaseOf(options)),
  startHost: (host, network) =>
    network.options.subnetManager === 'static'
      ? new StaticFlanneld(host, network)
      : startManaged(host, network),
}
