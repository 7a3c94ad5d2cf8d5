import { SECOND } from '../sim/units.ts'
import { formatIpv4, type Ipv4Address } from '../wire/ipv4-address.ts'
import { VXLAN_PORT_LINUX } from '../wire/vxlan.ts'
import type { HostDevice } from './host-device.ts'

export interface VxlanOptions {
  readonly vni: number
  /** Outer source address; without it the route decides. */
  readonly local?: Ipv4Address
  /** Default remote: the entry of MAC 0. */
  readonly remote?: Ipv4Address
  /** 8472 as Linux has it, not IANA's 4789. */
  readonly dstPort?: number
  readonly lower?: HostDevice
  readonly learning?: boolean
  /** Answers ARP from the neighbour table, and lets no ARP through. */
  readonly proxy?: boolean
  readonly l2miss?: boolean
  readonly l3miss?: boolean
  /** 0: the kernel's default TTL. */
  readonly ttl?: number
  /** 0 to 255; 1 takes the inner packet's. */
  readonly tos?: number
  readonly df?: 'unset' | 'set' | 'inherit'
  readonly udpChecksum?: boolean
  /** Outer source ports, the upper end not included; without it ip_local_port_range. */
  readonly sourcePorts?: readonly [number, number]
  /** Picoseconds; 0: what was learned stays. */
  readonly ageing?: number
  /** Most learned rows of the FDB; 0 is no limit. */
  readonly maxAddresses?: number
}

/** FDB_AGE_DEFAULT. */
export const VXLAN_AGEING = 300 * SECOND

/** The device's part of `ip -j -d link`. */
export function vxlanDetails(options: VxlanOptions): Record<string, unknown> {
  const { remote, local, lower, df } = options
  const [low, high] = options.sourcePorts ?? [0, 0]
  return {
    id: options.vni,
    ...(remote === undefined ? {} : { remote: formatIpv4(remote) }),
    ...(local === undefined ? {} : { local: formatIpv4(local) }),
    ...(lower === undefined ? {} : { link: lower.name }),
    port_range: { low, high },
    port: options.dstPort ?? VXLAN_PORT_LINUX,
    learning: options.learning ?? true,
    ...(options.proxy ? { proxy: true } : {}),
    ...(options.l2miss ? { l2miss: true } : {}),
    ...(options.l3miss ? { l3miss: true } : {}),
    ...(options.tos ? { tos: options.tos } : {}),
    ttl: options.ttl ?? 0,
    ...(df === undefined || df === 'unset' ? {} : { df }),
    ageing: Math.round((options.ageing ?? VXLAN_AGEING) / SECOND),
    ...(options.maxAddresses ? { limit: options.maxAddresses } : {}),
    udp_csum: options.udpChecksum ?? true,
  }
}
