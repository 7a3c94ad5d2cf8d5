import type { FabricModel, FaultAction, FaultedLink, FaultModel, LinkModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { FaultEntry } from '../schema/faults.ts'
import { MTU_MIN } from '../schema/names.ts'
import type { Context, KnownNames } from './context.ts'
import {
  type FaultTargets,
  HOST_FAULT_KEYS,
  hasHostFault,
  hostFaultsOf,
  isHostFaultBroken,
} from './host-faults.ts'

const ACTION_KEYS =
  'cut, loss, corrupt, duplicate, reorder, delay, jitter, blockUdpPort, blockProtocol, maxPacket, filterIcmp'

const HOST_KEYS = HOST_FAULT_KEYS.join(', ')

export function resolveFaults(context: Context, targets: FaultTargets): FaultModel[] {
  const { fabric } = targets
  const seen = new Set<string>()
  const known = knownNodes(context, fabric)
  return context.input.faults.map((entry, i) => {
    const path = ['faults', i]
    const name = entry.name ?? `fault-${context.originalIndex(['faults'], i) + 1}`
    if (seen.has(name)) {
      const message = `there are two faults ${name}`
      const at = entry.name === undefined ? path : [...path, 'name']
      context.report('duplicate_name', at, message, 'name one of them otherwise')
    }
    seen.add(name)
    checkFault(context, entry, path)
    const until = entry.until ?? null
    const actions = actionsOf(entry)
    const hostFaults = hostFaultsOf(context, entry, path, targets)
    if (actions.length === 0 && !namesLink(entry)) {
      if (!hasHostFault(entry) && !isHostFaultBroken(context, path) && !context.isBroken(...path)) {
        context.report(
          'missing_key',
          path,
          'nothing happens',
          `add ${HOST_KEYS}; or "link" and how`,
        )
      }
      return { name, at: entry.at, until, on: [], actions, hostFaults }
    }
    if (actions.length === 0 && !context.isBroken(...path)) {
      const message = 'nothing happens to the link'
      context.report('missing_key', path, message, `add one of ${ACTION_KEYS}`)
    }
    const on = linksOf(context, entry, path, fabric, known)
    return { name, at: entry.at, until, on, actions, hostFaults }
  })
}

function namesLink({ link, node }: FaultEntry): boolean {
  return link !== undefined || node !== undefined
}

function checkFault(context: Context, entry: FaultEntry, path: Path): void {
  if (entry.until !== undefined && entry.until <= entry.at) {
    const message = 'the fault ends before it begins'
    context.report('conflict', [...path, 'until'], message, 'a time after "at"')
  }
  if (entry.undetected && entry.corrupt === undefined) {
    const message = '"undetected" is of use with "corrupt" only'
    context.report('conflict', [...path, 'undetected'], message, 'add corrupt: 1%', 'key')
  }
  if (entry.maxPacket !== undefined && entry.maxPacket < MTU_MIN) {
    const message = `packets of ${MTU_MIN} bytes pass every link of IPv4`
    context.report('out_of_range', [...path, 'maxPacket'], message, `${MTU_MIN}B or more`)
  }
}

function actionsOf(entry: FaultEntry): FaultAction[] {
  const actions: FaultAction[] = []
  if (entry.cut) actions.push({ kind: 'cut' })
  if (entry.filterIcmp) actions.push({ kind: 'filter-icmp' })
  if (entry.blockUdpPort !== undefined) {
    actions.push({ kind: 'block-udp-port', port: entry.blockUdpPort })
  }
  if (entry.blockProtocol !== undefined) {
    actions.push({ kind: 'block-protocol', protocol: entry.blockProtocol })
  }
  if (entry.maxPacket !== undefined) actions.push({ kind: 'max-packet', bytes: entry.maxPacket })
  if (entry.loss !== undefined) actions.push({ kind: 'loss', probability: entry.loss })
  if (entry.corrupt !== undefined) {
    const { corrupt: probability, undetected } = entry
    actions.push({ kind: 'corrupt', probability, undetected })
  }
  if (entry.duplicate !== undefined)
    actions.push({ kind: 'duplicate', probability: entry.duplicate })
  if (entry.reorder !== undefined) {
    actions.push({ kind: 'reorder', probability: entry.reorder, delay: entry.reorderBy })
  }
  if (entry.delay !== undefined || entry.jitter !== undefined) {
    actions.push({ kind: 'delay', delay: entry.delay ?? 0, jitter: entry.jitter ?? 0 })
  }
  return actions
}

function linksOf(
  context: Context,
  entry: FaultEntry,
  path: Path,
  fabric: FabricModel,
  known: KnownNames,
): FaultedLink[] {
  if (fabric.mode === 'bench') {
    const message = 'faults befall cables, and on a bench there are none'
    context.report('conflict', path, message, 'remove it, or another fabric.mode')
    return []
  }
  if (entry.link === undefined && entry.node === undefined) {
    if (context.isBroken(...path, 'link') || context.isBroken(...path, 'node')) return []
    const message = 'where it happens is not said'
    context.report('missing_key', path, message, 'add link: h1-leaf1, or node: h1')
    return []
  }
  if (entry.link !== undefined && entry.node !== undefined) {
    const message = 'both "link" and "node" are given'
    context.report('conflict', [...path, 'node'], message, 'remove one of the two', 'key')
  }
  if (entry.link !== undefined) return linkOf(context, entry, [...path, 'link'], fabric, known)
  const node = entry.node!
  if (!context.checkName(known, [...path, 'node'], 'node', node)) return []
  return fabric.links
    .filter((link) => link.from === node || link.to === node)
    .map((link) => ({ link: link.name, direction: directionOf(entry, link, node) }))
}

/** A link by its name or by its ends, in either order; the order says which way is meant. */
function linkOf(
  context: Context,
  entry: FaultEntry,
  path: Path,
  fabric: FabricModel,
  known: KnownNames,
): FaultedLink[] {
  const { link } = entry
  if (typeof link === 'string') {
    for (const each of fabric.links) {
      if (each.name === link)
        return [{ link: each.name, direction: directionOf(entry, each, each.from) }]
      if (reversedName(each) === link) {
        return [{ link: each.name, direction: directionOf(entry, each, each.to) }]
      }
    }
    if (known !== null && !context.isBroken('fabric', 'draw')) {
      const names = new Set(fabric.links.map((each) => each.name))
      context.checkName(names, path, 'link', link)
    }
    return []
  }
  const { from, to } = link!
  const areKnown = (['from', 'to'] as const).every((end) =>
    context.checkName(known, [...path, end], 'node', link![end]),
  )
  const found = fabric.links.filter(
    (each) => (each.from === from && each.to === to) || (each.from === to && each.to === from),
  )
  if (found.length === 0 && areKnown && known !== null && !context.isBroken('fabric', 'draw')) {
    const message = `no link joins ${from} and ${to}`
    const ends = fabric.links.filter((each) => each.from === from || each.to === from)
    const names = ends.slice(0, 5).map((each) => each.name)
    context.report('unknown_name', path, message, `links of ${from}: ${names.join(', ')}`)
  }
  return found.map((each) => ({ link: each.name, direction: directionOf(entry, each, from) }))
}

function reversedName(link: LinkModel): string {
  const [, number] = link.name.split('#')
  return `${link.to}-${link.from}${number === undefined ? '' : `#${number}`}`
}

function directionOf(entry: FaultEntry, link: LinkModel, start: string): FaultedLink['direction'] {
  if (!entry.oneWay) return 'both'
  return link.from === start ? 'forward' : 'backward'
}

/** Every node of the fabric, for what names one. */
export function knownNodes(context: Context, fabric: FabricModel): KnownNames {
  const keys = ['racks', 'hostsPerRack', 'spines', 'mode', 'gateway']
  if (keys.some((key) => context.isBroken('fabric', key))) return null
  const drawn = context.rawList('fabric', 'draw', 'nodes').map((node) => String(node['name']))
  return new Set([...fabric.nodes.map((node) => node.name), ...drawn])
}
