import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_TCP } from '../../wire/frame.ts'
import type { TcpHeader } from '../../wire/tcp.ts'
import type { SendError } from '../ipv4.ts'
import type { Route } from '../route-table.ts'
import type { Connection } from './connection.ts'

/** Refuses a route that leads nowhere. @returns the system call's error, or null. */
export function routeError(tcp: Connection, route: Route | null): SendError | null {
  if (route !== null && (route.type === 'unicast' || route.type === 'local')) return null
  return tcp.namespace.ipv4.sendRefusal(route)
}

/** Looks the route up again when the tables have changed since. */
export function currentRoute(tcp: Connection): Route | null {
  const { routes } = tcp.namespace
  if (tcp.routeGeneration === routes.generation) return tcp.route
  const probe = new Frame()
  probe.etherType = ETHERTYPE_IPV4
  probe.protocol = PROTOCOL_TCP
  probe.ipSrc = tcp.localAddress
  probe.ipDst = tcp.remoteAddress
  probe.sourcePort = tcp.localPort
  probe.destinationPort = tcp.remotePort
  const route = routes.lookupFlow(probe)
  tcp.route = routeError(tcp, route) === null ? route : null
  tcp.routeGeneration = routes.generation
  return tcp.route
}

/** MTU of the path as it is known now; the latest known one while there is no route. */
export function pathMtu(tcp: Connection): number {
  const route = currentRoute(tcp)
  if (route === null) return tcp.pmtu
  return tcp.namespace.ipv4.routeMtu(route, tcp.remoteAddress)
}

/**
 * Puts a segment's headers together and sends it (__ip_queue_xmit).
 * @param bytes of content. @param mss of a unit's segments. @param count of them.
 * @param truesize charged to the connection until it has left; 0 charges nothing.
 * @returns whether there was a way to send it.
 */
export function sendSegment(
  tcp: Connection,
  header: TcpHeader,
  bytes: number,
  mss: number,
  count: number,
  truesize: number,
  payload: Uint8Array | null,
): boolean {
  const route = currentRoute(tcp)
  if (route === null) return false
  const { ipv4 } = tcp.namespace
  const frame = new Frame()
  const headers = IPV4_HEADER_BYTES + header.bytes
  frame.etherType = ETHERTYPE_IPV4
  frame.protocol = PROTOCOL_TCP
  frame.ipSrc = tcp.localAddress
  frame.ipDst = tcp.remoteAddress
  frame.sourcePort = tcp.localPort
  frame.destinationPort = tcp.remotePort
  frame.ttl = tcp.kernel.profile.defaultTtl
  frame.l3Length = headers + bytes
  frame.header = header
  frame.payload = payload
  frame.flowHash = tcp.txHash
  frame.trace = tcp.trace
  frame.dontFragment = !ipv4.isMtuLocked(tcp.remoteAddress)
  frame.ipId = tcp.ipId
  tcp.ipId = (tcp.ipId + (count || 1)) & 0xffff
  if (count > 1) {
    frame.gsoSize = mss
    frame.gsoSegments = count
    frame.gsoExcess = bytes - mss
  }
  if (truesize > 0) {
    frame.owner = tcp
    frame.truesize = truesize
    tcp.wmemAlloc += truesize
  }
  if (frame.trace !== 0) tcp.namespace.charge('socket_send', frame)
  ipv4.sendLocal(frame, route)
  return true
}
