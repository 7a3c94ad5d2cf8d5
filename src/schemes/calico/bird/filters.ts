import { contains, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { BirdConfig, BirdPool } from './config.ts'

/** `inner ~ outer` of BIRD's filters: within it, or the same. */
function isWithin(inner: Ipv4Prefix, outer: Ipv4Prefix): boolean {
  return inner.length >= outer.length && contains(outer, inner.base)
}

/**
 * `calico_export_to_bgp_peers`: own blocks as a whole and nothing beneath them, then whatever lies in a
 * pool, such as an address borrowed from another node's block.
 */
export function exportsToPeers({ pools, blocks }: BirdConfig, net: Ipv4Prefix): boolean {
  if (pools.some(({ cidr, isExported }) => !isExported && isWithin(net, cidr))) return false
  const block = blocks.find(({ cidr, isConfirmed }) => isConfirmed && isWithin(net, cidr))
  if (block !== undefined) return net.length === block.cidr.length
  return pools.some(({ cidr }) => isWithin(net, cidr))
}

/** `calico_kernel_programming`, for a route of BGP. */
export function kernelFilter({ pools }: BirdConfig, net: Ipv4Prefix): BirdPool['kernel'] {
  return pools.find(({ cidr }) => isWithin(net, cidr))?.kernel ?? 'plain'
}
