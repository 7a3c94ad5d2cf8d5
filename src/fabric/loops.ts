/** A link of a drawn graph; both ends are names of nodes. */
export interface DrawnLink {
  readonly a: string
  readonly b: string
}

interface Step {
  readonly parent: string | null
  readonly depth: number
}

/**
 * The loops of a graph of switches, each as the nodes that it passes, in order: one loop for every
 * link beyond a spanning forest. Two links between the same nodes are a loop of two, a link from a
 * node to itself a loop of one; links that are bundled (LAG) must be given as one.
 */
export function findLoops(nodes: readonly string[], links: readonly DrawnLink[]): string[][] {
  const neighbours = new Map<string, { node: string; link: DrawnLink }[]>()
  for (const node of nodes) neighbours.set(node, [])
  for (const link of links) {
    neighboursOf(neighbours, link.a).push({ node: link.b, link })
    neighboursOf(neighbours, link.b).push({ node: link.a, link })
  }
  const steps = new Map<string, Step>()
  const treeLinks = new Set<DrawnLink>()
  for (const start of nodes) {
    if (steps.has(start)) continue
    steps.set(start, { parent: null, depth: 0 })
    const queue = [start]
    for (const node of queue) {
      for (const { node: next, link } of neighbours.get(node)!) {
        if (steps.has(next)) continue
        steps.set(next, { parent: node, depth: steps.get(node)!.depth + 1 })
        treeLinks.add(link)
        queue.push(next)
      }
    }
  }
  return links.filter((link) => !treeLinks.has(link)).map((link) => loopThrough(steps, link))
}

function neighboursOf<T>(neighbours: ReadonlyMap<string, T>, node: string): T {
  const found = neighbours.get(node)
  if (found === undefined) throw new RangeError(`a link names no node: ${node}`)
  return found
}

/** From both ends of a link up to where their ways to the root meet. */
function loopThrough(steps: ReadonlyMap<string, Step>, link: DrawnLink): string[] {
  const left = [link.a]
  const right = [link.b]
  while (left.at(-1) !== right.at(-1)) {
    const [x, y] = [steps.get(left.at(-1)!)!, steps.get(right.at(-1)!)!]
    if (x.depth >= y.depth) left.push(x.parent!)
    else right.push(y.parent!)
  }
  right.pop()
  return [...left, ...right.reverse()]
}
