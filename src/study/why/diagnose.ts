import { dropReasonInfo } from '../../measure/drop-reason.ts'
import type { TraceEvent } from '../../measure/trace-recorder.ts'
import type { NetDevice } from '../../stack/device.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import type { Route } from '../../stack/route-table.ts'
import { formatIpv4, parseIpv4 } from '../../wire/ipv4-address.ts'
import { type Cause, type CauseKind, cause } from './cause.ts'
import type { Journey, Step } from './journey.ts'
import { type Findings, isOnLink, outOfOrder, unresolved } from './resolution.ts'
import type { SentProbe } from './send-probe.ts'
import { wrongRowOf } from './steering.ts'
import { nodeOf, peerOf, type Whereabouts } from './whereabouts.ts'

/**
 * What has to change for a probe that did not arrive; null where nothing is found to be wrong. It is
 * read off the trace: the first packet that was lost for good, the rows that steered it, the drop.
 * @param journeys all packets of the trace. @param where the world as it was when the probe was sent.
 */
export function diagnose(
  probe: SentProbe,
  events: readonly TraceEvent[],
  journeys: readonly Journey[],
  where: Whereabouts,
): Cause | null {
  const error = probe.sendError()
  if (error !== null) return causeOfError(error, probe, where)
  const mains = journeys.filter((each) => isOfProbe(each, journeys[0]))
  const carriers = journeys.filter((each) => !mains.includes(each) && each.kind === 'udp')
  const receiver = probe.ends.receiver?.name ?? null
  const findings: Findings = { events, journeys, carriers, where, receiver }
  const lost = lostForGood(mains)
  if (lost !== null) return causeOfLoss(lost, findings)
  const silent = unanswered(probe, mains, where)
  if (silent !== null) return silent
  const carrier = carriers.find(({ fate }) => fate.kind === 'dropped')
  return carrier === undefined ? null : causeOfDrop(carrier, carrier.fate.end, findings)
}

/** Not ARP, errors, and what daemons send on the probe's behalf. */
function isOfProbe({ kind, first }: Journey, begin: Journey | undefined): boolean {
  if (kind === 'udp') return first.event.packet === begin?.first.event.packet
  return kind.startsWith('echo') || kind.startsWith('tcp')
}

const ASKING: readonly string[] = ['echo-request', 'tcp-syn', 'tcp-data', 'tcp-fin']

/** The first packet of the probe that did not get to its end, by this or a later attempt. */
function lostForGood(mains: readonly Journey[]): Journey | null {
  const isLost = ({ fate }: Journey) => fate.kind === 'dropped' || fate.kind === 'waiting'
  const lost = mains.find((each) => {
    if (!isLost(each) || each.kind === 'tcp-ack' || each.kind === 'tcp-rst') return false
    // A segment that was sent again and then arrived was no obstacle.
    return !mains.some((other) => other !== each && isSame(each, other) && !isLost(other))
  })
  return lost ?? null
}

function isSame(one: Journey, other: Journey): boolean {
  if (one.kind !== other.kind || !one.kind.startsWith('tcp')) return false
  const segment = ({ first }: Journey) => first.event.frame.replace(/, (win|options|ack) .*$/, '')
  return segment(one) === segment(other)
}

/** It has arrived, and no answer began: where the answer has no route, it is never in flight. */
function unanswered(
  { ends }: SentProbe,
  journeys: readonly Journey[],
  where: Whereabouts,
): Cause | null {
  const asked = journeys.findLast(({ kind, fate }) => {
    return ASKING.includes(kind) && fate.kind === 'delivered'
  })
  if (asked === undefined || ends.receiver === null) return null
  const { receiver } = ends
  const place = receiver.name
  const to = asked.fate.end.event.source
  const address = to === null ? null : parseIpv4(to)
  if (address === null || receiver.routes.lookup(address) !== null) return null
  return missingRoute(place, formatIpv4(address), where)
}

function causeOfError(error: string, { ends, knownMtu }: SentProbe, where: Whereabouts): Cause {
  const { sender, destination } = ends
  const to = formatIpv4(destination)
  switch (error) {
    case 'EMSGSIZE':
      return tooLong(sender, destination, knownMtu)
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EINVAL':
      return missingRoute(sender.name, to, where, sender.routes.lookup(destination)?.toString())
    case 'EACCES':
      return cause('route', 'present', sender.name, to, {
        row: sender.routes.lookup(destination)?.toString() ?? null,
      })
    default:
      return cause('other', 'present', sender.name, error)
  }
}

