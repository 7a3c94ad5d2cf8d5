import type { Host } from '../../../../host/host.ts'
import type { TunnelCluster } from './cluster.ts'
import { configureTunnel } from './tunnel-device.ts'

const IPIP_DEVICE = 'tunl0'

/** The kernel's own IPIP device, without a remote: the gateway of the route is the other end (ipip_mgr.go). */
export class IpipTunnel {
  private readonly host: Host
  private readonly node: string
  private readonly cluster: TunnelCluster

  constructor(host: Host, node: string, cluster: TunnelCluster) {
    this.host = host
    this.node = node
    this.cluster = cluster
  }

  apply(mtu: number): void {
    const self = this.cluster.nodes.get(this.node)
    if (!this.cluster.isUsed('ipip') || self === undefined) return
    const { root, commands } = this.host
    const device =
      root.device(IPIP_DEVICE) ?? commands.link.add({ type: 'ipip', name: IPIP_DEVICE, mtu })
    configureTunnel(this.host, device, mtu, self.ipipAddress)
  }
}
