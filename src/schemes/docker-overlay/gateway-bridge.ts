import type { Host } from '../../host/host.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import {
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
} from '../../wire/ipv4-address.ts'
import { macOfAddress } from '../address-mac.ts'
import { AddressPool, NO_ADDRESS_LEFT } from '../address-pool.ts'
import { attachToBridge } from '../attach-veth.ts'
import { AttachError, type ContainerSpec } from '../contract.ts'
import type { DockerOverlayOptions } from './options.ts'

const BRIDGE = 'docker_gwbridge'
const MTU = 1500
const DEFAULT_ROUTE: Ipv4Prefix = { base: 0, length: 0 }

type Published = DockerOverlayOptions['publish'][number]

interface Attached {
  readonly device: string
  readonly address: Ipv4Address
  readonly ports: readonly Published[]
}

/** Chains that the daemon makes when it starts (17.06 to 27). */
const CHAINS = `*filter
:FORWARD DROP
:DOCKER -
:DOCKER-ISOLATION-STAGE-1 -
:DOCKER-ISOLATION-STAGE-2 -
:DOCKER-USER -
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:DOCKER -
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
COMMIT
`

/** docker_gwbridge on one host: the way out of containers whose networks have none, and the way in. */
export class GatewayBridge {
  private readonly host: Host
  private readonly subnet: Ipv4Prefix
  private readonly taken: number
  private pool: AddressPool
  private readonly attached = new Map<NetNamespace, Attached>()

  /** @param taken how many of the first addresses are somebody else's. */
  constructor(host: Host, subnet: Ipv4Prefix, taken = 0) {
    this.host = host
    this.subnet = subnet
    this.taken = taken
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
    if (root.device(BRIDGE) !== undefined) return
    commands.sysctl('net.ipv4.ip_forward', 1)
    commands.sysctl('net.bridge.bridge-nf-call-iptables', 1)
    commands.link.add({ name: BRIDGE, type: 'bridge', mtu: MTU })
    // Of its own: else it would change as its ports come and go.
    commands.link.address(BRIDGE)
    commands.addr.add({ address: this.gateway, length: this.subnet.length }, BRIDGE)
    commands.link.up(BRIDGE)
    this.programRules()
  }

  /** Each rule before those of the networks that are there; containers do not meet on it (icc off). */
  private programRules(): void {
    const { iptables } = this.host.commands
    if (!iptables.save().includes(':DOCKER-USER ')) iptables.restore(CHAINS, { noflush: true })
    for (const rule of [
      `-t nat -I POSTROUTING -s ${formatPrefix(this.subnet)} ! -o ${BRIDGE} -j MASQUERADE`,
      `-t nat -I DOCKER -i ${BRIDGE} -j RETURN`,
      `-A FORWARD -i ${BRIDGE} -o ${BRIDGE} -j DROP`,
      `-I FORWARD -i ${BRIDGE} ! -o ${BRIDGE} -j ACCEPT`,
      `-I FORWARD -o ${BRIDGE} -j DOCKER`,
      `-I FORWARD -o ${BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
      `-I DOCKER-ISOLATION-STAGE-1 -i ${BRIDGE} ! -o ${BRIDGE} -j DOCKER-ISOLATION-STAGE-2`,
      `-I DOCKER-ISOLATION-STAGE-2 -o ${BRIDGE} -j DROP`,
    ]) {
      iptables.run(rule)
    }
    for (const chain of ['DOCKER-ISOLATION-STAGE-1', 'DOCKER-USER']) {
      iptables.run(`-D FORWARD -j ${chain}`)
      iptables.run(`-I FORWARD -j ${chain}`)
    }
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
    const mac = macOfAddress(address)
    const place = { bridge: BRIDGE, mtu: MTU, address, length, mac, hairpin: false }
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
    const attached = { device, address, ports }
    this.attached.set(namespace, attached)
    this.changePublished('-A', attached)
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
    this.changePublished('-D', attached)
    removeDevice(namespace, attached.device)
    this.pool.release(attached.address)
  }

  private changePublished(command: '-A' | '-D', { address, ports }: Attached): void {
    const { iptables } = this.host.commands
    const target = formatIpv4(address)
    for (const { protocol, port, hostPort } of ports) {
      const to = (number: number) => `-p ${protocol} -m ${protocol} --dport ${number}`
      iptables.run(
        `-t nat ${command} DOCKER ! -i ${BRIDGE} ${to(hostPort)} -j DNAT --to-destination ${target}:${port}`,
      )
      iptables.run(
        `${command} DOCKER -d ${target}/32 ! -i ${BRIDGE} -o ${BRIDGE} ${to(port)} -j ACCEPT`,
      )
      iptables.run(
        `-t nat ${command} POSTROUTING -s ${target}/32 -d ${target}/32 ${to(port)} -j MASQUERADE`,
      )
    }
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
