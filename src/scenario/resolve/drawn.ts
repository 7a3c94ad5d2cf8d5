/** A fabric that the file draws node by node: names, cables, loops. */
import { findLoops } from '../../fabric/loops.ts'
import type { FabricMode, LinkModel, NodeModel } from '../model.ts'
import type { FabricSection } from '../schema/fabric.ts'
import type { Context } from './context.ts'
import { checkMtu, type Graph, linkBetween } from './fabric.ts'
import { resolveSwitch } from './switches.ts'

type Drawing = NonNullable<FabricSection['draw']>
type DrawnLink = Drawing['links'][number]

const NODES = ['fabric', 'draw', 'nodes'] as const
const LINKS = ['fabric', 'draw', 'links'] as const

export function drawnGraph(context: Context, draw: Drawing, mode: FabricMode): Graph {
  const nodes = drawnNodes(context, draw, mode)
  const names = new Set(context.rawList(...NODES).map((node) => String(node['name'])))
  const links: LinkModel[] = []
  const cables = new Map<string, number>()
  draw.links.forEach((link, i) => {
    if (!checkEnds(context, link, i, names)) return
    const pair = pairOf(link.from, link.to)
    const count = (cables.get(pair) ?? 0) + 1
    cables.set(pair, count)
    if (link.mtu !== undefined) checkMtu(context, [...LINKS, i, 'mtu'], link.mtu)
    const plain = linkBetween(link.from, link.to, { ...context.input.fabric.links, ...link })
    links.push(count === 1 ? plain : { ...plain, name: `${plain.name}#${count}` })
  })
  if (!context.isBroken(...NODES) && !context.isBroken(...LINKS)) {
    checkCabling(context, nodes, links)
    if (mode !== 'l3' && !context.input.fabric.allowLoops) checkLoops(context, draw, nodes)
  }
  return { nodes, links }
}

function drawnNodes(context: Context, draw: Drawing, mode: FabricMode): NodeModel[] {
  const { fabric } = context.input
  const seen = new Map<string, number>()
  const shared = resolveSwitch(context, fabric.switch, ['fabric', 'switch'])
  const nodes: NodeModel[] = []
  draw.nodes.forEach((node, i) => {
    const path = [...NODES, i]
    if (seen.has(node.name)) {
      const message = `there are two nodes ${node.name}`
      context.report('duplicate_name', [...path, 'name'], message, 'name one of them otherwise')
      return
    }
    seen.set(node.name, i)
    const base = { name: node.name, role: 'drawn', rack: null } as const
    if (node.kind === 'host') nodes.push({ ...base, kind: 'host', role: 'host' })
    else if (node.kind === 'switch') {
      const own = node.switch
      const settings = own ? resolveSwitch(context, own, [...path, 'switch']) : shared
      nodes.push({ ...base, kind: 'switch', switch: settings })
    } else {
      if (mode !== 'l3') {
        const message = `${node.name} is a router, and the mode of the fabric is ${mode}`
        context.report('conflict', [...path, 'kind'], message, 'mode: l3, or kind: switch')
      }
      nodes.push({ ...base, kind: 'router', router: node.router ?? fabric.router })
    }
  })
  return nodes
}

function checkEnds(
  context: Context,
  link: DrawnLink,
  index: number,
  names: ReadonlySet<string>,
): boolean {
  let isSound = true
  for (const end of ['from', 'to'] as const) {
    if (!context.checkName(names, [...LINKS, index, end], 'node', link[end])) isSound = false
  }
  if (isSound && link.from === link.to) {
    const message = `a link from ${link.from} to itself`
    context.report('topology', [...LINKS, index, 'to'], message, 'name another node as "to"')
    return false
  }
  return isSound
}

/** A host has one NIC; every node must be reached from the first. */
function checkCabling(
  context: Context,
  nodes: readonly NodeModel[],
  links: readonly LinkModel[],
): void {
  const degree = new Map<string, number>()
  for (const link of links) {
    for (const end of [link.from, link.to]) degree.set(end, (degree.get(end) ?? 0) + 1)
  }
  const reached = reachedFrom(nodes[0]?.name, links)
  nodes.forEach((node, i) => {
    const path = [...NODES, i]
    const count = degree.get(node.name) ?? 0
    if (count === 0 && nodes.length > 1) {
      context.report('topology', path, `${node.name} has no link`, 'add one to fabric.draw.links')
    } else if (!reached.has(node.name)) {
      const message = `no way leads from ${nodes[0]!.name} to ${node.name}`
      context.report('topology', path, message, 'join the two parts of the fabric by a link')
    }
    if (node.kind === 'host' && count > 1) {
      const message = `${node.name} has ${count} links, and a host has one NIC`
      context.report('topology', path, message, 'link the host to one switch')
    }
  })
}

function reachedFrom(start: string | undefined, links: readonly LinkModel[]): Set<string> {
  const neighbours = new Map<string, string[]>()
  const add = (a: string, b: string) => {
    const list = neighbours.get(a)
    if (list === undefined) neighbours.set(a, [b])
    else list.push(b)
  }
  for (const link of links) {
    add(link.from, link.to)
    add(link.to, link.from)
  }
  const reached = new Set<string>(start === undefined ? [] : [start])
  for (const node of reached) for (const next of neighbours.get(node) ?? []) reached.add(next)
  return reached
}

/** Loops of switches, which only a spanning tree could live with. */
function checkLoops(context: Context, draw: Drawing, nodes: readonly NodeModel[]): void {
  const switches = new Set(nodes.filter((node) => node.kind === 'switch').map((node) => node.name))
  const inner = draw.links.filter(
    (link) => switches.has(link.from) && switches.has(link.to) && link.from !== link.to,
  )
  const loops = findLoops(
    [...switches],
    inner.map((link) => ({ a: link.from, b: link.to })),
  )
  for (const loop of loops) {
    const sides = new Set(loop.map((node, i) => pairOf(node, loop[(i + 1) % loop.length]!)))
    const index = draw.links.findLastIndex(({ from, to }) => sides.has(pairOf(from, to)))
    const message = `closes a loop: ${[...loop, loop[0]].join(' - ')}`
    const remedy = 'remove the link, or let the spanning tree block one: fabric.allowLoops: true'
    context.report('topology', [...LINKS, index], message, remedy)
  }
}

/** The same for both directions. */
function pairOf(a: string, b: string): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`
}
