import { Tun } from '../../../host/tun.ts'
import { formatIpv4, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { Lease } from '../lease.ts'
import { portOf } from '../options.ts'
import { type Backend, type BackendContext, UDP_OVERHEAD } from './backend.ts'
import { UdpProxy } from './udp-proxy.ts'

/**
 * pkg/backend/udp: what is for the network goes into a TUN device, where flanneld itself reads it and
 * sends it in UDP. Device, route and socket end with it.
 */
export class UdpBackend implements Backend {
  readonly type = ''
  readonly mtu: number
  readonly vtepMac = null
  private readonly context: BackendContext
  private proxy: UdpProxy | null = null

  constructor(context: BackendContext) {
    this.context = context
    this.mtu = context.host.nic.mtu - UDP_OVERHEAD
  }

  configure({ base }: Ipv4Prefix): string | null {
    const { host, program, options } = this.context
    const port = portOf(options)
    const socket = host.root.sockets.openUdp(port)
    if (socket === null) {
      const address = `${formatIpv4(host.address)}:${port}`
      return `failed to start listening on UDP socket: listen udp4 ${address}: bind: address already in use`
    }
    const tun = this.openTun(base)
    this.proxy = new UdpProxy(program, { tun, socket, address: base })
    return null
  }

  /** The device has an address of its own subnet, and the route of the whole network. */
  private openTun(address: number): Tun {
    const { host, options } = this.context
    const { commands, root } = host
    const name = freeName((taken) => root.device(taken) !== undefined)
    const device = commands.link.add({ name, type: 'tun', mtu: this.mtu })
    if (!(device instanceof Tun)) throw new Error(`${name} is no TUN device`)
    commands.addr.add({ address, length: 32 }, name)
    commands.link.up(name)
    if (root.routes.exact(options.subnet) === null) {
      commands.route.replace({ dst: options.subnet, dev: name, scope: 'global' })
    }
    return device
  }

  leaseAdded({ subnet, publicIp: address }: Lease): void {
    this.proxy?.setRoute(subnet, { address, port: portOf(this.context.options) })
  }

  leaseRemoved({ subnet }: Lease): void {
    this.proxy?.removeRoute(subnet)
  }
}

/** As the kernel fills in `flannel%d`. */
function freeName(isTaken: (name: string) => boolean): string {
  let number = 0
  while (isTaken(`flannel${number}`)) number++
  return `flannel${number}`
}
