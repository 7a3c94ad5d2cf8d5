import { z } from 'zod'
import { linkAdd } from '../../host/device-factory.ts'
import type { Host } from '../../host/host.ts'
import { LinkError } from '../../host/link-error.ts'
import type { Process } from '../../sim/process.ts'
import type { RandomStream } from '../../sim/random.ts'
import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  lastOf,
} from '../../wire/ipv4-address.ts'
import { type MacAddress, macOf } from '../../wire/mac-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AddressPool, NO_ADDRESS_LEFT } from '../address-pool.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkMember,
  type NetworkSpec,
  type Scheme,
  type SchemeContext,
  type SchemeFinding,
} from '../contract.ts'
import { ipv4Address, ipv4Prefix } from '../option-types.ts'

const options = z.strictObject({
  subnet: ipv4Prefix().prefault('10.20.0.0/16').describe('The subnet that all hosts share.'),
  parent: z.string().default('eth0').describe('The interface that the children share.'),
  mode: z.enum(['bridge']).default('bridge').describe('How children of one host see each other.'),
  gateway: ipv4Address()
    .exactOptional()
    .describe('An external router; without it there is no default route.'),
  ranges: z
    .union([z.enum(['per-host', 'shared']), z.record(z.string(), ipv4Prefix())])
    .default('per-host')
    .describe(
      'Which addresses each host gives out. `per-host`: the subnet is split among the hosts; ' +
        '`shared`: each begins at the first address, as engines do that are told nothing, so that ' +
        'duplicates happen; or a block for each host by name (`--ip-range`).',
    ),
  macs: z
    .enum(['address', 'random'])
    .default('address')
    .describe('`address`: 02:42 and the IPv4 address (engines up to 27); `random` (28 and later).'),
})

type Options = z.output<typeof options>

/** The engine's macvlan driver on one host: local, without a store, addresses by the user's plan. */
class MacvlanDriver implements Daemon {
  readonly log: string[] = []
  private readonly host: Host
  private readonly options: Options
  private readonly pool: AddressPool
  private readonly random: RandomStream

  constructor(host: Host, network: NetworkSpec<Options>) {
    this.host = host
    this.options = network.options
    this.random = network.random
    const { options: given, members } = network
    const range = rangeOf(given, members, host.name)
    this.pool = new AddressPool('lowest', given.subnet, reservedOf(given, members), range)
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const address = this.takeAddress(container.address)
    if (address instanceof AttachError) return address
    const mac = container.mac ?? this.macFor(address)
    const { namespace, device } = container
    const lower = this.host.root.device(this.options.parent)
    if (!lower) return new AttachError(`the parent interface ${this.options.parent} is not there`)
    const inside = linkAdd(namespace, {
      name: device,
      type: 'macvlan',
      lower,
      mode: this.options.mode,
      mac,
    })
    if (inside instanceof LinkError) {
      this.pool.release(address)
      return new AttachError(inside.message)
    }
    inside.up = true
    const { length } = this.options.subnet
    namespace.addAddress(inside, { address, length })
    if (container.defaultRoute && this.options.gateway !== undefined) {
      const via = this.options.gateway
      namespace.routes.replace({ destination: { base: 0, length: 0 }, via, device: inside })
    }
    const { name, network } = container
    return { container: name, network, device, namespace, address, length, mac }
  }

  /** An address that the user asks for is taken as it is: nobody checks the other hosts. */
  private takeAddress(wanted: Ipv4Address | null): Ipv4Address | AttachError {
    if (wanted !== null) {
      if (this.pool.reserve(wanted)) return wanted
      return new AttachError(`Address already in use: ${formatIpv4(wanted)}`)
    }
    const address = this.pool.allocate()
    return address ?? new AttachError(NO_ADDRESS_LEFT)
  }

  private macFor(address: Ipv4Address): MacAddress {
    if (this.options.macs === 'address') return macOfAddress(address)
    const bits = this.random.int32()
    return macOf(0x020000 | ((bits >>> 8) & 0xffff), this.random.int32() & 0xffffff)
  }

  *detach(endpoint: Endpoint): Process<void> {
    const device = endpoint.namespace.device(endpoint.device)
    if (!device) return
    device.destroy()
    endpoint.namespace.removeDevice(device)
    this.pool.release(endpoint.address)
  }

  stop(): void {}
  crash(): void {}

  /** There is no daemon to start: an engine that is back finds its networks as they were. */
  start(): void {}
}

/** Addresses that are somebody's already: the operator's plan names the hosts and the router. */
function reservedOf({ gateway }: Options, members: readonly NetworkMember[]): Ipv4Address[] {
  const hosts = members.map((member) => member.address)
  return gateway === undefined ? hosts : [...hosts, gateway]
}

/** First and last address that a host gives out. */
function rangeOf(
  { subnet, ranges }: Options,
  members: readonly Pick<NetworkMember, 'host'>[],
  host: string,
): readonly [Ipv4Address, Ipv4Address] {
  const all = [(subnet.base + 1) | 0, (lastOf(subnet) - 1) | 0] as const
  if (ranges === 'shared') return all
  if (ranges !== 'per-host') {
    const block = ranges[host]
    return block ? [block.base, lastOf(block)] : all
  }
  const at = members.findIndex((member) => member.host === host)
  const share = Math.floor((2 ** (32 - subnet.length) - 2) / members.length)
  const base = (subnet.base >>> 0) + 1 + at * share
  return [base | 0, (base + share - 1) | 0]
}

/** Ranges that the subnet does not hold or that no host has, and hosts with too few addresses. */
function check(options: Options, context: SchemeContext): readonly SchemeFinding[] {
  const { subnet, ranges } = options
  const remedy = `a block of ${formatPrefix(subnet)} for a host of the fabric`
  if (typeof ranges === 'object') {
    for (const [host, block] of Object.entries(ranges)) {
      const isHost = context.hosts.some(({ name }) => name === host)
      if (isHost && contains(subnet, block.base) && block.length >= subnet.length) continue
      const what = isHost
        ? `${formatPrefix(block)} is not in the subnet`
        : `there is no host "${host}"`
      return [{ path: ['ranges', host], message: what, remedy }]
    }
  }
  const members = context.hosts
    .filter((host) => host.containers > 0)
    .map((host) => ({ ...host, host: host.name }))
  const reserved = [subnet.base, lastOf(subnet), ...reservedOf(options, members)]
  for (const { name, containers } of members) {
    const [first, last] = rangeOf(options, members, name).map((address) => address >>> 0)
    const taken = new Set(reserved.filter((own) => own >>> 0 >= first! && own >>> 0 <= last!))
    const room = Math.max(0, last! - first! + 1 - taken.size)
    if (containers <= room) continue
    const message = `${name} has ${containers} containers, and addresses for ${room}`
    return [{ path: ['subnet'], message, remedy: `give a larger subnet than /${subnet.length}` }]
  }
  return []
}

export const macvlanScheme: Scheme<Options> = {
  name: 'macvlan',
  summary: 'Containers with MAC addresses of their own on the physical network; no store.',
  options,
  sharesFabricSubnet: true,
  variant: () => 'macvlan',
  check,
  startHost: (host, network) => new MacvlanDriver(host, network),
}
