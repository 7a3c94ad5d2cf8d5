import { dropReasonInfo } from '../../measure/drop-reason.ts'
import type { TraceEvent } from '../../measure/trace-recorder.ts'
import type { NetDevice } from '../../stack/device.ts'
import { type Cause, type CauseKind, cause } from './cause.ts'
import type { Journey, Step } from './journey.ts'
import {
  lostInProgram,
  lostRoute,
  lostUnderlay,
  missingRoute,
  unroutedProgram,
} from './missing-route.ts'
import { narrowed } from './narrow-device.ts'
import { type Findings, outOfOrder, unresolved } from './resolution.ts'
import { machineAt, nodeOf, peerOf, type Whereabouts } from './whereabouts.ts'

/** The thing behind a drop, by its reason, its row and the tables of its place. */
export function causeOfDrop(journey: Journey, { event }: Step, findings: Findings): Cause {
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
