/** One direction of a link between routers, or from a router to a subnet that it serves. */
export interface RoutingEdge {
  readonly from: string
  readonly to: string
}

/**
 * Equal-cost next hops of each router towards each destination, by hops, as an operator's IGP would
 * settle on when all links cost the same.
 * @returns for each destination router a map from router to its next routers, in the edges' order.
 */
export function equalCostNexthops(
  routers: readonly string[],
  edges: readonly RoutingEdge[],
): Map<string, Map<string, string[]>> {
  const neighbours = new Map<string, string[]>(routers.map((name) => [name, []]))
  for (const { from, to } of edges) {
    neighbours.get(from)!.push(to)
    neighbours.get(to)!.push(from)
  }
  const tables = new Map<string, Map<string, string[]>>()
  for (const destination of routers) {
    const distance = distancesFrom(destination, neighbours)
    const nexthops = new Map<string, string[]>()
    for (const router of routers) {
      const own = distance.get(router)
      if (own === undefined || router === destination) continue
      const next = neighbours.get(router)!.filter((other) => distance.get(other) === own - 1)
      nexthops.set(router, [...new Set(next)])
    }
    tables.set(destination, nexthops)
  }
  return tables
}

function distancesFrom(
  start: string,
  neighbours: ReadonlyMap<string, readonly string[]>,
): Map<string, number> {
  const distance = new Map([[start, 0]])
  const queue = [start]
  for (const node of queue) {
    for (const next of neighbours.get(node)!) {
      if (distance.has(next)) continue
      distance.set(next, distance.get(node)! + 1)
      queue.push(next)
    }
  }
  return distance
}
