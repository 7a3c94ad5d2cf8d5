import type { LinkModel, NodeModel, Scenario } from '../../scenario/model.ts'
import { OUTSIDE } from '../../scenario/resolve/fabric.ts'
import { enumerate, plural } from '../format.ts'

/** A box of the drawing: a device, or hosts at one device that stand for themselves no longer. */
export interface TopologyBox {
  readonly kind: 'host' | 'hosts' | 'switch' | 'router' | 'more'
  /** The name first. */
  readonly lines: readonly string[]
  /** Nodes that it stands for. */
  readonly nodes: readonly string[]
}

export interface Topology {
  /** From hosts upwards. */
  readonly levels: readonly (readonly TopologyBox[])[]
}

/** With more hosts a box stands for all that are at one device. */
const HOSTS_MAX = 14
const GROUPS_MAX = 10
const DEVICES_MAX = 10

/** Devices by how far they are from hosts: leaves above hosts, spines above leaves. */
export function layOut({ fabric, containers, idle, hosts }: Scenario): Topology {
  const neighbours = neighboursOf(fabric.links)
  const levels = levelsOf(fabric.nodes, neighbours)
  const counts = new Map<string, number>()
  for (const { host } of containers) counts.set(host, (counts.get(host) ?? 0) + 1)
  for (const { host, count } of idle) counts.set(host, (counts.get(host) ?? 0) + count)
  const known = new Set(hosts.map(({ name }) => name))
  const bottom = (levels[0] ?? []).filter(({ name }) => known.has(name))
  const hostBoxes =
    bottom.length <= HOSTS_MAX
      ? bottom.map(({ name }) => hostBox([name], counts))
      : groupBoxes(bottom, neighbours, counts)
  return { levels: [hostBoxes, ...levels.slice(1).map(deviceBoxes)] }
}

function neighboursOf(links: readonly LinkModel[]): ReadonlyMap<string, readonly string[]> {
  const neighbours = new Map<string, string[]>()
  const add = (from: string, to: string) => {
    neighbours.set(from, [...(neighbours.get(from) ?? []), to])
  }
  for (const { from, to } of links) {
    add(from, to)
    add(to, from)
  }
  return neighbours
}

/** Breadth first from the hosts; the host outside stands above the gateway. */
function levelsOf(
  nodes: readonly NodeModel[],
  neighbours: ReadonlyMap<string, readonly string[]>,
): NodeModel[][] {
  const distance = new Map<string, number>()
  for (const { kind, name } of nodes) if (kind === 'host' && name !== OUTSIDE) distance.set(name, 0)
  // A map is walked in the order of its entries, those that are added meanwhile included.
  for (const [name, far] of distance) {
    for (const next of neighbours.get(name) ?? []) {
      if (!distance.has(next)) distance.set(next, far + 1)
    }
  }
  const levels: NodeModel[][] = []
  for (const node of nodes) {
    const level = distance.get(node.name) ?? 1
    while (levels.length <= level) levels.push([])
    levels[level]!.push(node)
  }
  return levels.filter(({ length }, i) => i === 0 || length > 0)
}

function hostBox(names: readonly string[], counts: ReadonlyMap<string, number>): TopologyBox {
  const containers = names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0)
  const note = containers === 0 ? [] : [plural(containers, 'container')]
  const [first = ''] = names
  if (names.length === 1) return { kind: 'host', lines: [first, ...note], nodes: names }
  const range = `${first} … ${names.at(-1)}`
  return { kind: 'hosts', lines: [range, plural(names.length, 'host'), ...note], nodes: names }
}

/** Hosts by the device at which they are. */
function groupBoxes(
  hosts: readonly NodeModel[],
  neighbours: ReadonlyMap<string, readonly string[]>,
  counts: ReadonlyMap<string, number>,
): TopologyBox[] {
  const groups = new Map<string, string[]>()
  for (const { name } of hosts) {
    const at = neighbours.get(name)?.[0] ?? ''
    const group = groups.get(at)
    if (group === undefined) groups.set(at, [name])
    else group.push(name)
  }
  const boxes = [...groups.values()].map((names) => hostBox(names, counts))
  return shortened(boxes, GROUPS_MAX, (rest) => {
    const names = rest.flatMap(({ nodes }) => nodes)
    return ['…', `${plural(names.length, 'host')} more`]
  })
}

function deviceBoxes(nodes: readonly NodeModel[]): readonly TopologyBox[] {
  const boxes = nodes.map((node): TopologyBox => {
    const { name } = node
    if (node.kind === 'switch') {
      return { kind: 'switch', lines: [name, node.switch.profile.name], nodes: [name] }
    }
    if (node.kind === 'host') return { kind: 'host', lines: [name], nodes: [name] }
    return {
      kind: node.kind === 'router' ? 'router' : 'switch',
      lines: [name, node.kind],
      nodes: [name],
    }
  })
  return shortened(boxes, DEVICES_MAX, (rest) => ['…', `${rest.length} more`])
}

/** The first ones, and a box for those that are too many. */
function shortened(
  boxes: readonly TopologyBox[],
  most: number,
  words: (rest: readonly TopologyBox[]) => readonly string[],
): TopologyBox[] {
  if (boxes.length <= most) return [...boxes]
  const rest = boxes.slice(most - 1)
  const nodes = rest.flatMap((box) => box.nodes)
  return [...boxes.slice(0, most - 1), { kind: 'more', lines: words(rest), nodes }]
}

/** For somebody who does not see the drawing. */
export function topologyText({ fabric }: Scenario): string {
  const count = (role: NodeModel['role']) =>
    fabric.nodes.filter((each) => each.role === role).length
  const parts: string[] = []
  const add = (role: NodeModel['role'], one: string, several: string) => {
    if (count(role) > 0) parts.push(plural(count(role), one, several))
  }
  add('spine', 'spine', 'spines')
  add('leaf', 'leaf', 'leaves')
  add('gateway', 'gateway', 'gateways')
  add('drawn', 'drawn device', 'drawn devices')
  parts.push(plural(fabric.nodes.filter(({ kind }) => kind === 'host').length, 'host'))
  const racks = fabric.racks > 0 ? ` in ${plural(fabric.racks, 'rack')}` : ''
  return `Fabric of mode ${fabric.mode}: ${enumerate(parts)}${racks}, ${plural(fabric.links.length, 'link')}.`
}
