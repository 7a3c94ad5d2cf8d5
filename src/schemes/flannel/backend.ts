import type { Host } from '../../host/host.ts'
import { SECOND } from '../../sim/units.ts'
import { formatPrefix } from '../../wire/ipv4-address.ts'
import type { Lease } from './lease.ts'
import type { FlannelOptions } from './options.ts'

/** How packets reach the subnets of other hosts. */
export interface Backend {
  /** MTU that is left for containers. */
  readonly mtu: number
  /** A lease of another host has come or changed. */
  leaseAdded(lease: Lease): void
  leaseRemoved(lease: Lease): void
  /** Begins again after `stop`. */
  start(): void
  stop(): void
}

export type Log = (line: string) => void

/** Bytes that VXLAN puts before an inner packet: outer IPv4, UDP and VXLAN, inner Ethernet. */
export const VXLAN_OVERHEAD = 50

/** `flannel.VNI`. */
export const deviceName = (vni: number) => `flannel.${vni}`

/** pkg/backend/vxlan: one device; a neighbour, an FDB entry and a route for each other host. */
export class VxlanBackend implements Backend {
  readonly mtu: number
  private readonly host: Host
  private readonly device: string
  private readonly log: Log

  constructor(host: Host, own: Lease, options: FlannelOptions, log: Log) {
    this.host = host
    this.log = log
    this.device = deviceName(options.vni)
    this.mtu = host.nic.mtu - VXLAN_OVERHEAD
    const { commands } = host
    commands.link.add({
      name: this.device,
      type: 'vxlan',
      vni: options.vni,
      local: own.publicIp,
      lower: host.nic,
      dstPort: options.port,
      learning: false,
      mac: own.vtepMac,
      mtu: this.mtu,
    })
    // A /32, so that no connected route and no broadcast come with it.
    commands.addr.add({ address: own.subnet.base, length: 32 }, this.device)
    commands.link.up(this.device)
  }

  /** In this order: the route comes last, so that the kernel never asks by ARP for the gateway. */
  leaseAdded({ subnet, publicIp, vtepMac }: Lease): void {
    const { commands } = this.host
    const dev = this.device
    if (!commands.neigh.replace({ dst: subnet.base, lladdr: vtepMac, dev, nud: 'PERMANENT' })) {
      this.log(`AddARP failed: no buffer space available, ${formatPrefix(subnet)}`)
      return
    }
    commands.fdb.replace({ lladdr: vtepMac, dev, dst: publicIp })
    const refusal = commands.route.replace({
      dst: subnet,
      via: subnet.base,
      dev,
      flags: ['onlink'],
    })
    if (refusal === null) return
    this.log(`failed to add vxlanRoute (${formatPrefix(subnet)}): ${refusal.message}`)
    commands.neigh.delete(subnet.base, dev)
    commands.fdb.delete(vtepMac, dev, publicIp)
  }

  leaseRemoved({ subnet, publicIp, vtepMac }: Lease): void {
    const { commands } = this.host
    commands.neigh.delete(subnet.base, this.device)
    commands.fdb.delete(vtepMac, this.device, publicIp)
    commands.route.delete(subnet)
  }

  start(): void {}

  stop(): void {}
}

/** How often missing routes are put back (routeCheckRetries in pkg/backend/route_network.go). */
const ROUTE_CHECK_INTERVAL = 10 * SECOND

/** pkg/backend/hostgw: the other hosts are the gateways of their subnets. */
export class HostGwBackend implements Backend {
  readonly mtu: number
  private readonly host: Host
  private readonly log: Log
  private readonly leases: Lease[] = []
  private running = true

  constructor(host: Host, log: Log) {
    this.host = host
    this.log = log
    this.mtu = host.nic.mtu
    this.scheduleCheck()
  }

  private scheduleCheck(): void {
    this.host.kernel.simulator.after(ROUTE_CHECK_INTERVAL, { fire: () => this.check() })
  }

  private check(): void {
    if (!this.running) return
    for (const lease of this.leases) this.program(lease)
    this.scheduleCheck()
  }

  leaseAdded(lease: Lease): void {
    this.leases.push(lease)
    this.program(lease)
  }

  /** A refused route stays in the list and is tried again for ever. */
  private program({ subnet, publicIp }: Lease): void {
    const { commands, root } = this.host
    const present = root.routes.exact(subnet)
    if (present?.via === publicIp) return
    const refusal = commands.route.replace({ dst: subnet, via: publicIp, dev: 'eth0' })
    if (refusal) this.log(`Error adding route to ${formatPrefix(subnet)}: ${refusal.message}`)
  }

  leaseRemoved(lease: Lease): void {
    const at = this.leases.findIndex((other) => other.host === lease.host)
    if (at >= 0) this.leases.splice(at, 1)
    this.host.commands.route.delete(lease.subnet)
  }

  start(): void {
    if (this.running) return
    this.running = true
    this.scheduleCheck()
  }

  stop(): void {
    this.running = false
  }
}
