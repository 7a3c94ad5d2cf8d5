import { formatPrefix } from '../../wire/ipv4-address.ts'
import type { Scheme, SchemeContext, SchemeFinding } from '../contract.ts'
import { deviceName, VXLAN_OVERHEAD } from './backend.ts'
import { BRIDGE } from './cni.ts'
import { checkManager, noteOf } from './manager-options.ts'
import { type FlannelOptions, flannelOptions, isEtcd, subnetLengthOf } from './options.ts'
import { startManaged } from './start-managed.ts'
import { StaticFlanneld } from './static-daemon.ts'

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
  return options.backend === 'vxlan' ? checkDevice(options, members) : []
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
  { vni }: FlannelOptions,
  members: SchemeContext['hosts'],
): readonly SchemeFinding[] {
  const name = deviceName(vni)
  if (name.length > 15) {
    const message = `the device of this VNI would be called ${name}, more than Linux's 15 characters`
    return [{ path: ['vni'], message, remedy: 'a VNI of at most 9999999' }]
  }
  const narrow = members.find((host) => host.mtu - VXLAN_OVERHEAD < 68)
  if (!narrow) return []
  const left = narrow.mtu - VXLAN_OVERHEAD
  const message = `VXLAN leaves ${left} bytes of the ${narrow.mtu} that the NIC of ${narrow.name} takes`
  return [{ path: ['backend'], message, remedy: 'an MTU of the NIC of at least 118 bytes' }]
}

export const flannelScheme: Scheme<FlannelOptions> = {
  name: 'flannel',
  summary: 'A subnet for each host out of one pool; VXLAN or routes between the hosts.',
  options: flannelOptions,
  variant: ({ backend, subnetManager }) =>
    subnetManager === 'static' ? `flannel/${backend}` : `flannel/${backend}/${subnetManager}`,
  claims: ({ vni }) => [BRIDGE, deviceName(vni), 'the chain FLANNEL-POSTRTG'],
  check,
  note: noteOf,
  startHost: (host, network) =>
    network.options.subnetManager === 'static'
      ? new StaticFlanneld(host, network)
      : startManaged(host, network),
}
