import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  lastOf,
} from '../wire/ipv4-address.ts'
import { AddressPool } from './address-pool.ts'
import type { NetworkMember, SchemeContext, SchemeFinding } from './contract.ts'
import type { ParentNetworkOptions } from './parent-network-options.ts'

type Options = Pick<ParentNetworkOptions, 'subnet' | 'gateway' | 'ranges' | 'auxAddresses'>

/** What one engine was told of a network's addresses; no other engine knows of it. */
export class AddressPlan {
  /** `--ip-range`, or the whole subnet. */
  readonly range: Ipv4Prefix
  /** Null when a range so small has no room for one. */
  readonly gateway: Ipv4Address | null
  readonly pool: AddressPool

  /** @param others further addresses that no container may get. */
  constructor(
    options: Options,
    members: readonly NetworkMember[],
    host: string,
    others: readonly Ipv4Address[] = [],
  ) {
    this.range = rangeOf(options, members, host)
    const reserved = [...reservedOf(options, members), ...others]
    const { base } = this.range
    this.pool = new AddressPool('lowest', options.subnet, reserved, [base, lastOf(this.range)])
    if (options.gateway === undefined) this.gateway = this.pool.allocate()
    else {
      this.gateway = options.gateway
      this.pool.reserve(options.gateway)
    }
  }
}

/** Addresses that the user names to every engine; those of the hosts if there is a plan at all. */
function reservedOf(
  { auxAddresses, ranges }: Options,
  members: readonly NetworkMember[],
): Ipv4Address[] {
  const hosts = ranges === 'shared' ? [] : members.map((member) => member.address)
  return [...Object.values(auxAddresses), ...hosts]
}

function rangeOf(
  { subnet, ranges }: Options,
  members: readonly NetworkMember[],
  host: string,
): Ipv4Prefix {
  if (ranges === 'shared') return subnet
  if (ranges !== 'per-host') return ranges[host] ?? subnet
  let bits = 0
  while (2 ** bits < members.length && subnet.length + bits < 32) bits++
  const length = subnet.length + bits
  const at = members.findIndex((member) => member.host === host)
  return { base: (subnet.base + at * 2 ** (32 - length)) | 0, length }
}

/** Faults in what the user says of addresses, and hosts with more containers than addresses. */
export function checkAddresses(
  options: Options,
  context: SchemeContext,
  others: readonly Ipv4Address[] = [],
): readonly SchemeFinding[] {
  const misplaced = checkPlaces(options, context)
  if (misplaced.length > 0) return misplaced
  const members = context.hosts
    .filter((host) => host.containers > 0)
    .map((host) => ({ ...host, host: host.name }))
  for (const { name, containers } of members) {
    const plan = new AddressPlan(options, members, name, others)
    let room = 0
    while (room < containers && plan.pool.allocate() !== null) room++
    if (room === containers) continue
    const message = `${name} has ${containers} containers, and addresses for ${room}`
    const remedy = `give a larger subnet than /${options.subnet.length}`
    return [{ path: ['subnet'], message, remedy }]
  }
  return []
}

function checkPlaces(options: Options, context: SchemeContext): readonly SchemeFinding[] {
  const { subnet, gateway, ranges, auxAddresses } = options
  const text = formatPrefix(subnet)
  const remedy = `an address of ${text}`
  const isOutside = (address: Ipv4Address) => !contains(subnet, address)
  if (gateway !== undefined && isOutside(gateway)) {
    const message = `no matching subnet for gateway ${formatIpv4(gateway)}`
    return [{ path: ['gateway'], message, remedy }]
  }
  for (const [name, address] of Object.entries(auxAddresses)) {
    if (!isOutside(address)) continue
    const message = `no matching subnet for aux-address ${formatIpv4(address)}`
    return [{ path: ['auxAddresses', name], message, remedy }]
  }
  if (typeof ranges === 'string') return []
  for (const [host, block] of Object.entries(ranges)) {
    const isHost = context.hosts.some(({ name }) => name === host)
    if (isHost && contains(subnet, block.base) && block.length >= subnet.length) continue
    const what = isHost
      ? `${formatPrefix(block)} is not in the subnet`
      : `there is no host "${host}"`
    const instead = `a block of ${text} for a host of the fabric`
    return [{ path: ['ranges', host], message: what, remedy: instead }]
  }
  return []
}
