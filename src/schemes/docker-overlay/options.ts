import { z } from 'zod'
import { contains, type Ipv4Address, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { count, ipv4Address, ipv4Prefix, mtu } from '../option-types.ts'

const furtherSubnet = z.strictObject({
  subnet: ipv4Prefix().describe('`--subnet`.'),
  ipRange: ipv4Prefix().exactOptional().describe('`--ip-range` of this subnet.'),
  gateway: ipv4Address().exactOptional().describe('`--gateway` of this subnet.'),
})

const published = z.strictObject({
  container: z.string().describe('The container whose port it is.'),
  protocol: z.enum(['tcp', 'udp']).default('tcp').describe('`/tcp` or `/udp`.'),
  port: count(1, 65535).describe('Port in the container.'),
  hostPort: count(1, 65535).describe('Port of the host.'),
})

/** IANA's. */
export const VXLAN_PORT = 4789
/** Of `--data-path-port`. */
const [DATA_PORT_MIN, DATA_PORT_MAX] = [1024, 49_151]

/** Of `--network-control-plane-mtu`; dockerd makes 500 of less. */
const [CONTROL_MTU_MIN, CONTROL_MTU_MAX] = [500, 65_535]
export const CONTROL_MTU = 1500

export const dockerOverlayOptions = z.strictObject({
  mode: z
    .enum(['classic', 'swarm'])
    .default('classic')
    .describe(
      '`classic`: `--cluster-store`, with an etcd or Consul, and Serf. `swarm`: managers among the hosts ' +
        'allocate, and hosts tell each other of containers by gossip; no store.',
    ),
  managers: z
    .array(z.string())
    .exactOptional()
    .describe(
      'Swarm mode: the hosts that are managers; that of the first network counts. Default: the first ' +
        'three hosts, or the first alone when there are fewer.',
    ),
  ingress: z
    .boolean()
    .default(true)
    .describe(
      'Swarm mode: whether the swarm has its ingress network, which takes the first VNI, a pool and the first ' +
        'address on each docker_gwbridge; no port is published by it. That of the first network counts.',
    ),
  version: z
    .enum(['17.06', '20.10', '28.0'])
    .default('20.10')
    .describe(
      'Release whose behaviour applies. Until 17.09 a peer that comes up elsewhere overwrites the old ' +
        'entry at once, and a late leave of the old one removes the new; later it waits for the leave. ' +
        'Since 18.06 a swarm gives each node of a network an address for its load balancer. From 28.0 on, ' +
        'which knows swarm mode only, docker_gwbridge has rules in chains of its own and drops what is routed ' +
        'to a container from elsewhere, MAC addresses there are random, and containers announce theirs by ' +
        'three unsolicited ARP requests.',
    ),
  subnet: ipv4Prefix()
    .exactOptional()
    .describe(
      '`--subnet`, shared by all hosts. Default: the first free of 10.0.0.0/24, 10.0.1.0/24 ...',
    ),
  ipRange: ipv4Prefix()
    .exactOptional()
    .describe('`--ip-range`: the part of the subnet from which addresses are chosen.'),
  gateway: ipv4Address().exactOptional().describe('`--gateway`. Default: the first free address.'),
  moreSubnets: z
    .array(furtherSubnet)
    .prefault([])
    .describe(
      'Further `--subnet`: each has a VNI, a bridge and a gateway of its own, and the hosts route between ' +
        'them. A container gets an address of the first with room, or the one that it asks for; in swarm ' +
        'mode of any of them, by chance.',
    ),
  auxAddresses: z
    .record(z.string(), ipv4Address())
    .prefault({})
    .describe('`--aux-address`: addresses of the subnets that no container gets, by name.'),
  internal: z
    .boolean()
    .default(false)
    .describe('`--internal`: no docker_gwbridge, and so no way out.'),
  mtu: mtu()
    .exactOptional()
    .describe(
      '`-o com.docker.network.driver.mtu`: MTU of the underlay; containers get 50 less. Default: 1500, ' +
        'whatever the NIC has.',
    ),
  encrypted: z
    .boolean()
    .default(false)
    .describe('`-o encrypted`. Without swarm mode there are no keys, and no container can join.'),
  dataPathPort: count(DATA_PORT_MIN, DATA_PORT_MAX)
    .default(VXLAN_PORT)
    .describe(
      'Swarm mode: `--data-path-port`, the UDP port of VXLAN; that of the first network counts.',
    ),
  networkControlPlaneMtu: count(CONTROL_MTU_MIN, CONTROL_MTU_MAX)
    .default(CONTROL_MTU)
    .describe(
      'Swarm mode: `dockerd --network-control-plane-mtu`. Packets of gossip have 100 bytes less; the larger, ' +
        'the sooner many containers are known. That of the first network counts.',
    ),
  publish: z
    .array(published)
    .prefault([])
    .describe('`-p`: ports that the hosts forward to containers, by docker_gwbridge.'),
  gatewayBridgeSubnet: ipv4Prefix()
    .prefault('172.18.0.0/16')
    .describe(
      'Subnet of docker_gwbridge, the same on every host; that of the first network counts.',
    ),
  restart: z
    .enum(['no', 'always'])
    .default('no')
    .describe('`--restart`: whether containers start again with the daemon, which ends them.'),
})

export type DockerOverlayOptions = z.output<typeof dockerOverlayOptions>

/** One `--subnet` with what the command line says of it; null = it says nothing. */
export interface SubnetWish {
  readonly subnet: Ipv4Prefix | null
  readonly ipRange: Ipv4Prefix | null
  readonly gateway: Ipv4Address | null
  /** By name. */
  readonly auxAddresses: Readonly<Record<string, Ipv4Address>>
}

/** The subnets that the user asks for, in his order; one without a block when he asks for none. */
export function subnetWishes(options: DockerOverlayOptions): readonly SubnetWish[] {
  const { subnet = null, ipRange = null, gateway = null, moreSubnets, auxAddresses } = options
  const further = moreSubnets.map((each) => ({ ipRange: null, gateway: null, ...each }))
  return [{ subnet, ipRange, gateway }, ...further].map((wish) => {
    const own = Object.entries(auxAddresses).filter(
      ([, address]) => wish.subnet === null || contains(wish.subnet, address),
    )
    return { ...wish, auxAddresses: Object.fromEntries(own) }
  })
}

/** Outer IPv4, UDP and VXLAN, inner Ethernet. */
const VXLAN_OVERHEAD = 50
const UNDERLAY_MTU_DEFAULT = 1500

/** SPI, sequence number, IV, length of the padding, next header, ICV. */
const ESP_OVERHEAD = 26

/** Of everything inside, as the driver computes it from the option in the store (0 = none). */
export function overlayMtu(underlay: number, isEncrypted: boolean): number {
  const mtu = (underlay || UNDERLAY_MTU_DEFAULT) - VXLAN_OVERHEAD
  if (!isEncrypted) return mtu
  // ESP pads to four bytes.
  const inside = mtu - ESP_OVERHEAD
  return inside - (inside % 4)
}
