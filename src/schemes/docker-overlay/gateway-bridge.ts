import type { Host } from '../../host/host.ts'
import { spawn } from '../../sim/process.ts'
import type { RandomStream } from '../../sim/random.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { Ipv4Address, Ipv4Prefix } from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AddressPool, NO_ADDRESS_LEFT } from '../address-pool.ts'
import { announceAddress } from '../announce-address.ts'
import { attachToBridge } from '../attach-veth.ts'
import { AttachError, type ContainerSpec } from '../contract.ts'
import {
  changeContainer,
  GATEWAY_BRIDGE,
  type GatewayRules,
  gatewayRules,
  type Published,
  programBridge,
} from './gateway-rules.ts'
import type { DockerOverlayOptions } from './options.ts'

const MTU = 1500
const DEFAULT_ROUTE: Ipv4Prefix = { base: 0, length: 0 }

interface Attached {
  readonly device: string
  readonly address: Ipv4Address
  readonly ports: readonly Published[]
}

/** docker_gwbridge on one host: the way out of containers whose networks have none, and the way in. */
export class GatewayBridge {
  private readonly host: Host
  private readonly subnet: Ipv4Prefix
  private readonly taken: number
  private pool: AddressPool
  private readonly attached = new Map<NetNamespace, Attached>()
  private readonly rules: GatewayRules
  /** Since 28 MAC addresses are random, and announced. */
  private readonly random: RandomStream | null

  /** @param taken how many of the first addresses are somebody else's. */
  constructor(
    host: Host,
    { gatewayBridgeSubnet, version }: Pick<DockerOverlayOptions, 'gatewayBridgeSubnet' | 'version'>,
    taken = 0,
  ) {
    this.host = host
    this.subnet = gatewayBridgeSubnet
    this.taken = taken
    this.rules = gatewayRules(version)
    const { random } = host.kernel.simulator
    this.random = version === '28.0' ? random.stream(`docker_gwbridge-mac/${host.name}`) : null
    this.pool = this.newPool()
  }

  private newPool(): AddressPool {
    const { gateway, taken } = this
    const others = Array.from({ length: taken }, (_, i) => (gateway + 1 + i) | 0)
    return new AddressPool('lowest', this.subnet, [gateway, ...others])
  }

  /** After a reboot there are neither bridge nor containers. */
  forget(): void {
    this.attached.clear()
    this.pool = this.newPool()
  }

  private get gateway(): Ipv4Address {
    return (this.subnet.base + 1) | 0
  }

  /** Made for the first container. */
  private ensure(): void {
    const { commands, root } = this.host
    if (root.device(GATEWAY_BRIDGE) !== undefined) return
    // Who has had it on already keeps his policy.
    if (!root.sysctls.ipForward) commands.iptables.run('-P FORWARD DROP')
    commands.sysctl('net.ipv4.ip_forward', 1)
    commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    commands.link.add({ name: GATEWAY_BRIDGE, type: 'bridge', mtu: MTU })
    // Of its own: else it would change as its ports come and go.
    commands.link.address(GATEWAY_BRIDGE)
    commands.addr.add({ address: this.gateway, length: this.subnet.length }, GATEWAY_BRIDGE)
    commands.link.up(GATEWAY_BRIDGE)
    programBridge(this.host, this.rules, this.subnet)
  }

  /** For containers that no network has given a way out yet. */
  open(
    container: ContainerSpec,
    isInternal: boolean,
    publish: readonly Published[],
  ): AttachError | null {
    if (isInternal || container.namespace.routes.exact(DEFAULT_ROUTE) !== null) return null
    const ports = publish.filter((entry) => entry.container === container.name)
    return this.attach(container, ports)
  }

  /** Gives a container its second interface, and by it the default route. */
  private attach(container: ContainerSpec, ports: readonly Published[]): AttachError | null {
    this.ensure()
    const { namespace } = container
    const address = this.pool.allocate()
    if (address === null) return new AttachError(NO_ADDRESS_LEFT)
    const device = freeDevice(container, 1)
    const { length } = this.subnet
    const { random } = this
    const mac = macOfAddress(random === null ? address : random.int32())
    const place = { bridge: GATEWAY_BRIDGE, mtu: MTU, address, length, mac, hairpin: false }
    const endpoint = attachToBridge(this.host.commands, { ...container, device }, place)
    if (endpoint instanceof AttachError) {
      this.pool.release(address)
      return endpoint
    }
    namespace.routes.replace({
      destination: DEFAULT_ROUTE,
      via: this.gateway,
      device: namespace.device(device)!,
    })
    if (random !== null) {
      const announcing = announceAddress(namespace.device(device)!, address)
      spawn(this.host.kernel.simulator, announcing)
    }
    const attached = { device, address, ports }
    this.attached.set(namespace, attached)
    this.change(attached, true)
    return null
  }

  /** What was in one namespace is in another now. */
  moved(from: NetNamespace, to: NetNamespace): void {
    const attached = this.attached.get(from)
    if (attached === undefined) return
    this.attached.delete(from)
    this.attached.set(to, attached)
  }

  detach({ namespace }: ContainerSpec): void {
    const attached = this.attached.get(namespace)
    if (attached === undefined) return
    this.attached.delete(namespace)
    this.change(attached, false)
    removeDevice(namespace, attached.device)
    this.pool.release(attached.address)
  }

  private change({ address, ports }: Attached, isAdded: boolean): void {
    changeContainer(this.host, this.rules.container(address, ports), isAdded)
  }
}

/** The first name ethN that the container does not have, from `from` on. */
export function freeDevice({ namespace }: ContainerSpec, from: number): string {
  let number = from
  while (namespace.device(`eth${number}`) !== undefined) number++
  return `eth${number}`
}

/** Takes a device out of a container, and with it its other end. */
export function removeDevice(namespace: ContainerSpec['namespace'], name: string): void {
  const device = namespace.device(name)
  if (device === undefined) return
  device.destroy()
  namespace.removeDevice(device)
}
