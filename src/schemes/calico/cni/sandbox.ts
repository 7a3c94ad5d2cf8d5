/** The devices of a workload: what the plugins type, the same for both orchestrators. */
import type { Commands } from '../../../host/commands.ts'
import { type Ipv4Address, type Ipv4Prefix, ipv4 } from '../../../wire/ipv4-address.ts'
import { type MacAddress, mac } from '../../../wire/mac-address.ts'
import type { ContainerSpec } from '../../contract.ts'

/** The next hop of all containers: no host has it, and every host answers for it. */
export const GATEWAY = ipv4('169.254.1.1')

/** Each veth is a link of its own: all may have the same address, also after a move. */
export const HOST_MAC = mac('ee:ee:ee:ee:ee:ee')

const HOST_ROUTE = 32
const ANYWHERE: Ipv4Prefix = { base: 0, length: 0 }

export interface VethOptions {
  /** Of the end at the host: cali and eleven characters. */
  readonly name: string
  readonly mtu: number
  /** Null = one is drawn. */
  readonly hostMac: MacAddress | null
  readonly containerMac: MacAddress | null
}

/** `ip link add` with the far end in the container, and the sysctls of the near one. */
export function addVeth(host: Commands, container: ContainerSpec, options: VethOptions): void {
  const { name, mtu, hostMac, containerMac } = options
  const { namespace, device } = container
  host.link.add({
    name,
    type: 'veth',
    mtu,
    ...(hostMac === null ? {} : { mac: hostMac }),
    peer: {
      name: device,
      namespace,
      mtu,
      ...(containerMac === null ? {} : { mac: containerMac }),
    },
  })
  setSysctls(host, name)
  host.link.up(name)
  namespace.device(device)!.up = true
}

/** net.ipv4.conf.DEVICE.proxy_arp; the others that are set change nothing in the model. */
export function setSysctls(host: Commands, device: string): void {
  const found = host.namespace.device(device)
  if (found !== undefined) found.proxyArp = true
}

/** Inside: an address without neighbours, and the way out. */
export function addAddress(
  { namespace, device, defaultRoute }: ContainerSpec,
  address: Ipv4Address,
  pool: Ipv4Prefix,
): void {
  const dev = namespace.device(device)!
  const { routes } = namespace
  namespace.addAddress(dev, { address, length: HOST_ROUTE })
  const gateway = { base: GATEWAY, length: HOST_ROUTE }
  routes.replace({ destination: gateway, device: dev, scope: 'link' })
  const destination = defaultRoute ? ANYWHERE : pool
  routes.replace({ destination, via: GATEWAY, device: dev })
}

/** At the host: the one route by which a container is reached. */
export function addHostRoute(host: Commands, address: Ipv4Address, device: string): void {
  host.route.replace({
    dst: { base: address, length: HOST_ROUTE },
    dev: device,
    scope: 'link',
  })
}

/** Both ends go, and with them the routes. */
export function removeVeth(host: Commands, name: string): void {
  if (host.namespace.device(name) !== undefined) host.link.delete(name)
}
