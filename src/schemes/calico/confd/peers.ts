import { parseDuration } from '../../../control/consul/store/duration.ts'
import { formatIpv4, type Ipv4Address, parseInterfaceAddress } from '../../../wire/ipv4-address.ts'
import type { BirdPeer } from '../bird/config.ts'
import type { BGPPeerSpec, Resource } from '../datastore/model.ts'
import type { ClusterView } from './cluster-view.ts'

/** Of clusters that name none (libcalico-go). */
const DEFAULT_AS = 64_512
/** BIRD's own. */
const RESTART_TIME = 120

export type NodeResource = Resource<'Node'>

/** The node's address without its length; null when it has none for BGP. */
function addressOf({ spec }: NodeResource): Ipv4Address | null {
  const text = spec.bgp?.ipv4Address
  return text === undefined ? null : (parseInterfaceAddress(text)?.address ?? null)
}

export function asNumberOf(view: ClusterView, { spec }: NodeResource): number {
  return spec.bgp?.asNumber ?? view.bgp.asNumber ?? DEFAULT_AS
}

function clusterIdOf({ spec }: NodeResource): string {
  return spec.bgp?.routeReflectorClusterID ?? ''
}

/** All peers of a node: mesh, those of all nodes, its own. BIRD knows each address once, by its first name. */
export function peersOf(view: ClusterView, self: NodeResource): BirdPeer[] {
  const found = new Map<Ipv4Address, BirdPeer>()
  for (const peer of [...meshPeers(view, self), ...explicitPeers(view, self)]) {
    if (!found.has(peer.address)) found.set(peer.address, peer)
  }
  return [...found.values()]
}

function sortedNodes({ nodes }: ClusterView): NodeResource[] {
  return [...nodes.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

/** Route reflectors are not part of the mesh. */
function meshPeers(view: ClusterView, self: NodeResource): BirdPeer[] {
  const { nodeToNodeMeshEnabled = true, nodeMeshMaxRestartTime } = view.bgp
  if (!nodeToNodeMeshEnabled || clusterIdOf(self) !== '') return []
  const others = sortedNodes(view).filter((node) => node !== self && clusterIdOf(node) === '')
  const spec =
    nodeMeshMaxRestartTime === undefined ? {} : { maxRestartTime: nodeMeshMaxRestartTime }
  return others.flatMap((node) => peerWith(view, self, node, 'Mesh', spec) ?? [])
}

/** Those of BGPPeer resources: first the ones of all nodes, then the ones of some. */
function explicitPeers(view: ClusterView, self: NodeResource): BirdPeer[] {
  const names = [...view.peers.keys()].sort()
  const specs = names.map((name) => view.peers.get(name)!.spec)
  const isGlobal = ({ node, nodeSelector }: BGPPeerSpec) =>
    node === undefined && nodeSelector === undefined
  const ordered = [...specs.filter(isGlobal), ...specs.filter((spec) => !isGlobal(spec))]
  return ordered.flatMap((spec) => {
    const kind = isGlobal(spec) ? 'Global' : 'Node'
    return peersBy(view, self, spec, kind)
  })
}

function appliesTo(view: ClusterView, { node, nodeSelector }: BGPPeerSpec, to: NodeResource) {
  if (node !== undefined) return node === to.metadata.name
  return nodeSelector === undefined || view.matches(nodeSelector, to)
}

function peersBy(
  view: ClusterView,
  self: NodeResource,
  spec: BGPPeerSpec,
  kind: string,
): BirdPeer[] {
  const { peerIP, asNumber, peerSelector } = spec
  const isOurs = appliesTo(view, spec, self)
  if (peerSelector !== undefined) {
    const isTheirs = view.matches(peerSelector, self)
    const others = sortedNodes(view).filter(
      (node) =>
        node !== self &&
        ((isOurs && view.matches(peerSelector, node)) || (isTheirs && appliesTo(view, spec, node))),
    )
    return others.flatMap((node) => peerWith(view, self, node, kind, spec) ?? [])
  }
  // A port after the address is not modelled: all listen on 179.
  const address =
    peerIP === undefined ? null : (parseInterfaceAddress(`${peerIP}/32`)?.address ?? null)
  if (!isOurs || address === null || asNumber === undefined) return []
  return address === addressOf(self) ? [] : [peerAt(view, self, { address, asNumber, kind, spec })]
}

function peerWith(
  view: ClusterView,
  self: NodeResource,
  other: NodeResource,
  kind: string,
  spec: BGPPeerSpec,
): BirdPeer | null {
  const address = addressOf(other)
  if (address === null) return null
  const asNumber = asNumberOf(view, other)
  return peerAt(view, self, { address, asNumber, kind, spec, clusterId: clusterIdOf(other) })
}

interface PeerDraft {
  readonly address: Ipv4Address
  readonly asNumber: number
  readonly kind: string
  readonly spec: BGPPeerSpec
  /** Of a peer that is a node: its cluster, '' = it reflects nothing. */
  readonly clusterId?: string
}

function peerAt(view: ClusterView, self: NodeResource, draft: PeerDraft): BirdPeer {
  const { address, asNumber, kind, spec, clusterId } = draft
  const text = formatIpv4(address)
  const own = clusterIdOf(self)
  const isInternal = asNumber === asNumberOf(view, self)
  return {
    name: `${kind}_${text.replaceAll('.', '_')}`,
    address,
    asNumber,
    // Of two nodes the one with the higher address connects, as text compares: else a restart that is under
    // way would meet a second connection and be broken off.
    isPassive: clusterId !== undefined && text > formatIpv4(addressOf(self)!),
    isReflectorClient: isInternal && own !== '' && clusterId !== own,
    nextHop: spec.nextHopMode === 'Self' ? 'self' : spec.nextHopMode === 'Keep' ? 'keep' : 'auto',
    keepalive: seconds(spec.keepaliveTime),
    restartTime: seconds(spec.maxRestartTime) ?? RESTART_TIME,
  }
}

function seconds(text: string | undefined): number | null {
  const nanoseconds = text === undefined ? undefined : parseDuration(text)
  return nanoseconds === undefined ? null : Math.floor(nanoseconds / 1e9)
}
