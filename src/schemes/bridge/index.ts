import { z } from 'zod'
import type { Host } from '../../host/host.ts'
import type { Process } from '../../sim/process.ts'
import { formatIpv4, formatPrefix, type Ipv4Address } from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AddressPool, NO_ADDRESS_LEFT } from '../address-pool.ts'
import { attachToBridge } from '../attach-veth.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
  type Scheme,
} from '../contract.ts'
import { count, ipv4Prefix, mtu } from '../option-types.ts'

const published = z.strictObject({
  container: z.string().describe('The container whose port it is.'),
  port: count(1, 65535).describe('UDP port in the container.'),
  hostPort: count(1, 65535).describe('UDP port of the host.'),
})

const options = z.strictObject({
  subnet: ipv4Prefix()
    .prefault('172.17.0.0/16')
    .describe('The subnet of the bridge, the same on every host.'),
  bridge: z
    .string()
    .regex(/^(?!(eth0|lo|veth.*)$)[A-Za-z][A-Za-z0-9._-]{0,14}$/, {
      error: 'a name of up to 15 letters and digits that no other device of a host has',
    })
    .default('docker0')
    .describe('Name of the bridge.'),
  mtu: mtu().prefault(1500).describe('MTU of the containers.'),
  publish: z.array(published).prefault([]).describe('Ports that the hosts forward to containers.'),
})

type Options = z.output<typeof options>

/** A local bridge with NAT to the outside: what an engine gives when nothing is configured. */
class BridgeDriver implements Daemon {
  readonly log: string[] = []
  private readonly host: Host
  private readonly options: Options
  private pool: AddressPool
  private readonly gateway: Ipv4Address
  /** Boot of the host in which the bridge was made. */
  private boot: number

  constructor(host: Host, network: NetworkSpec<Options>) {
    this.host = host
    this.options = network.options
    const { subnet } = this.options
    this.gateway = (subnet.base + 1) | 0
    this.boot = host.boots
    this.pool = this.emptyPool()
    this.makeBridge()
  }

  private emptyPool(): AddressPool {
    return new AddressPool('lowest', this.options.subnet, [this.gateway])
  }

  private makeBridge(): void {
    const { subnet, bridge, mtu } = this.options
    const { commands } = this.host
    commands.sysctl('net.ipv4.ip_forward', 1)
    commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    commands.link.add({ name: bridge, type: 'bridge', mtu })
    // Of its own: else it would change as its ports come and go.
    commands.link.address(bridge)
    commands.link.up(bridge)
    commands.addr.add({ address: this.gateway, length: subnet.length }, bridge)
    this.programRules()
  }

  /** The chains of engines from 17.06 to 27. */
  private programRules(): void {
    const { bridge, subnet } = this.options
    this.host.commands.iptables.restore(
      `*filter
:FORWARD DROP
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o ${bridge} -j DOCKER
-A FORWARD -i ${bridge} ! -o ${bridge} -j ACCEPT
-A FORWARD -i ${bridge} -o ${bridge} -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o ${bridge} -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s ${formatPrefix(subnet)} ! -o ${bridge} -j MASQUERADE
-A DOCKER -i ${bridge} -j RETURN
COMMIT
`,
      { noflush: true },
    )
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const address = this.takeAddress(container.address)
    if (address instanceof AttachError) return address
    const { bridge, subnet, mtu } = this.options
    const endpoint = attachToBridge(this.host.commands, container, {
      bridge,
      mtu,
      address,
      length: subnet.length,
      mac: container.mac ?? macOfAddress(address),
      hairpin: false,
    })
    if (endpoint instanceof AttachError) {
      this.pool.release(address)
      return endpoint
    }
    const { namespace } = container
    if (container.defaultRoute) {
      const device = namespace.device(container.device)!
      namespace.routes.replace({ destination: { base: 0, length: 0 }, via: this.gateway, device })
    }
    this.changePublished('-A', container.name, address)
    return endpoint
  }

  private takeAddress(wanted: Ipv4Address | null): Ipv4Address | AttachError {
    if (wanted === null) {
      return this.pool.allocate() ?? new AttachError(NO_ADDRESS_LEFT)
    }
    if (this.pool.reserve(wanted)) return wanted
    return new AttachError(`Address already in use: ${formatIpv4(wanted)}`)
  }

  private changePublished(command: '-A' | '-D', container: string, address: Ipv4Address): void {
    const { bridge, publish } = this.options
    const target = formatIpv4(address)
    for (const { port, hostPort } of publish.filter((entry) => entry.container === container)) {
      const { iptables } = this.host.commands
      iptables.run(
        `-t nat ${command} DOCKER ! -i ${bridge} -p udp -m udp --dport ${hostPort} -j DNAT --to-destination ${target}:${port}`,
      )
      iptables.run(
        `${command} DOCKER -d ${target}/32 ! -i ${bridge} -o ${bridge} -p udp -m udp --dport ${port} -j ACCEPT`,
      )
      iptables.run(
        `-t nat ${command} POSTROUTING -s ${target}/32 -d ${target}/32 -p udp -m udp --dport ${port} -j MASQUERADE`,
      )
    }
  }

  *detach(endpoint: Endpoint): Process<void> {
    const device = endpoint.namespace.device(endpoint.device)
    if (!device) return
    device.destroy()
    endpoint.namespace.removeDevice(device)
    this.changePublished('-D', endpoint.container, endpoint.address)
    this.pool.release(endpoint.address)
  }

  stop(): void {}
  crash(): void {}

  /** An engine that is back finds its networks as they were, but after a boot it makes them anew. */
  start(): void {
    if (this.boot === this.host.boots) return
    this.boot = this.host.boots
    this.pool = this.emptyPool()
    this.makeBridge()
  }

  /** Nobody else knows of the host. */
  *leave(): Process<void> {}
}

export const bridgeScheme: Scheme<Options> = {
  name: 'bridge',
  summary: 'A bridge on each host with NAT to the outside; containers of two hosts do not meet.',
  options,
  showcase: [{ options: {}, another: { bridge: 'br-2', subnet: '172.19.0.0/16' } }],
  variant: () => 'bridge',
  claims: ({ bridge }) => [bridge, 'the chain DOCKER'],
  check({ subnet }, { hosts }) {
    const room = 2 ** (32 - subnet.length) - 3
    const crowded = hosts.find((host) => host.containers > room)
    if (!crowded) return []
    const { name, containers } = crowded
    return [
      {
        path: ['subnet'],
        message: `${name} has ${containers} containers, but its subnet holds ${Math.max(0, room)}`,
        remedy: `give a larger subnet than /${subnet.length}`,
      },
    ]
  },
  startHost: (host, network) => new BridgeDriver(host, network),
}
