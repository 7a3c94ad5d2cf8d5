import type { MacAddress } from '../wire/mac-address.ts'

/** A bridge as the spanning tree sees it. */
export interface TreeBridge {
  readonly name: string
  /** 32768 by default, lower is preferred. */
  readonly priority: number
  readonly mac: MacAddress
}

export interface TreeLink {
  readonly id: string
  /** Names of the bridges at both ends. */
  readonly a: string
  readonly b: string
  /** Path cost: see `pathCost`. */
  readonly cost: number
  readonly up: boolean
}

/** Which ends of a link forward. */
export interface LinkState {
  readonly a: boolean
  readonly b: boolean
}

export interface SpanningTree {
  /** By link id, in the order of the links. Both ends of a link that is down are closed. */
  readonly links: ReadonlyMap<string, LinkState>
  /** The root bridge that each bridge follows, and what the way to it costs. */
  readonly bridges: ReadonlyMap<string, { readonly root: string; readonly cost: number }>
}

/** Port path cost of IEEE 802.1D-2004 table 17-3: 20,000 at 1 Gb/s, 2,000 at 10 Gb/s, at least 1. */
export function pathCost(bitsPerSecond: number): number {
  return Math.max(1, Math.floor(20e12 / bitsPerSecond))
}

interface Vertex {
  readonly bridge: TreeBridge
  /** Place in the order of bridge identifiers: priority, MAC, then position. */
  readonly rank: number
  readonly edges: Edge[]
  root: Vertex
  cost: number
  rootEdge: Edge | null
}

/**
 * One end of a link; `port` numbers a bridge's links in their order, as port identifiers do. As both
 * ends number parallel links in the same order, the first of them is the best by either's ports.
 */
interface Edge {
  readonly link: TreeLink
  readonly owner: Vertex
  readonly port: number
  peer: Edge
}

/**
 * The tree on which (R)STP settles (802.1D-2004 17.5): in each connected part the bridge with the
 * lowest identifier is root; each other bridge has one root port, by root path cost, then the
 * neighbour's identifier, then the neighbour's port, then its own; each link one designated end.
 */
export function spanningTree(
  bridges: readonly TreeBridge[],
  links: readonly TreeLink[],
): SpanningTree {
  const vertices = vertexMap(bridges)
  const ends = new Map<string, Edge>()
  for (const link of links) ends.set(link.id, join(vertices, link))
  const byRank = [...vertices.values()].sort((x, y) => x.rank - y.rank)
  const reached = new Set<Vertex>()
  for (const vertex of byRank) {
    if (!reached.has(vertex)) settlePart(vertex, reached)
  }
  for (const vertex of byRank) vertex.rootEdge = rootEdgeOf(vertex)

  const states = new Map<string, LinkState>()
  for (const link of links) {
    const end = ends.get(link.id)!
    states.set(link.id, { a: forwards(end), b: forwards(end.peer) })
  }
  const settled = new Map<string, { root: string; cost: number }>()
  for (const { bridge, root, cost } of vertices.values()) {
    settled.set(bridge.name, { root: root.bridge.name, cost })
  }
  return { links: states, bridges: settled }
}

function vertexMap(bridges: readonly TreeBridge[]): Map<string, Vertex> {
  const order = bridges.map((_, i) => i)
  order.sort((x, y) => {
    const [one, two] = [bridges[x]!, bridges[y]!]
    return one.priority - two.priority || one.mac - two.mac || x - y
  })
  const ranks = new Map(order.map((position, rank) => [position, rank]))
  const vertices = new Map<string, Vertex>()
  bridges.forEach((bridge, i) => {
    const vertex = { bridge, rank: ranks.get(i)!, edges: [], cost: Infinity, rootEdge: null }
    const whole: Vertex = Object.assign(vertex, { root: null as unknown as Vertex })
    whole.root = whole
    vertices.set(bridge.name, whole)
  })
  return vertices
}

/** @returns the end at `a`. */
function join(vertices: ReadonlyMap<string, Vertex>, link: TreeLink): Edge {
  const [a, b] = [vertexOf(vertices, link.a, link), vertexOf(vertices, link.b, link)]
  const one = { link, owner: a, port: a.edges.length } as Edge
  a.edges.push(one)
  const two: Edge = { link, owner: b, port: b.edges.length, peer: one }
  b.edges.push(two)
  one.peer = two
  return one
}

function vertexOf(vertices: ReadonlyMap<string, Vertex>, name: string, link: TreeLink): Vertex {
  const vertex = vertices.get(name)
  if (vertex === undefined) throw new RangeError(`link ${link.id} names no bridge: ${name}`)
  return vertex
}

/** Dijkstra from the root of one part. */
function settlePart(root: Vertex, reached: Set<Vertex>): void {
  const open = new Set<Vertex>([root])
  root.cost = 0
  while (open.size > 0) {
    let nearest: Vertex | null = null
    for (const vertex of open) if (nearest === null || vertex.cost < nearest.cost) nearest = vertex
    const from = nearest!
    open.delete(from)
    reached.add(from)
    from.root = root
    for (const { link, peer } of from.edges) {
      const to = peer.owner
      if (!link.up || from.cost + link.cost >= to.cost) continue
      to.cost = from.cost + link.cost
      open.add(to)
    }
  }
}

function rootEdgeOf(vertex: Vertex): Edge | null {
  if (vertex.root === vertex) return null
  let best: Edge | null = null
  for (const edge of vertex.edges) {
    if (!edge.link.up || edge.peer.owner === vertex) continue
    if (best === null || compareUpstream(edge, best) < 0) best = edge
  }
  return best
}

function compareUpstream(x: Edge, y: Edge): number {
  return (
    x.peer.owner.cost + x.link.cost - (y.peer.owner.cost + y.link.cost) ||
    x.peer.owner.rank - y.peer.owner.rank
  )
}

/** Root ports and designated ports forward; the others are alternates or backups. */
function forwards(edge: Edge): boolean {
  const { link, owner, peer } = edge
  if (!link.up) return false
  if (owner.rootEdge === edge) return true
  return (owner.cost - peer.owner.cost || owner.rank - peer.owner.rank || edge.port - peer.port) < 0
}
