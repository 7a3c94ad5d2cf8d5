import {
  AddressPool,
  AttachError,
  attachToBridge,
  type ContainerSpec,
  contains,
  count,
  type Daemon,
  type Endpoint,
  formatIpv4,
  type Host,
  IpTunnel,
  type Ipv4Address,
  type Ipv4Prefix,
  ipv4Prefix,
  macOfAddress,
  type NetNamespace,
  type NetworkSpec,
  NO_ADDRESS_LEFT,
  type Process,
  type Scheme,
  TunnelHeader,
  z,
} from 'encap/scheme'

const options = z.strictObject({
  subnet: ipv4Prefix().prefault('10.98.0.0/16').describe('The network, a block of it a host.'),
  blockLength: count(8, 30).default(24).describe('Prefix length of the block of a host.'),
  bridge: z.string().max(15).default('grebr0').describe('Bridge of the containers of a host.'),
})

type Options = z.output<typeof options>

/** RFC 2784: no checksum, version 0, and the EtherType of what follows. */
class GreHeader extends TunnelHeader {
  readonly name = 'GRE'
  readonly bytes = 4

  encode(): Uint8Array {
    return Uint8Array.of(0, 0, 0x08, 0x00)
  }
}

const GRE = { protocol: 47, header: new GreHeader() }
const IPV4_HEADER_BYTES = 20
const OVERHEAD = IPV4_HEADER_BYTES + GRE.header.bytes

/** `ip tunnel add NAME mode gre local ADDRESS`: the other end is the gateway of a packet's route. */
class GreTunnel extends IpTunnel {
  readonly kind = 'gre'

  constructor(namespace: NetNamespace, name: string, mtu: number, local: Ipv4Address) {
    super(namespace, name, mtu, GRE, { local })
  }
}

interface Block {
  readonly host: string
  readonly address: Ipv4Address
  readonly block: Ipv4Prefix
}

/** Every host counts the same blocks, so that none need be told. */
function blocksOf({ options, members }: NetworkSpec<Options>): Block[] {
  const { subnet, blockLength: length } = options
  return members.map(({ host, address }, i) => {
    const base = (subnet.base + i * 2 ** (32 - length)) | 0
    return { host, address, block: { base, length } }
  })
}

const TUNNEL = 'gre1'

class GreDaemon implements Daemon {
  readonly log: string[] = []
  private readonly host: Host
  private readonly options: Options
  private readonly own: Ipv4Prefix
  private readonly others: readonly Block[]
  private readonly gateway: Ipv4Address
  private readonly mtu: number
  private pool: AddressPool
  private boots: number

  constructor(host: Host, network: NetworkSpec<Options>) {
    const blocks = blocksOf(network)
    this.host = host
    this.options = network.options
    this.own = blocks.find((each) => each.host === host.name)!.block
    this.others = blocks.filter((each) => each.host !== host.name)
    this.gateway = (this.own.base + 1) | 0
    this.mtu = host.nic.mtu - OVERHEAD
    this.pool = this.emptyPool()
    this.boots = host.boots
    this.setUp()
  }

  private emptyPool(): AddressPool {
    return new AddressPool('lowest', this.own, [this.gateway])
  }

  private setUp(): void {
    const { commands, root } = this.host
    const { bridge } = this.options
    commands.sysctl('net.ipv4.ip_forward', 1)
    if (root.device(bridge) === undefined) {
      commands.link.add({ name: bridge, type: 'bridge', mtu: this.mtu })
      // Set by hand, it does not change as ports come and go.
      commands.link.address(bridge)
      commands.link.up(bridge)
      commands.addr.add({ address: this.gateway, length: this.own.length }, bridge)
    }
    // Linux has one such tunnel for each local address: a second network shares it.
    if (root.device(TUNNEL) === undefined) {
      root.addDevice(new GreTunnel(root, TUNNEL, this.mtu, this.host.address))
      commands.link.up(TUNNEL)
    }
    for (const { block, address: via } of this.others) {
      commands.route.replace({ dst: block, via, dev: TUNNEL, flags: ['onlink'] })
    }
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const address = this.takeAddress(container.address)
    if (address instanceof AttachError) return address
    const endpoint = attachToBridge(this.host.commands, container, {
      bridge: this.options.bridge,
      mtu: this.mtu,
      address,
      length: this.own.length,
      mac: container.mac ?? macOfAddress(address),
      hairpin: false,
    })
    if (endpoint instanceof AttachError) {
      this.pool.release(address)
      return endpoint
    }
    const { namespace, device: name, defaultRoute } = container
    const destination = defaultRoute ? { base: 0, length: 0 } : this.options.subnet
    const device = namespace.device(name)!
    namespace.routes.replace({ destination, via: this.gateway, device })
    return endpoint
  }

  private takeAddress(wanted: Ipv4Address | null): Ipv4Address | AttachError {
    if (wanted === null) return this.pool.allocate() ?? new AttachError(NO_ADDRESS_LEFT)
    if (contains(this.own, wanted) && this.pool.reserve(wanted)) return wanted
    return new AttachError(`${formatIpv4(wanted)} is taken, or of another host`)
  }

  *detach({ namespace, device: name, address }: Endpoint): Process<void> {
    const device = namespace.device(name)
    if (device === undefined) return
    device.destroy()
    namespace.removeDevice(device)
    this.pool.release(address)
  }

  stop(): void {}
  crash(): void {}

  start(): void {
    if (this.boots !== this.host.boots) {
      this.boots = this.host.boots
      this.pool = this.emptyPool()
    }
    this.setUp()
  }

  *leave(): Process<void> {
    const { commands } = this.host
    for (const { block } of this.others) commands.route.delete(block)
    commands.link.delete(this.options.bridge)
  }
}

const gre: Scheme<Options> = {
  name: 'gre',
  summary: 'A bridge on each host, and static routes through a GRE tunnel between them.',
  options,
  variant: () => 'gre',
  claims: ({ bridge }) => [bridge],
  showcase: [{ options: {}, another: { subnet: '10.99.0.0/16', bridge: 'grebr1' } }],
  check({ subnet, blockLength }, { hosts }) {
    const room = blockLength > subnet.length ? 2 ** (blockLength - subnet.length) : 0
    if (room >= hosts.length) return []
    return [
      {
        path: ['blockLength'],
        message: `the subnet has ${room} blocks of /${blockLength} for ${hosts.length} hosts`,
        remedy: 'give a larger subnet, or a longer prefix to the blocks',
      },
    ]
  },
  startHost: (host, network) => new GreDaemon(host, network),
}

export default gre

/** What the contract suite must know beyond the scheme itself. */
export const contract = {
  small: { blockLength: 29 },
}
