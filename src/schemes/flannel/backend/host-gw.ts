import type { Lease } from '../lease.ts'
import type { Backend, BackendContext } from './backend.ts'
import { RouteNetwork } from './route-network.ts'

/** pkg/backend/hostgw: the other hosts are the gateways of their subnets. */
export class HostGwBackend implements Backend {
  readonly type = 'host-gw'
  readonly mtu: number
  readonly vtepMac = null
  private readonly network: RouteNetwork

  constructor(context: BackendContext) {
    const { nic } = context.host
    this.mtu = nic.mtu
    this.network = new RouteNetwork(context, ({ subnet: dst, publicIp: via }) => {
      return { dst, via, dev: nic.name, onlink: false }
    })
  }

  configure(): null {
    return null
  }

  leaseAdded(lease: Lease): void {
    this.network.leaseAdded(lease)
  }

  leaseRemoved(lease: Lease): void {
    this.network.leaseRemoved(lease)
  }
}
