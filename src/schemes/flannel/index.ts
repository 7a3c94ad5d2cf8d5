import { formatPrefix } from '../../wire/ipv4-address.ts'
import type { Scheme, SchemeContext, SchemeFinding } from '../contract.ts'
import { Flanneld } from './daemon.ts'
import { type FlannelOptions, flannelOptions, subnetLengthOf } from './options.ts'

/** The checks of pkg/subnet/config.go, and whether the pool has a subnet for every host. */
function check(options: FlannelOptions, context: SchemeContext): SchemeFinding[] {
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
  const subnets = 2 ** (length - subnet.length)
  if (context.hosts.length > subnets) {
    return [
      {
        path: ['subnet'],
        message: `out of subnets: ${formatPrefix(subnet)} has ${subnets} of /${length}, for ${context.hosts.length} hosts`,
        remedy: 'give a larger pool, or a longer subnetLen',
      },
    ]
  }
  const room = 2 ** (32 - length) - 3
  const crowded = context.hosts.find((host) => host.containers > room)
  if (!crowded) return []
  return [
    {
      path: ['subnet'],
      message: `${crowded.name} has ${crowded.containers} containers, but its /${length} holds ${room}`,
      remedy: `give a shorter subnetLen than ${length}`,
    },
  ]
}

export const flannelScheme: Scheme<FlannelOptions> = {
  name: 'flannel',
  summary: 'A subnet for each host out of one pool; VXLAN or routes between the hosts.',
  options: flannelOptions,
  variant: (options) => `flannel/${options.backend}`,
  check,
  note: (options) =>
    options.subnetManager === 'static'
      ? 'subnets were handed to every host at its start; no store is involved'
      : null,
  startHost: (host, network) => new Flanneld(host, network),
}
