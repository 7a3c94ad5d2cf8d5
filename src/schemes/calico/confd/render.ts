import { maskOf, parseInterfaceAddress, parseIpv4, prefix } from '../../../wire/ipv4-address.ts'
import type { BirdBlock, BirdConfig, BirdPool } from '../bird/config.ts'
import type { BlockAffinity, IPPoolSpec } from '../datastore/model.ts'
import type { ClusterView } from './cluster-view.ts'
import { asNumberOf, peersOf } from './peers.ts'

/** bird.cfg, bird_aggr.cfg and bird_ipam.cfg of a node; null while it has no address for BGP. */
export function renderBirdConfig(view: ClusterView): BirdConfig | null {
  const self = view.nodes.get(view.node)
  const text = self?.spec.bgp?.ipv4Address
  const own = text === undefined ? null : parseInterfaceAddress(text)
  if (self === undefined || own === null) return null
  const { address, length } = own
  const cluster = self.spec.bgp?.routeReflectorClusterID
  return {
    address,
    subnet: { base: address & maskOf(length), length },
    asNumber: asNumberOf(view, self),
    clusterId: cluster === undefined ? null : parseIpv4(cluster),
    peers: peersOf(view, self),
    pools: sorted(view.pools).map(([, { spec }]) => poolOf(spec)),
    blocks: sorted(view.affinities).map(([cidr, affinity]) => blockOf(cidr, affinity)),
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

function poolOf({ cidr, ipipMode, vxlanMode, disableBGPExport }: IPPoolSpec): BirdPool {
  return {
    cidr: prefix(cidr),
    isExported: disableBGPExport !== true,
    kernel: kernelOf(ipipMode ?? 'Never', vxlanMode ?? 'Never'),
  }
}

function kernelOf(
  ipip: NonNullable<IPPoolSpec['ipipMode']>,
  vxlan: NonNullable<IPPoolSpec['vxlanMode']>,
): BirdPool['kernel'] {
  if (vxlan !== 'Never') return 'reject'
  if (ipip === 'Never') return 'plain'
  return ipip === 'Always' ? 'tunnel' : 'tunnel unless near'
}

function blockOf(cidr: string, { state }: BlockAffinity): BirdBlock {
  return { cidr: prefix(cidr), isConfirmed: state === 'confirmed' }
}
