import type { Host } from '../../host/host.ts'
import type { Process } from '../../sim/process.ts'
import { contains, formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AddressPool } from '../address-pool.ts'
import { attachToBridge } from '../attach-veth.ts'
import {
  AttachError,
  type ContainerSpec,
  type Daemon,
  type Endpoint,
  type NetworkSpec,
} from '../contract.ts'
import { type Backend, HostGwBackend, VxlanBackend } from './backend.ts'
import { type Lease, staticLeases } from './lease.ts'
import type { FlannelOptions } from './options.ts'
import { forwardRules, masqueradeRules } from './rules.ts'

export const BRIDGE = 'cni0'

/** flanneld on one host, with the CNI bridge plugin that attaches containers by what it wrote. */
export class Flanneld implements Daemon {
  readonly log: string[] = []
  private readonly host: Host
  private readonly options: FlannelOptions
  private readonly lease: Lease
  private readonly backend: Backend
  /** FLANNEL_MTU of subnet.env. */
  private readonly mtu: number
  private readonly gateway: Ipv4Address
  private readonly pool: AddressPool

  constructor(host: Host, network: NetworkSpec<FlannelOptions>) {
    this.host = host
    this.options = network.options
    const leases = staticLeases(network)
    this.lease = leases.find((lease) => lease.host === host.name)!
    host.commands.sysctl('net.ipv4.ip_forward', 1)
    // flanneld does not start without br_netfilter.
    host.commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    this.backend = this.startBackend()
    const { subnet, ipMasq } = this.options
    const { iptables } = host.commands
    const noflush = { noflush: true }
    if (ipMasq) iptables.restore(masqueradeRules(subnet, this.lease.subnet), noflush)
    iptables.restore(forwardRules(subnet), noflush)
    this.mtu = this.options.mtu ?? this.backend.mtu
    this.gateway = (this.lease.subnet.base + 1) | 0
    this.pool = new AddressPool('round-robin', this.lease.subnet, [this.gateway])
    for (const lease of leases) if (lease !== this.lease) this.backend.leaseAdded(lease)
  }

  private startBackend(): Backend {
    const log = (line: string) => this.log.push(line)
    switch (this.options.backend) {
      case 'vxlan':
        return new VxlanBackend(this.host, this.lease, this.options, log)
      case 'host-gw':
        return new HostGwBackend(this.host, log)
    }
  }

  *attach(container: ContainerSpec): Process<Endpoint | AttachError> {
    const address = this.takeAddress(container.address)
    if (address instanceof AttachError) return address
    this.ensureBridge()
    const endpoint = attachToBridge(this.host.commands, container, {
      bridge: BRIDGE,
      mtu: this.mtu,
      address,
      length: this.lease.subnet.length,
      mac: container.mac ?? macOfAddress(address),
      hairpin: true,
    })
    if (endpoint instanceof AttachError) {
      this.pool.release(address)
      return endpoint
    }
    this.addRoutes(container)
    return endpoint
  }

  /** The bridge plugin makes cni0 for the first container. */
  private ensureBridge(): void {
    const { commands, root } = this.host
    if (root.device(BRIDGE)) return
    commands.link.add({ name: BRIDGE, type: 'bridge', mtu: this.mtu })
    commands.link.up(BRIDGE)
    const { length } = this.lease.subnet
    commands.addr.add({ address: this.gateway, length }, BRIDGE)
  }

  private takeAddress(wanted: Ipv4Address | null): Ipv4Address | AttachError {
    if (wanted !== null) {
      if (contains(this.lease.subnet, wanted) && this.pool.reserve(wanted)) return wanted
      return new AttachError(`requested IP address ${formatIpv4(wanted)} is not available`)
    }
    return this.pool.allocate() ?? new AttachError('no IP addresses available in range set')
  }

  private addRoutes({ namespace, device, defaultRoute }: ContainerSpec): void {
    const via = this.gateway
    const dev = namespace.device(device)!
    if (defaultRoute) {
      namespace.routes.replace({ destination: { base: 0, length: 0 }, via, device: dev })
    }
    namespace.routes.replace({ destination: this.options.subnet, via, device: dev })
  }

  *detach(endpoint: Endpoint): Process<void> {
    const device = endpoint.namespace.device(endpoint.device)
    if (!device) return
    device.destroy()
    endpoint.namespace.removeDevice(device)
    this.pool.release(endpoint.address)
  }

  /** Routes and devices stay: forwarding goes on without the daemon. */
  stop(): void {
    this.backend.stop()
  }

  crash(): void {
    this.backend.stop()
  }

  start(): void {
    this.backend.start()
  }
}
