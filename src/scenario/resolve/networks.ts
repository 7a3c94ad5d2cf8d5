import {
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4Prefix,
  lastOf,
  overlaps,
} from '../../wire/ipv4-address.ts'
import type {
  ContainerModel,
  FabricModel,
  HostModel,
  IdleContainers,
  NetworkModel,
} from '../model.ts'
import { subnetsOf } from '../registry.ts'
import type { Context } from './context.ts'

export function resolveNetworks(context: Context, fabric: FabricModel): NetworkModel[] {
  const networks = Object.entries(context.input.networks).map(([name, { scheme, options }]) => ({
    name,
    scheme,
    options,
  }))
  const taken: { name: string; block: Ipv4Prefix }[] = []
  for (const { name, scheme, options } of networks) {
    const path = ['networks', name, 'subnet']
    // A default in the place of a wrong block says nothing.
    if (context.isBroken(...path)) continue
    const isShared = context.registry.sharesFabricSubnet?.(scheme) ?? false
    for (const block of subnetsOf(options)) {
      const others = [...taken, ...(isShared ? [] : fabricBlocks(context, fabric))]
      for (const other of others) {
        if (!overlaps(block, other.block)) continue
        const message = `${formatPrefix(block)} overlaps ${formatPrefix(other.block)}, ${other.name}`
        context.report('overlap', path, message, 'give each network a block of its own')
      }
      taken.push({ name: `network ${name}`, block })
    }
  }
  return networks
}

function fabricBlocks(
  context: Context,
  fabric: FabricModel,
): { name: string; block: Ipv4Prefix }[] {
  const blocks = [
    { name: 'the subnet of the hosts', key: 'subnet', block: fabric.subnet },
    { name: 'the links between routers', key: 'transit', block: fabric.transit },
  ]
  return blocks.filter(({ key }) => !context.isBroken('fabric', key))
}

/** What needs networks, hosts and containers together: fixed addresses, room, the scheme's checks. */
export function checkNetworks(
  context: Context,
  fabric: FabricModel,
  hosts: readonly HostModel[],
  networks: readonly NetworkModel[],
  containers: readonly ContainerModel[],
  idle: readonly IdleContainers[],
): void {
  checkClaims(context, networks, containers, idle)
  for (const network of networks) {
    const counts = countsOf(network.name, containers, idle)
    checkFixedAddresses(context, network, containers)
    checkRoom(context, network, counts)
    const findings = context.registry.check?.(network.scheme, network.options, {
      network: network.name,
      // To a scheme the bridge of a bench is a switch like any other.
      mode: fabric.mode === 'bench' ? 'l2' : fabric.mode,
      fabricSubnet: fabric.subnet,
      store: context.input.store ?? null,
      hosts: hosts.map(({ name, address, nic }) => ({
        name,
        address,
        mtu: nic.mtu,
        containers: counts.get(name) ?? 0,
      })),
    })
    for (const { path, message, remedy } of findings ?? []) {
      context.report('conflict', ['networks', network.name, ...path], message, remedy)
    }
  }
}

/** Two networks on one host may want the same device, such as a bridge of one name. */
function checkClaims(
  context: Context,
  networks: readonly NetworkModel[],
  containers: readonly ContainerModel[],
  idle: readonly IdleContainers[],
): void {
  const owners = new Map<string, string>()
  for (const { name, scheme, options } of networks) {
    const claims = context.registry.claims?.(scheme, options) ?? []
    const hosts = [...countsOf(name, containers, idle).keys()]
    const taken = claims
      .flatMap((claim) => hosts.map((host) => ({ claim, host, key: `${host} ${claim}` })))
      .filter(({ key }) => {
        if (owners.has(key)) return true
        owners.set(key, name)
        return false
      })
    const [first] = taken
    if (first === undefined) continue
    const message = `${first.claim} on ${first.host} belongs to the network ${owners.get(first.key)}`
    const remedy = 'give the two networks different hosts, or one of them another scheme'
    context.report('conflict', ['networks', name], message, remedy)
  }
}

function countsOf(
  network: string,
  containers: readonly ContainerModel[],
  idle: readonly IdleContainers[],
): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (host: string, count: number) => counts.set(host, (counts.get(host) ?? 0) + count)
  for (const { host, networks } of containers) if (networks.includes(network)) add(host, 1)
  for (const each of idle) if (each.networks.includes(network)) add(each.host, each.count)
  return counts
}

function checkFixedAddresses(
  context: Context,
  network: NetworkModel,
  containers: readonly ContainerModel[],
): void {
  const isBroken = context.isBroken('networks', network.name, 'subnet')
  const blocks = isBroken ? [] : subnetsOf(network.options)
  const [first] = blocks
  containers.forEach(({ address, networks }, i) => {
    if (address === null || networks[0] !== network.name) return
    const path = ['containers', i, 'address']
    const text = formatIpv4(address)
    const block = blocks.find((each) => contains(each, address))
    if (first !== undefined && block === undefined) {
      const message = `${text} is not in ${formatPrefix(first)}, the subnet of ${network.name}`
      context.report('conflict', path, message, `an address from ${formatPrefix(first)}`)
    } else if (block !== undefined && block.length < 31 && isReserved(block, address)) {
      const message = `${text} is the network or broadcast address of ${formatPrefix(block)}`
      context.report('conflict', path, message, 'an address between the two')
    }
  })
}

function isReserved(block: Ipv4Prefix, address: number): boolean {
  return address === block.base || address === lastOf(block)
}

/** Whether one host alone is too much; what all hosts share, only the scheme knows. */
function checkRoom(
  context: Context,
  network: NetworkModel,
  counts: ReadonlyMap<string, number>,
): void {
  const blocks = subnetsOf(network.options)
  const [block] = blocks
  if (block === undefined || context.isBroken('networks', network.name, 'subnet')) return
  const [host, most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0])
  const room = blocks.reduce((sum, { length }) => sum + Math.max(1, 2 ** (32 - length) - 2), 0)
  if (most <= room) return
  const message = `${formatPrefix(block)} holds ${room} addresses, and ${host} has ${most} containers`
  const remedy = 'a larger subnet, or fewer containers'
  context.report('out_of_range', ['networks', network.name, 'subnet'], message, remedy)
}
