import { Vxlan } from '../../../host/vxlan.ts'
import { formatIpv4, formatPrefix, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'
import type { Lease } from '../lease.ts'
import { type FlannelOptions, portOf } from '../options.ts'
import { type Backend, type BackendContext, VXLAN_OVERHEAD } from './backend.ts'
import { deleteRoute, ensureAddress, errnoText, isDirect } from './kernel.ts'

/** `flannel.VNI`. */
export const vxlanDeviceName = ({ vni }: FlannelOptions) => `flannel.${vni}`

/** pkg/backend/vxlan: one device; a neighbour, an FDB entry and a route for each other host. */
export class VxlanBackend implements Backend {
  readonly type = 'vxlan'
  readonly mtu: number
  readonly vtepMac: MacAddress
  private readonly context: BackendContext
  private readonly device: string

  /** @param mac of the device, unless there is one already. */
  constructor(context: BackendContext, mac: MacAddress) {
    this.context = context
    this.device = vxlanDeviceName(context.options)
    this.mtu = context.host.nic.mtu - VXLAN_OVERHEAD
    this.vtepMac = this.ensureDevice(mac)
  }

  private log(line: string): void {
    this.context.program.log.push(line)
  }

  /** A device that an earlier start has left is kept, and with it its MAC address (ensureLink). */
  private ensureDevice(mac: MacAddress): MacAddress {
    const { host, options } = this.context
    const existing = host.root.device(this.device)
    if (existing instanceof Vxlan) return existing.mac
    host.commands.link.add({
      name: this.device,
      type: 'vxlan',
      vni: options.vni,
      local: host.address,
      lower: host.nic,
      dstPort: portOf(options),
      learning: false,
      mac,
      mtu: this.mtu,
    })
    return mac
  }

  configure({ base }: Ipv4Prefix): null {
    const { host, options } = this.context
    ensureAddress(host, this.device, base, options.subnet)
    host.commands.link.up(this.device)
    return null
  }

  /** DirectRouting is decided anew for each event, by what the host's routes say then. */
  private isDirect({ publicIp }: Lease): boolean {
    const { host, options } = this.context
    return options.directRouting && isDirect(host, publicIp)
  }

  leaseAdded(lease: Lease): void {
    if (lease.vtepMac === null) return this.log('error decoding subnet lease JSON')
    if (!this.isDirect(lease)) return this.addTunnelled(lease, lease.vtepMac)
    const { subnet: dst, publicIp: via } = lease
    const refusal = this.context.host.commands.route.replace({ dst, via })
    if (refusal === null) return
    const ends = `${formatPrefix(dst)} via ${formatIpv4(via)}`
    this.log(`Error adding route to ${ends}: ${errnoText(refusal.errno)}`)
  }

  /** In this order: the route comes last, so that the kernel never asks by ARP for the gateway. */
  private addTunnelled({ subnet, publicIp }: Lease, vtepMac: MacAddress): void {
    const { commands } = this.context.host
    const dev = this.device
    if (!commands.neigh.replace({ dst: subnet.base, lladdr: vtepMac, dev, nud: 'PERMANENT' })) {
      return this.log(`AddARP failed: ${errnoText('ENOBUFS')}`)
    }
    commands.fdb.replace({ lladdr: vtepMac, dev, dst: publicIp })
    const refusal = commands.route.replace({
      dst: subnet,
      via: subnet.base,
      dev,
      flags: ['onlink'],
    })
    if (refusal === null) return
    this.log(`failed to add vxlanRoute (${endsOf(subnet)}): ${errnoText(refusal.errno)}`)
    commands.neigh.delete(subnet.base, dev)
    commands.fdb.delete(vtepMac, dev, publicIp)
  }

  leaseRemoved(lease: Lease): void {
    const { host } = this.context
    const { subnet, publicIp, vtepMac } = lease
    if (vtepMac === null) return this.log('error decoding subnet lease JSON')
    if (this.isDirect(lease)) {
      const refusal = deleteRoute(host, subnet, ({ via }) => via === publicIp)
      if (refusal === null) return
      const ends = `${formatPrefix(subnet)} via ${formatIpv4(publicIp)}`
      return this.log(`Error deleting route to ${ends}: ${refusal}`)
    }
    host.commands.neigh.delete(subnet.base, this.device)
    host.commands.fdb.delete(vtepMac, this.device, publicIp)
    const refusal = deleteRoute(host, subnet, ({ device }) => device?.name === this.device)
    if (refusal !== null) this.log(`failed to delete vxlanRoute (${endsOf(subnet)}): ${refusal}`)
  }
}

/** Destination and gateway of a subnet's route. */
function endsOf(subnet: Ipv4Prefix): string {
  return `${formatPrefix(subnet)} -> ${formatIpv4(subnet.base)}`
}
