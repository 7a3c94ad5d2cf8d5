import { Ipip } from '../../../host/ipip.ts'
import type { Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { Lease } from '../lease.ts'
import { type Backend, type BackendContext, IPIP_OVERHEAD } from './backend.ts'
import { ensureAddress, isDirect } from './kernel.ts'
import { type LeaseRoute, RouteNetwork } from './route-network.ts'

/** One a host: a second network cannot have it. */
export const IPIP_DEVICE = 'flannel.ipip'

/** pkg/backend/ipip: one tunnel without a remote end; the routes' gateways are the other ends. */
export class IpipBackend implements Backend {
  readonly type = 'ipip'
  readonly mtu: number
  readonly vtepMac = null
  private readonly context: BackendContext
  private readonly network: RouteNetwork

  constructor(context: BackendContext) {
    this.context = context
    this.mtu = context.host.nic.mtu - IPIP_OVERHEAD
    this.network = new RouteNetwork(context, (lease) => this.routeOf(lease))
  }

  private routeOf({ subnet: dst, publicIp: via }: Lease): LeaseRoute {
    const { host, options } = this.context
    const direct = options.directRouting && isDirect(host, via)
    return { dst, via, dev: direct ? host.nic.name : IPIP_DEVICE, onlink: true }
  }

  configure({ base }: Ipv4Prefix): string | null {
    const { host, options } = this.context
    const existing = host.root.device(IPIP_DEVICE)
    if (existing === undefined) {
      // The netlink library sends a zero for pmtudisc: DF only where the inner packet has it.
      const tunnel = { type: 'ipip', local: host.address, pmtuDiscovery: false } as const
      host.commands.link.add({ name: IPIP_DEVICE, mtu: this.mtu, ...tunnel })
    } else if (!(existing instanceof Ipip)) {
      return `${IPIP_DEVICE} isn't an ipip mode device, please remove device and try again`
    }
    ensureAddress(host, IPIP_DEVICE, base, options.subnet)
    host.commands.link.up(IPIP_DEVICE)
    return null
  }

  leaseAdded(lease: Lease): void {
    this.network.leaseAdded(lease)
  }

  leaseRemoved(lease: Lease): void {
    this.network.leaseRemoved(lease)
  }
}