function tooLong(sender: NetNamespace, destination: number, mtu: number): Cause {
  const device = sender.routes.lookup(destination)?.device ?? null
  const isDevices = device !== null && device.mtu === mtu
  return isDevices
    ? cause('mtu', 'present', narrowestOf(device).label, `mtu ${mtu}`, {
        reason: 'mtu_exceeded_df',
      })
    : cause('size', 'present', sender.name, `path mtu ${mtu}`, { reason: 'mtu_exceeded_df' })
}

function causeOfLoss(journey: Journey, findings: Findings): Cause {
  const { fate } = journey
  const found =
    wrongRowOf(journey, findings.events, findings.where) ?? causeOfDrop(journey, fate.end, findings)
  return fate.kind === 'dropped' ? { ...found, reason: found.reason ?? fate.reason } : found
}

/** The thing behind a drop, by its reason, its row and the tables of its place. */
function causeOfDrop(journey: Journey, { event }: Step, findings: Findings): Cause {
  const { where } = findings
  const { place, drop: reason, row, mac } = event
  const node = where.namespace(place) === null ? nodeOf(place) : place
  const found = (kind: CauseKind, finding: Cause['finding'], at: string, subject: string) =>
    cause(kind, finding, at, subject, { row, reason })
  switch (reason) {
    case null:
      return waitingAt(event, findings)
    case 'no_route':
    case 'no_route_in':
    case 'blackhole_route':
      return {
        ...(lostUnderlay(journey, event, where) ??
          lostInProgram(journey, event, node, findings) ??
          lostRoute(journey, event, node, findings)),
        reason,
      }
    case 'reverse_path':
      return { ...missingRoute(node, event.source!, where, row), reason }
    case 'netfilter':
    case 'xfrm_policy_block':
      return found('rule', row?.startsWith('-t') === false ? 'missing' : 'present', node, row ?? '')
    case 'forwarding_disabled':
      return (
        misdelivered(event, node, findings) ?? found('forwarding', 'missing', node, 'ip_forward')
      )
    case 'mtu_exceeded_df':
    case 'packet_too_big':
    case 'frame_too_long':
      return { ...narrowed(event, where), reason }
    case 'neighbour_queue_full':
      if (isAnswered(event, findings)) return found('other', 'present', place, reason)
      return unresolved(event, findings, causeOfDrop)
    case 'neighbour_failed':
    case 'neighbour_dead':
      return unresolved(event, findings, causeOfDrop)
    case 'vxlan_no_remote':
      return found('fdb', 'missing', place, mac)
    case 'vxlan_entry_exists':
      return found('fdb', 'wrong', place, row?.split(' ')[0] ?? mac)
    case 'vxlan_proxy_miss':
      return found('neighbour', 'missing', place, event.destination ?? mac)
    case 'device_down':
      return found('device', 'present', place, 'down')
    case 'bridge_port_state':
      return found('device', 'present', masterOf(where.device(place)) ?? place, 'down')
    case 'bridge_no_port':
    case 'macvlan_no_child':
    case 'ipvlan_no_child':
      return deafStation(event, where) ?? found('device', 'missing', place, mac)
    case 'link_down':
    case 'no_link':
      return found('link', 'present', deadPortOf(event, where) ?? place, reason)
    case 'link_loss':
    case 'bad_fcs':
    case 'blocked_port':
    case 'blocked_protocol':
    case 'partitioned':
    case 'queue_full':
      return found('link', 'present', place, reason)
    case 'host_down':
    case 'namespace_gone':
      return found('host', 'present', node, 'down')
    case 'program_drop':
      return (
        unroutedProgram(journey, node, findings) ??
        found('daemon', 'missing', machineAt(node, where), place)
      )
    case 'tun_ring_full':
    case 'openvswitch_upcall':
      return found('daemon', 'missing', machineAt(node, where), place)
    case 'xfrm_no_state':
    case 'xfrm_integrity':
    case 'xfrm_replay':
    case 'xfrm_sequence':
      return found('ipsec', 'missing', node, event.destination ?? '')
    case 'no_socket':
    case 'tcp_listen_overflow':
    case 'socket_buffer':
      return { ...unheard(event, node, findings), reason }
    case 'unhandled_l4':
      return found('device', 'missing', node, 'tunnel')
    default:
      return unwanted(event, findings) ?? found('other', 'present', place, reason)
  }
}

/** Only copies that nobody wanted are left: whoever should have had it is cut off. */
function unwanted(event: TraceEvent, findings: Findings): Cause | null {
  if (event.drop === null || dropReasonInfo(event.drop).kind === 'loss') return null
  return event.destination === null ? null : outOfOrder(event.destination, event.place, findings)
}

/** What no socket wants: a tunnel's end without its device, or a program that is not there. */
function unheard(event: TraceEvent, node: string, { where, receiver }: Findings): Cause {
  const { frame, row } = event
  const title = frame.split(':')[0]!
  if (/VXLAN/.test(frame)) return cause('device', 'missing', node, title, { row })
  // What is not for the probe's own receiver was for a daemon.
  if (node !== receiver || /UDP tunnel/.test(frame)) {
    return cause('daemon', 'missing', machineAt(node, where), title, { row })
  }
  return cause('socket', 'missing', node, title, { row })
}

