import {
  contains,
  type Ipv4Address,
  type Ipv4Prefix,
  maskOf,
  parseInterfaceAddress,
  parseIpv4,
  prefix,
} from '../../../../wire/ipv4-address.ts'
import { type MacAddress, mac } from '../../../../wire/mac-address.ts'
import { sha1 } from '../../../../wire/sha1.ts'
import type { AllocationBlock, IPPoolSpec, NodeSpec, Update } from '../../datastore/model.ts'
import { type TunnelKind, usesTunnel } from './mtu.ts'

/** A node, as far as tunnels reach it. */
export interface TunnelNode {
  readonly name: string
  readonly address: Ipv4Address
  /** The node's subnet, by the length of its address. */
  readonly subnet: Ipv4Prefix
  readonly ipipAddress: Ipv4Address | null
  readonly vxlanAddress: Ipv4Address | null
  readonly vxlanMac: MacAddress
}

/** Addresses that live on a node: a block, or one of another node's block. */
export interface Placement {
  readonly net: Ipv4Prefix
  readonly node: string
  readonly pool: IPPoolSpec
}

/** What Felix's tunnels need to know of the datastore. */
export class TunnelCluster {
  readonly nodes = new Map<string, TunnelNode>()
  readonly pools = new Map<string, IPPoolSpec>()
  private readonly blocks = new Map<string, AllocationBlock>()

  /** @returns whether it may concern tunnels. */
  take(update: Update): boolean {
    switch (update.kind) {
      case 'Node': {
        const node = update.value === null ? null : nodeOf(update.key, update.value.spec)
        if (node === null) return this.nodes.delete(update.key)
        this.nodes.set(update.key, node)
        return true
      }
      case 'IPPool':
        if (update.value === null) return this.pools.delete(update.key)
        this.pools.set(update.key, update.value.spec)
        return true
      case 'AllocationBlock':
        if (update.value === null) return this.blocks.delete(update.key)
        this.blocks.set(update.key, update.value)
        return this.isUsed('vxlan')
      default:
        return false
    }
  }

  isUsed(kind: TunnelKind): boolean {
    for (const pool of this.pools.values()) if (usesTunnel(kind, pool)) return true
    return false
  }

  /** Where the addresses of VXLAN pools are: blocks, and what was borrowed out of them. */
  placements(): Placement[] {
    const pools = [...this.pools.values()].filter((pool) => usesTunnel('vxlan', pool))
    const cidrs = pools.map((pool) => ({ pool, cidr: prefix(pool.cidr) }))
    return [...this.blocks].flatMap(([key, block]) => {
      const net = prefix(key)
      const pool = cidrs.find(({ cidr }) => contains(cidr, net.base))?.pool
      return pool === undefined ? [] : placementsOf(net, block, pool)
    })
  }
}

function placementsOf(net: Ipv4Prefix, block: AllocationBlock, pool: IPPoolSpec): Placement[] {
  const { affinity, allocations, attributes } = block
  const owner = affinity?.replace(/^host:/, '') ?? null
  const found: Placement[] = owner === null ? [] : [{ net, node: owner, pool }]
  const users = attributes.map(({ secondary }) => secondary['node'])
  if (users.every((user) => user === undefined || user === owner)) return found
  allocations.forEach((attribute, ordinal) => {
    const user = attribute === null ? undefined : users[attribute]
    if (user === undefined || user === owner) return
    found.push({ net: { base: (net.base + ordinal) | 0, length: 32 }, node: user, pool })
  })
  return found
}

function nodeOf(name: string, spec: NodeSpec): TunnelNode | null {
  const own = parseInterfaceAddress(spec.bgp?.ipv4Address ?? '')
  if (own === null) return null
  const { address, length } = own
  return {
    name,
    address,
    subnet: { base: address & maskOf(length), length },
    ipipAddress: addressOf(spec.bgp?.ipv4IPIPTunnelAddr),
    vxlanAddress: addressOf(spec.ipv4VXLANTunnelAddr),
    vxlanMac: mac(spec.vxlanTunnelMACAddr ?? vtepMac(name)),
  }
}

function addressOf(text: string | undefined): Ipv4Address | null {
  return text === undefined ? null : parseIpv4(text)
}

/** `66:` and the first five octets of the SHA-1 of the node's name (felix/calc/vxlan_resolver.go). */
export function vtepMac(node: string): string {
  return `66${sha1(node).slice(0, 10)}`.replace(/..(?!$)/g, '$&:')
}
