/** Who lacks which route, and what another host has in its place. */
import type { TraceEvent } from '../../measure/trace-recorder.ts'
import type { Route } from '../../stack/route-table.ts'
import { formatIpv4, parseIpv4 } from '../../wire/ipv4-address.ts'
import { type Cause, cause } from './cause.ts'
import type { Journey } from './journey.ts'
import { type Findings, isOnLink } from './resolution.ts'
import { machineAt, nodeOf, type Whereabouts } from './whereabouts.ts'

/** A tunnel's device knew no way to the other end. */
export function lostUnderlay(
  { path }: Journey,
  { place, mac, drop }: TraceEvent,
  where: Whereabouts,
): Cause | null {
  const device = where.device(place)
  if (drop !== 'no_route') return null
  if (device?.kind === 'ipip') {
    // Its other end is the next hop of the route that led here.
    const led = path.findLast(({ event: { stage, row } }) => {
      return stage === 'route' && row?.includes(` dev ${device.name}`)
    })
    const via = / via (\S+)/.exec(led?.event.row ?? '')?.[1]
    return via === undefined ? null : missingRoute(device.namespace.name, via, where)
  }
  const found = device === null ? null : where.remoteOf(device, mac)
  return found === null ? null : missingRoute(found.underlay.name, found.remote, where)
}

/** A program that forwards knew no way: its own, or one that its packets should never have come by. */
export function lostInProgram(
  journey: Journey,
  { drop, destination }: TraceEvent,
  node: string,
  findings: Findings,
): Cause | null {
  const namespace = findings.where.namespace(node)
  const address = destination === null ? null : parseIpv4(destination)
  if (drop !== 'no_route' || namespace === null || address === null) return null
  if (namespace.routes.lookup(address)?.device?.kind !== 'tun') return null
  return isOnLink(namespace, destination!)
    ? missingRoute(node, destination!, findings.where)
    : unroutedProgram(journey, node, findings)
}

/** A program could not send to the host of the destination: for want of a route, perhaps. */
export function unroutedProgram(
  { first }: Journey,
  node: string,
  { where }: Findings,
): Cause | null {
  const machine = machineAt(node, where)
  const root = where.namespace(machine)
  const to = first.event.destination
  if (root === null || to === null) return null
  for (const peer of where.machinesWith(to)) {
    const address = where.namespace(peer)?.device('eth0')?.addresses[0]?.address
    if (address === undefined || root.routes.lookup(address) !== null) continue
    return missingRoute(machine, formatIpv4(address), where)
  }
  return null
}

/**
 * A router or host knew no way. Where the host before sent it there by its default route, though hosts
 * have routes of their own for such destinations, that host lacks the row.
 */
export function lostRoute(
  journey: Journey,
  event: TraceEvent,
  node: string,
  findings: Findings,
): Cause {
  const { where } = findings
  const { path } = journey
  const to = event.destination!
  const unlinked = path.find(({ event: { stage, row, place, destination } }) => {
    const namespace = where.namespace(place) ?? where.namespace(nodeOf(place))
    const isDefault = stage === 'route' && destination === to && row?.startsWith('default')
    return isDefault && namespace !== null && isOnLink(namespace, to)
  })
  if (unlinked !== undefined) {
    const { place, row } = unlinked.event
    return missingRoute(where.namespace(place) === null ? nodeOf(place) : place, to, where, row)
  }
  const isOfFabric = !where.isHost(machineAt(node, where)) || where.holders(to).length === 0
  const lackingHost = path
    .filter(({ event: { stage, destination } }) => stage === 'route' && destination === to)
    .map(({ event: { place, row } }) => ({
      name: where.namespace(place) === null ? nodeOf(place) : place,
      row,
    }))
    .find(({ name, row }) => where.isHost(name) && row?.startsWith('default'))
  if (isOfFabric && lackingHost !== undefined && patternFor(to, where, lackingHost.name) !== null) {
    return missingRoute(lackingHost.name, to, where, lackingHost.row)
  }
  return missingRoute(node, to, where, event.row)
}

export function missingRoute(
  node: string,
  destination: string,
  where: Whereabouts,
  row: string | null = null,
): Cause {
  const pattern = patternFor(destination, where, node)
  const isTun = pattern?.route.device?.kind === 'tun' && where.isHost(node)
  const hasTun = where.namespace(node)?.devices.some(({ kind }) => kind === 'tun')
  if (isTun && hasTun === false) {
    // The device goes with the program that opened it, and the route with the device.
    return cause('daemon', 'missing', node, pattern!.route.device!.name, { row })
  }
  const text = pattern === null ? null : `${pattern.node}: ${pattern.route}`
  return cause('route', 'missing', node, destination, { row, pattern: text })
}

/** A route of another host to the same destination, other than by default; that of a bystander first. */
function patternFor(
  destination: string,
  where: Whereabouts,
  not: string,
): { node: string; route: Route } | null {
  const address = parseIpv4(destination)
  if (address === null) return null
  const ends = where.machinesWith(destination)
  let found: { node: string; route: Route } | null = null
  for (const { name, routes } of where.namespaces()) {
    if (name === not || !where.isHost(name)) continue
    const route = routes.lookup(address)
    if (route === null || route.destination.length === 0 || route.type === 'blackhole') continue
    if (!ends.has(name)) return { node: name, route }
    found ??= { node: name, route }
  }
  return found
}
