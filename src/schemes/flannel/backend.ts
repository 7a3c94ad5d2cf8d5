import type { Host } from '../../host/host.ts'
import { Vxlan } from '../../host/vxlan.ts'
import { SECOND } from '../../sim/units.ts'
import { contains, formatPrefix, type Ipv4Prefix } from '../../wire/ipv4-address.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import type { Lease } from './lease.ts'
import type { FlannelOptions } from './options.ts'

/** How packets reach the subnets of other hosts. */
export interface Backend {
  /** MTU that is left for containers. */
  readonly mtu: number
  /** Of the device that the others are told of; null where there is none. */
  readonly vtepMac: MacAddress | null
  /** The host's own subnet is known. */
  configure(subnet: Ipv4Prefix): void
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
class VxlanBackend implements Backend {
  readonly mtu: number
  readonly vtepMac: MacAddress
  private readonly host: Host
  private readonly options: FlannelOptions
  private readonly device: string
  private readonly log: Log

  /** @param mac of the device, unless there is one already that suits. */
  constructor(host: Host, mac: MacAddress, options: FlannelOptions, log: Log) {
    this.host = host
    this.options = options
    this.log = log
    this.device = deviceName(options.vni)
    this.mtu = host.nic.mtu - VXLAN_OVERHEAD
    this.vtepMac = this.ensureDevice(mac)
  }

  /** A device that an earlier start has left is kept, and with it its MAC address (ensureLink). */
  private ensureDevice(mac: MacAddress): MacAddress {
    const { host, device: name, options } = this
    const existing = host.root.device(name)
    if (existing instanceof Vxlan) return existing.mac
    host.commands.link.add({
      name,
      type: 'vxlan',
      vni: options.vni,
      local: host.address,
      lower: host.nic,
      dstPort: options.port,
      learning: false,
      mac,
      mtu: this.mtu,
    })
    return mac
  }

  /** A /32, so that no connected route and no broadcast come with it; one of another lease goes. */
  configure({ base }: Ipv4Prefix): void {
    const { root, commands } = this.host
    const device = root.device(this.device)!
    for (const old of device.addresses) {
      if (old.address !== base && contains(this.options.subnet, old.address)) {
        root.removeAddress(device, old)
      }
    }
    if (!device.addresses.some(({ address }) => address === base)) {
      commands.addr.add({ address: base, length: 32 }, this.device)
    }
    commands.link.up(this.device)
  }

  /** In this order: the route comes last, so that the kernel never asks by ARP for the gateway. */
  leaseAdded({ subnet, publicIp, vtepMac }: Lease): void {
    const { commands } = this.host
    const dev = this.device
    if (vtepMac === null) {
      this.log('error decoding subnet lease JSON')
      return
    }
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
    if (vtepMac !== null) commands.fdb.delete(vtepMac, this.device, publicIp)
    commands.route.delete(subnet)
  }

  start(): void {}

  stop(): void {}
}

/** How often missing routes are put back (routeCheckRetries in pkg/backend/route_network.go). */
const ROUTE_CHECK_INTERVAL = 10 * SECOND

/** pkg/backend/hostgw: the other hosts are the gateways of their subnets. */
class HostGwBackend implements Backend {
  readonly mtu: number
  readonly vtepMac = null
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

  configure(): void {}

  private scheduleCheck(): void {
    this.host.kernel.simulator.after(ROUTE_CHECK_INTERVAL, { fire: () => this.check() })
  }

  private check(): void {
    if (!this.running) return
    for (const lease of this.leases) this.program(lease)
    this.scheduleCheck()
  }

  leaseAdded(lease: Lease): void {
    this.forget(lease)
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
    this.forget(lease)
    this.host.commands.route.delete(lease.subnet)
  }

  private forget({ subnet }: Lease): void {
    const at = this.leases.findIndex((other) => other.subnet.base === subnet.base)
    if (at >= 0) this.leases.splice(at, 1)
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

/** @param mac for a device of the backend that is not there yet. */
export function makeBackend(
  host: Host,
  mac: MacAddress,
  options: FlannelOptions,
  log: Log,
): Backend {
  switch (options.backend) {
    case 'vxlan':
      return new VxlanBackend(host, mac, options, log)
    case 'host-gw':
      return new HostGwBackend(host, log)
  }
}
