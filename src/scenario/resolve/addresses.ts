/** Addresses of the fabric: a block for each rack, a place in it for each host. */
import {
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  lastOf,
  overlaps,
  prefix,
} from '../../wire/ipv4-address.ts'
import type { FabricMode } from '../model.ts'
import type { Context } from './context.ts'
import { GATEWAY, type Graph, OUTSIDE } from './fabric.ts'

/** TEST-NET-3 (RFC 5737) stands for the rest of the world. */
const OUTSIDE_SUBNET = prefix('203.0.113.0/24')

export interface HostAddress {
  readonly host: string
  /** Index into the blocks; null for the host outside. */
  readonly rack: number | null
  readonly address: Ipv4Address
  readonly prefixLength: number
  readonly gateway: Ipv4Address | null
}

export interface AddressPlan {
  readonly rackSubnets: readonly Ipv4Prefix[]
  readonly hosts: readonly HostAddress[]
}

/** The first addresses of a block are the hosts', the last usable one is the router's. */
export function planAddresses(context: Context, mode: FabricMode, graph: Graph): AddressPlan {
  const { fabric } = context.input
  const segments = mode === 'l3' ? segmentsOf(graph) : [oneSegment(graph)]
  const rackSubnets = mode === 'l3' ? cut(context, segments.length) : [fabric.subnet]
  const hosts: HostAddress[] = []
  segments.forEach((segment, rack) => {
    const block = rackSubnets[rack]
    if (block === undefined) return
    checkRoom(context, mode, block, segment.hosts.length)
    const gateway = segment.isRouted || fabric.gateway ? lastOf(block) - 1 : null
    segment.hosts.forEach((host, i) => {
      const address = (block.base + 1 + i) | 0
      hosts.push({ host, rack, address, prefixLength: block.length, gateway })
    })
  })
  if (fabric.gateway) hosts.push(outside())
  if (overlaps(fabric.subnet, fabric.transit)) {
    const message = `${formatPrefix(fabric.transit)} overlaps the subnet of the hosts`
    context.report(
      'overlap',
      ['fabric', 'transit'],
      message,
      'give the routers a block of their own',
    )
  }
  return { rackSubnets, hosts }
}

function outside(): HostAddress {
  return {
    host: OUTSIDE,
    rack: null,
    address: OUTSIDE_SUBNET.base + 1,
    prefixLength: OUTSIDE_SUBNET.length,
    gateway: lastOf(OUTSIDE_SUBNET) - 1,
  }
}

interface Segment {
  readonly hosts: string[]
  isRouted: boolean
}

function oneSegment(graph: Graph): Segment {
  return { hosts: hostNames(graph), isRouted: false }
}

function hostNames(graph: Graph): string[] {
  return graph.nodes
    .filter((node) => node.kind === 'host' && node.name !== OUTSIDE)
    .map((node) => node.name)
}

/**
 * The broadcast domains that hosts are in, in the order of their first hosts. All ports of a router
 * that lead to hosts and switches are one domain, as those of a leaf with a routed VLAN interface.
 */
function segmentsOf(graph: Graph): Segment[] {
  const routers = new Set(graph.nodes.filter((n) => n.kind === 'router').map((n) => n.name))
  const parent = new Map<string, string>()
  const find = (name: string): string => {
    let root = name
    while (parent.has(root)) root = parent.get(root)!
    return root
  }
  for (const { from, to } of graph.links) {
    if (routers.has(from) && routers.has(to)) continue
    if (from === GATEWAY || to === GATEWAY) continue
    const [a, b] = [find(from), find(to)]
    if (a !== b) parent.set(a, b)
  }
  const segments = new Map<string, Segment>()
  for (const host of hostNames(graph)) {
    const root = find(host)
    const segment = segments.get(root) ?? { hosts: [], isRouted: false }
    segments.set(root, segment)
    segment.hosts.push(host)
  }
  for (const router of routers) {
    const segment = segments.get(find(router))
    if (segment !== undefined) segment.isRouted = true
  }
  return [...segments.values()]
}

function cut(context: Context, count: number): Ipv4Prefix[] {
  const { subnet, rackPrefix } = context.input.fabric
  const available = rackPrefix < subnet.length ? 0 : 2 ** (rackPrefix - subnet.length)
  if (count > available) {
    const message = `${formatPrefix(subnet)} has no room for ${count} blocks of /${rackPrefix}`
    context.report('out_of_range', ['fabric', 'subnet'], message, 'a larger subnet or rackPrefix')
  }
  const step = 2 ** (32 - rackPrefix)
  return Array.from({ length: Math.min(count, available) }, (_, i) => ({
    base: (subnet.base + i * step) | 0,
    length: rackPrefix,
  }))
}

function checkRoom(context: Context, mode: FabricMode, block: Ipv4Prefix, hosts: number): void {
  // Network address, broadcast address and router.
  const room = 2 ** (32 - block.length) - 3
  if (hosts <= room) return
  const message = `${formatPrefix(block)} has room for ${Math.max(0, room)} hosts, not for ${hosts}`
  const key = mode === 'l3' ? 'rackPrefix' : 'subnet'
  const remedy = mode === 'l3' ? 'a smaller rackPrefix' : 'a larger subnet'
  context.report('out_of_range', ['fabric', key], message, remedy)
}
