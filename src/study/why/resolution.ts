import type { TraceEvent } from '../../measure/trace-recorder.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { contains, maskOf, parseIpv4 } from '../../wire/ipv4-address.ts'
import { type Cause, cause } from './cause.ts'
import { isArpRequest, type Journey, type Step } from './journey.ts'
import type { Whereabouts } from './whereabouts.ts'

/** What `diagnose` knows of one probe. */
export interface Findings {
  readonly events: readonly TraceEvent[]
  readonly journeys: readonly Journey[]
  /** Packets of programs that carry the probe's, without being it. */
  readonly carriers: readonly Journey[]
  readonly where: Whereabouts
  /** Namespace of the probe's receiver; null where nobody has the address. */
  readonly receiver: string | null
}

/** Tells the cause of a drop; `diagnose`'s own, for one that ARP met. */
export type DropTeller = (journey: Journey, drop: Step, findings: Findings) => Cause

/**
 * Why nobody answered for a next hop: the neighbour row is missing where rows are written, else what
 * became of the ARP request or of its answer.
 * @param event the drop of a packet that waited.
 */
export function unresolved(event: TraceEvent, findings: Findings, tell: DropTeller): Cause {
  const { journeys, where } = findings
  const address = event.row?.split(' ')[0] ?? event.destination ?? ''
  const missing = cause('neighbour', 'missing', event.place, address, {
    reason: 'neighbour_failed',
  })
  const arp = journeys.filter(({ kind }) => kind === 'arp')
  const requests = arp.filter(({ first }) => {
    return isArpRequest(first.event) && first.event.destination === address
  })
  if (requests.length === 0) return missing
  const replies = arp.filter(({ first }) => {
    return !isArpRequest(first.event) && first.event.source === address
  })
  const lostReply = replies.find(({ fate }) => fate.kind === 'dropped')
  if (lostReply?.fate.kind === 'dropped') return tell(lostReply, lostReply.fate.end, findings)
  for (const request of requests) {
    const { fate } = request
    if (fate.kind === 'dropped' && !isUnflooded(fate.end.event)) {
      return tell(request, fate.end, findings)
    }
    const proxy = request.otherDrops.find(isProxyMiss) ?? request.path.find(isProxyMiss)
    if (proxy !== undefined) {
      return cause('neighbour', 'missing', proxy.event.place, address, {
        reason: 'vxlan_proxy_miss',
      })
    }
    if (fate.kind === 'dropped') return missing
  }
  if (where.holders(address).length === 0) {
    const unlinked = event.destination === address ? null : lackingLink(event, where)
    if (unlinked !== null) return unlinked
    const proxy = silentProxy(requests, address, findings)
    if (proxy !== null) return proxy
    return cause('address', 'missing', event.place, address, { reason: 'neighbour_failed' })
  }
  return undelivered(requests, address, findings, tell) ?? missing
}

/** A gateway that nobody has is asked for what is on the link: the link's own route is missing. */
function lackingLink({ place, destination }: TraceEvent, where: Whereabouts): Cause | null {
  const device = where.device(place)
  if (device === null || destination === null) return null
  if (!isOnLink(device.namespace, destination)) return null
  return cause('route', 'missing', device.namespace.name, destination, {
    reason: 'neighbour_failed',
  })
}

/** Whether a device of the namespace has an address in one subnet with `destination`. */
export function isOnLink({ devices }: NetNamespace, destination: string): boolean {
  const end = parseIpv4(destination)
  if (end === null) return false
  return devices.some(({ addresses }) => {
    return addresses.some(({ address, length }) => {
      return contains({ base: address & maskOf(length), length }, end)
    })
  })
}

/** A device that answers for others, and did not: it needs forwarding and a route to the address. */
function silentProxy(
  requests: readonly Journey[],
  address: string,
  { where }: Findings,
): Cause | null {
  const drops = requests.flatMap(({ otherDrops, path }) => [...otherDrops, ...path])
  for (const { event } of drops) {
    const device = event.drop === 'arp_ignored' ? where.device(event.place) : null
    if (!device?.proxyArp) continue
    const { namespace } = device
    const more = { reason: 'neighbour_failed' } as const
    if (!namespace.sysctls.ipForward) {
      return cause('forwarding', 'missing', namespace.name, 'ip_forward', more)
    }
    return cause('route', 'missing', namespace.name, address, more)
  }
  return null
}

/** A device that floods nowhere: its rows are written, by hand or by a daemon. */
function isUnflooded({ drop, mac }: TraceEvent): boolean {
  return drop === 'vxlan_no_remote' && mac === 'ff:ff:ff:ff:ff:ff'
}

function isProxyMiss({ event }: Step): boolean {
  return event.drop === 'vxlan_proxy_miss'
}

/** Where the copy of the request ended that was on its way to who has the address. */
function undelivered(
  requests: readonly Journey[],
  address: string,
  findings: Findings,
  tell: DropTeller,
): Cause | null {
  const { where, carriers } = findings
  const machines = where.machinesWith(address)
  const lostCarrier = carriers.find(({ fate }) => fate.kind === 'dropped')
  for (const request of requests) {
    const drops = [...request.otherDrops, ...request.path].filter(
      ({ event }) => event.drop !== null,
    )
    const near = drops.filter(({ event }) => {
      const device = where.device(event.place)
      const isNear = device !== null && machines.has(where.machineOf(device.namespace))
      return isNear && event.drop !== 'arp_ignored'
    })
    const last = near.at(-1)
    if (last !== undefined) return tell(request, last, findings)
  }
  if (lostCarrier !== undefined) return tell(lostCarrier, lostCarrier.fate.end, findings)
  const { place } = requests[0]!.first.event
  return outOfOrder(address, place, findings) ?? notCarried(requests, place, machines, findings)
}

/** It ended nowhere, on the machine on which it began: the program there that takes such frames on. */
function notCarried(
  requests: readonly Journey[],
  place: string,
  machines: ReadonlySet<string>,
  { where, events }: Findings,
): Cause | null {
  const namespace = where.device(place)?.namespace
  if (namespace === undefined) return null
  const own = where.machineOf(namespace)
  if (machines.has(own)) return null
  const packets = new Set(requests.map(({ first }) => first.event.packet))
  const hasLeft = events.some(({ packet, place: at }) => {
    const there = where.device(at)?.namespace ?? where.namespace(at)
    return packets.has(packet) && (there === null || where.machineOf(there) !== own)
  })
  return hasLeft ? null : cause('daemon', 'missing', own, place, { reason: 'neighbour_failed' })
}

/** Something that is down at one of the two ends, where no copy of the packet tells of it. */
export function outOfOrder(address: string, place: string, { where }: Findings): Cause | null {
  const near = where.downAt(address)
  if (near !== null) return cause('device', 'present', near.label, 'down')
  const asker = where.device(place)?.namespace ?? where.namespace(place)
  const machines = [...where.machinesWith(address)]
  if (asker !== null) machines.push(where.machineOf(asker))
  const port = where.deadPort(machines)
  if (port !== null) return cause('link', 'present', port.label, 'link_down')
  for (const machine of machines) {
    const device = where.downOn(machine)
    if (device !== null) return cause('device', 'present', device.label, 'down')
  }
  return null
}