/** A program that forwards knew no way: its own, or one that its packets should never have come by. */
function lostInProgram(
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
function unroutedProgram({ first }: Journey, node: string, { where }: Findings): Cause | null {
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

/** Still there when the trace ended: a program does not read, or a neighbour has not answered yet. */
function waitingAt(event: TraceEvent, findings: Findings): Cause {
  const { place, row, stage } = event
  if (stage === 'queue' && / (INCOMPLETE|FAILED)$/.test(row ?? '')) {
    return unresolved(event, findings, causeOfDrop)
  }
  if (stage === 'queue' && row === 'for the program') {
    return cause('daemon', 'missing', nodeOf(place), place, { row })
  }
  const end = event.destination
  const down = end === null ? null : outOfOrder(end, place, findings)
  return down ?? cause('other', 'present', place, stage ?? 'waits', { row })
}

function machineAt(node: string, where: Whereabouts): string {
  const namespace = where.namespace(node)
  return namespace === null ? node : where.machineOf(namespace)
}

/** Whether somebody answered for the neighbour for which too many packets waited. */
function isAnswered({ row }: TraceEvent, { journeys }: Findings): boolean {
  const address = row?.split(' ')[0]
  return journeys.some(({ kind, fate, first }) => {
    const isReply = kind === 'arp' && first.event.source === address
    return isReply && fate.kind === 'delivered'
  })
}

/** The port that is down: a switch says so where a frame came in that it could pass on to nobody. */
function deadPortOf({ destination, mac }: TraceEvent, where: Whereabouts): string | null {
  const ends = where.stations(mac).map(({ namespace }) => where.machineOf(namespace))
  if (destination !== null) ends.push(...where.machinesWith(destination))
  return where.deadPort(ends)?.label ?? null
}

function masterOf(device: NetDevice | null): string | null {
  return device?.master?.label ?? null
}

/** A bridge or parent has nobody for a frame because the device that it is for is down. */
function deafStation({ mac, destination, drop }: TraceEvent, where: Whereabouts): Cause | null {
  const wanted = [...where.stations(mac), ...(destination ? where.holders(destination) : [])]
  for (const device of wanted) {
    const ends = [device, peerOf(device)]
    const down = ends.find((end) => end !== null && !end.up)
    if (down) return cause('device', 'present', down.label, 'down', { reason: drop })
  }
  return null
}

/** A device on top of another is never wider than that: then the lower one has to be widened first. */
function narrowestOf(device: NetDevice): NetDevice {
  const lower = 'lower' in device ? (device.lower as NetDevice | null) : null
  return lower !== null && lower.mtu === device.mtu ? lower : device
}

/** Which device is too narrow: the one of the drop, or the one below a tunnel. */
function narrowed({ place, row, destination }: TraceEvent, where: Whereabouts): Cause {
  const mtu = /mtu (\d+)/.exec(row ?? '')?.[1]
  const device = where.device(place)
  const isOwn = device === null || mtu === undefined || device.mtu === Number(mtu)
  if (isOwn) {
    const narrow = device === null ? place : narrowestOf(device).label
    return cause('mtu', 'present', narrow, row ?? `mtu ${device?.mtu ?? '?'}`, { row })
  }
  const root = where.namespace(where.machineOf(device.namespace))
  const below = root?.device('eth0') ?? null
  const address = destination === null ? null : parseIpv4(destination)
  const routed = address === null ? null : (device.namespace.routes.lookup(address)?.device ?? null)
  const narrow = routed?.mtu === Number(mtu) ? routed : below
  return cause('mtu', 'present', narrow?.label ?? place, row!, { row })
}

/** A packet that came to a host which is not on its way, and does not forward. */
function misdelivered(event: TraceEvent, node: string, { where }: Findings): Cause | null {
  const namespace = where.namespace(node)
  if (namespace === null || namespace.name === where.machineOf(namespace)) return null
  // A container does not forward: whoever sent it here took it for its address.
  const ends = event.destination === null ? [] : where.holders(event.destination)
  return ends.length > 0
    ? null
    : cause('address', 'missing', node, event.destination ?? '', { row: event.row })
}

/** A tunnel's device knew no way to the other end. */
function lostUnderlay(
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

/**
 * A router or host knew no way. Where the host before sent it there by its default route, though hosts
 * have routes of their own for such destinations, that host lacks the row.
 */
function lostRoute(journey: Journey, event: TraceEvent, node: string, findings: Findings): Cause {
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

function missingRoute(
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
