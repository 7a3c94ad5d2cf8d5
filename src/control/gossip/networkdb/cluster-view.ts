import type { Node } from '../memberlist/node-table.ts'

export type PeerState = 'active' | 'failed' | 'left'

/** A node of the cluster as another one knows it. */
export interface Peer {
  readonly name: string
  node: Node
  state: PeerState
  /** Lamport time of the last news of its coming or going. */
  time: number
  /** When it is forgotten, picoseconds; Infinity while it is active. */
  reapAt: number
}

/** A node's part in a network. */
export interface Participation {
  time: number
  isLeaving: boolean
}

/** Who is in the cluster, and in which of its networks. */
export class ClusterView {
  private readonly peers = new Map<string, Peer>()
  /** By node, then by network. */
  private readonly parts = new Map<string, Map<string, Participation>>()
  /** Nodes of a network, in the order in which they came. */
  private readonly inNetwork = new Map<string, Set<string>>()

  get all(): readonly Peer[] {
    return [...this.peers.values()]
  }

  get(name: string): Peer | undefined {
    return this.peers.get(name)
  }

  /** Whether the node counts: what others say of it is taken from memberlist. */
  active(name: string): Peer | null {
    const peer = this.peers.get(name)
    return peer?.state === 'active' ? peer : null
  }

  get activeCount(): number {
    let count = 0
    for (const { state } of this.peers.values()) if (state === 'active') count++
    return count
  }

  put(node: Node): Peer {
    const known = this.peers.get(node.name)
    if (known !== undefined) {
      known.node = node
      return known
    }
    const { name } = node
    const peer: Peer = { name, node, state: 'active', time: 0, reapAt: Infinity }
    this.peers.set(name, peer)
    return peer
  }

  forget(name: string): void {
    this.peers.delete(name)
  }

  /** Networks of a node. */
  partsOf(name: string): ReadonlyMap<string, Participation> {
    return this.parts.get(name) ?? NONE
  }

  /** Of all nodes, for the others. */
  get everyPart(): readonly (readonly [string, ReadonlyMap<string, Participation>])[] {
    return [...this.parts]
  }

  part(name: string, network: string): Participation | undefined {
    return this.parts.get(name)?.get(network)
  }

  enter(name: string, network: string, time: number): void {
    const networks = this.parts.get(name) ?? new Map<string, Participation>()
    this.parts.set(name, networks)
    networks.set(network, { time, isLeaving: false })
    this.count(name, network)
  }

  /** The node counts as one of the network. */
  count(name: string, network: string): void {
    const nodes = this.inNetwork.get(network) ?? new Set<string>()
    this.inNetwork.set(network, nodes)
    nodes.add(name)
  }

  discount(name: string, network: string): void {
    this.inNetwork.get(network)?.delete(name)
  }

  /** A node that is gone is in no network. */
  dropParts(name: string): void {
    this.parts.delete(name)
    for (const nodes of this.inNetwork.values()) nodes.delete(name)
  }

  forgetPart(name: string, network: string): void {
    this.parts.get(name)?.delete(network)
    this.discount(name, network)
  }

  nodesOf(network: string): readonly string[] {
    return [...(this.inNetwork.get(network) ?? [])]
  }

  isIn(name: string, network: string): boolean {
    return this.inNetwork.get(network)?.has(name) === true
  }

  sizeOf(network: string): number {
    return this.inNetwork.get(network)?.size ?? 0
  }

  /** Networks that both are in. */
  common(a: string, b: string): string[] {
    return [...this.partsOf(a)].flatMap(([network, { isLeaving }]) =>
      !isLeaving && this.isIn(b, network) ? [network] : [],
    )
  }
}

const NONE: ReadonlyMap<string, Participation> = new Map()
