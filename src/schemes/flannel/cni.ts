import type { Host } from '../../host/host.ts'
import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
} from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AddressPool } from '../address-pool.ts'
import { attachToBridge } from '../attach-veth.ts'
import { AttachError, type ContainerSpec, type Endpoint } from '../contract.ts'
import type { SubnetFile } from './subnet-file.ts'

const gatewayOf = ({ base }: Ipv4Prefix): Ipv4Address => (base + 1) | 0

/** CNI's plugins flannel, bridge and host-local: they attach containers by what flanneld wrote. */
export class CniPlugins {
  private readonly host: Host
  private readonly bridge: string
  /** Of host-local, whose files outlive a change of the subnet and a reboot. */
  private readonly pools: { readonly subnet: Ipv4Prefix; readonly pool: AddressPool }[] = []
  private readonly reserved: { readonly address: Ipv4Address; readonly pool: AddressPool }[] = []

  /** @param bridge of the configuration. */
  constructor(host: Host, bridge: string) {
    this.host = host
    this.bridge = bridge
  }

  /** kubelet's first deed after a reboot is to tear down the sandboxes of before. */
  rebooted(): void {
    for (const { pool, address } of this.reserved) pool.release(address)
    this.reserved.length = 0
  }

  /** As the operator cleans up a host. */
  deleteBridge(): void {
    const { root, commands } = this.host
    if (root.device(this.bridge) !== undefined) commands.link.delete(this.bridge)
  }

  add(container: ContainerSpec, file: SubnetFile): Endpoint | AttachError {
    const { subnet, mtu } = file
    const address = this.takeAddress(subnet, container.address)
    if (address instanceof AttachError) return address
    const endpoint = this.ensureBridge(file) ?? this.join(container, address, subnet, mtu)
    if (endpoint instanceof AttachError) this.poolOf(subnet).release(address)
    else {
      this.reserved.push({ address, pool: this.poolOf(subnet) })
      this.addRoutes(container, file)
    }
    return endpoint
  }

  private join(
    container: ContainerSpec,
    address: Ipv4Address,
    { length }: Ipv4Prefix,
    mtu: number,
  ): Endpoint | AttachError {
    return attachToBridge(this.host.commands, container, {
      bridge: this.bridge,
      mtu,
      address,
      length,
      mac: container.mac ?? macOfAddress(address),
      hairpin: true,
    })
  }

  private poolOf(subnet: Ipv4Prefix): AddressPool {
    const known = this.pools.find((each) => each.subnet.base === subnet.base)
    if (known) return known.pool
    const pool = new AddressPool('round-robin', subnet, [gatewayOf(subnet)])
    this.pools.push({ subnet, pool })
    return pool
  }

  /** The bridge plugin makes cni0 for the first container, and refuses one of another subnet. */
  private ensureBridge({ subnet, mtu }: SubnetFile): AttachError | null {
    const { commands, root } = this.host
    const { length } = subnet
    const address = gatewayOf(subnet)
    const existing = root.device(this.bridge)
    if (existing) {
      if (existing.addresses.some((own) => own.address === address)) return null
      const text = formatPrefix({ base: address, length })
      return new AttachError(
        `failed to set bridge addr: "${this.bridge}" already has an IP address different from ${text}`,
      )
    }
    commands.link.add({ name: this.bridge, type: 'bridge', mtu })
    commands.link.up(this.bridge)
    commands.addr.add({ address, length }, this.bridge)
    // Else it would change with the ports, and containers would send to one that is gone.
    commands.link.address(this.bridge)
    return null
  }

  private takeAddress(subnet: Ipv4Prefix, wanted: Ipv4Address | null): Ipv4Address | AttachError {
    const pool = this.poolOf(subnet)
    if (wanted !== null) {
      if (contains(subnet, wanted) && pool.reserve(wanted)) return wanted
      return new AttachError(`requested IP address ${formatIpv4(wanted)} is not available`)
    }
    return pool.allocate() ?? new AttachError('no IP addresses available in range set')
  }

  private addRoutes(container: ContainerSpec, { network, subnet }: SubnetFile): void {
    const { namespace, device, defaultRoute } = container
    const via = gatewayOf(subnet)
    const dev = namespace.device(device)!
    if (defaultRoute) {
      namespace.routes.replace({ destination: { base: 0, length: 0 }, via, device: dev })
    }
    namespace.routes.replace({ destination: network, via, device: dev })
  }

  del({ namespace, device: name, address }: Endpoint): void {
    const device = namespace.device(name)
    if (device !== undefined) {
      device.destroy()
      namespace.removeDevice(device)
    }
    const at = this.reserved.findIndex((each) => each.address === address)
    const [own] = at < 0 ? [] : this.reserved.splice(at, 1)
    own?.pool.release(address)
  }
}
