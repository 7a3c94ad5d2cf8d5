/**
 * A scheme that the project does not have: routed, without a bridge and without encapsulation. Each
 * container has a cable of its own to the host, which answers every ARP request on it (proxy ARP) and
 * has a route to the container; between hosts there are static routes.
 */
import { z } from 'zod'
import type { Host } from '../../src/host/host.ts'
import { AddressPool } from '../../src/schemes/address-pool.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
  type Scheme,
} from '../../src/schemes/contract.ts'
import { count, ipv4Prefix } from '../../src/schemes/option-types.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND } from '../../src/sim/units.ts'
import { formatIpv4, type Ipv4Prefix } from '../../src/wire/ipv4-address.ts'
import { macOf } from '../../src/wire/mac-address.ts'

const options = z.strictObject({
  subnet: ipv4Prefix().prefault('10.99.0.0/16').describe('The network, a block of it a host.'),
  blockLength: count(8, 30).default(24).describe('Prefix length of the block of a host.'),
})

type Options = z.output<typeof options>

const DEFAULT_ROUTE: Ipv4Prefix = { base: 0, length: 0 }
/** What setting up a container costs, so that the contract meets a daemon that takes its time. */
const SETUP_TIME = 2 * MILLISECOND

class ToyDaemon implements Daemon {
  readonly log: string[] = []
  private readonly host: Host
  private readonly options: Options
  private readonly blocks: readonly { readonly block: Ipv4Prefix; readonly address: number }[]
  private readonly own: Ipv4Prefix
  private pool: AddressPool
  private boot: number
  private cables = 0

  constructor(host: Host, { options, members }: NetworkSpec<Options>) {
    this.host = host
    this.options = options
    const { subnet, blockLength: length } = options
    this.blocks = members.map((member, i) => ({
      ...member,
      block: { base: (subnet.base + i * 2 ** (32 - length)) | 0, length },
    }))
    this.own = this.blocks[members.findIndex((entry) => entry.host === host.name)]!.block
    this.pool = new AddressPool('lowest', this.own, [])
    this.boot = host.boots
    this.route()
  }

  private route(): void {
    const { host, own } = this
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    for (const { block, address } of this.blocks) {
      const refusal =
        block === own
          ? host.commands.route.replace({ dst: block, type: 'blackhole' })
          : host.commands.route.replace({ dst: block, via: address })
      if (refusal) this.log.push(refusal.message)
    }
  }

  *attach({
    name,
    network,
    namespace,
    device,
    ...wish
  }: ContainerSpec): Process<Endpoint | AttachError> {
    yield* sleep(SETUP_TIME)
    const { commands, root, nic, address: gateway } = this.host
    const wanted = wish.address
    const address = wanted ?? this.pool.allocate()
    if (address === null) return new AttachError('no address left')
    if (wanted !== null && !this.pool.reserve(wanted)) {
      return new AttachError(`${formatIpv4(wanted)} is taken`)
    }
    const cable = `toy${++this.cables}`
    const mac = wish.mac ?? macOf(0x02aaaa, address & 0xffffff)
    commands.link.add({
      name: cable,
      type: 'veth',
      mtu: nic.mtu,
      peer: { name: device, namespace, mac },
    })
    commands.link.up(cable)
    root.device(cable)!.proxyArp = true
    commands.route.replace({ dst: { base: address, length: 32 }, dev: cable, src: gateway })
    const inside = namespace.device(device)!
    inside.up = true
    const { length } = this.options.subnet
    namespace.addAddress(inside, { address, length })
    if (wish.defaultRoute) {
      namespace.routes.replace({
        destination: DEFAULT_ROUTE,
        via: gateway,
        device: inside,
        onlink: true,
      })
    }
    return { container: name, network, device, namespace, address, length, mac }
  }

  *detach({ namespace, device, address }: Endpoint): Process<void> {
    const inside = namespace.device(device)!
    inside.destroy()
    namespace.removeDevice(inside)
    this.pool.release(address)
  }

  stop(): void {}
  crash(): void {}

  /** There is no daemon to start, but a host that has booted needs its routes. */
  start(): void {
    if (this.boot === this.host.boots) return
    this.boot = this.host.boots
    this.pool = new AddressPool('lowest', this.own, [])
    this.route()
  }

  *leave(): Process<void> {}
}

export const toyScheme: Scheme<Options> = {
  name: 'toy',
  summary: 'Containers behind routers of their own; static routes between the hosts.',
  options,
  variant: () => 'toy/proxy-arp',
  note: () => 'nobody uses this in earnest',
  check: ({ subnet, blockLength }) =>
    blockLength > subnet.length
      ? []
      : [{ path: ['blockLength'], message: 'no block fits', remedy: 'a longer one' }],
  startHost: (host, network) => new ToyDaemon(host, network),
}
