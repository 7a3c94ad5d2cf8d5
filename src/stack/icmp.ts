import { STAGE_ICMP } from '../cpu/stage.ts'
import { SECOND } from '../sim/units.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_ICMP } from '../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HEADER_BYTES,
  IcmpMessage,
} from '../wire/icmp.ts'
import { IPV4_BROADCAST, type Ipv4Address, isMulticast } from '../wire/ipv4-address.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import type { Route } from './route-table.ts'

/** An error is at most this long as an IP packet (RFC 1812 4.3.2.3). */
const ERROR_BYTES = 576
/** Precedence "internetwork control", which Linux sets in errors. */
const TOS_INTERNET_CONTROL = 0xc0
/** What one target may save up, as times of `icmp_ratelimit` (XRLIM_BURST_FACTOR). */
const PEER_BURST = 6
/** What an error of routing takes of the same savings, and how much they may be (ip_rt_error_cost, _burst). */
const ROUTE_ERROR_COST = SECOND
const ROUTE_ERROR_BURST = 5 * SECOND
const NEW_PEER_CREDIT = 60 * SECOND

/** What one target has saved up, picoseconds (inet_peer). */
interface Peer {
  credit: number
  last: number
}

/**
 * What an error quotes: a copy, for that is the packet as it is now, whatever becomes of the object. Of a
 * unit it is the first segment, which is what its sender knows.
 */
export function quoteOf(frame: Frame): Frame {
  const first = frame.clone()
  first.l3Length -= frame.gsoExcess
  first.gsoSize = 0
  first.gsoSegments = 0
  first.gsoExcess = 0
  first.shared = true
  return first
}

/** ICMP of one namespace (net/ipv4/icmp.c). */
export class Icmp {
  private readonly namespace: NetNamespace
  private readonly peers = new Map<Ipv4Address, Peer>()
  private globalTokens: number
  private globalLast = 0
  /** Errors that were not sent for the rate limits. */
  rateLimited = 0

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    const { burst, messagesPerSecond } = namespace.kernel.profile.icmp
    this.globalTokens = Math.min(burst, messagesPerSecond)
  }

  receive(frame: Frame, device: NetDevice): void {
    const { namespace } = this
    const message = frame.header
    namespace.spend(STAGE_ICMP, frame)
    if (frame.badChecksum) return namespace.drop(frame, 'icmp_checksum', device)
    if (!(message instanceof IcmpMessage)) return namespace.drop(frame, 'ip_header', device)
    switch (message.type) {
      case ICMP_ECHO:
        return this.answerEcho(frame, message, device)
      case ICMP_ECHO_REPLY:
        return namespace.sockets.receiveEcho(frame, message, device)
      default:
        return this.receiveError(frame, message, device)
    }
  }

  private answerEcho(frame: Frame, message: IcmpMessage, device: NetDevice): void {
    const { namespace } = this
    const broadcast = !namespace.isLocal(frame.ipDst)
    if (namespace.sysctls.icmpEchoIgnoreAll || broadcast) {
      return namespace.drop(frame, 'icmp_ignored', device)
    }
    namespace.kernel.ledger.consumed++
    const reply = this.packet(
      frame.ipDst,
      frame.ipSrc,
      new IcmpMessage(ICMP_ECHO_REPLY, 0, message.identifier, message.sequence),
    )
    reply.l3Length = frame.l3Length
    reply.tos = frame.tos
    reply.payload = frame.payload
    reply.sequence = frame.sequence
    reply.sentAt = frame.sentAt
    reply.trace = frame.trace
    namespace.spend(STAGE_ICMP, reply)
    namespace.ipv4.sendLocal(reply)
  }

  private receiveError(frame: Frame, message: IcmpMessage, device: NetDevice): void {
    const { namespace } = this
    const quoted = frame.inner
    if (!message.isError || quoted === null) return namespace.drop(frame, 'icmp_ignored', device)
    if (message.type === ICMP_DEST_UNREACH && message.code === ICMP_FRAG_NEEDED) {
      namespace.ipv4.learnPathMtu(quoted.ipDst, message.sequence)
    }
    namespace.sockets.receiveError(frame, quoted, message, device)
  }

  private packet(source: Ipv4Address, destination: Ipv4Address, message: IcmpMessage): Frame {
    const frame = new Frame()
    frame.etherType = ETHERTYPE_IPV4
    frame.ipSrc = source
    frame.ipDst = destination
    frame.protocol = PROTOCOL_ICMP
    frame.ttl = this.namespace.kernel.profile.defaultTtl
    frame.ipId = this.namespace.ipv4.nextId()
    frame.header = message
    return frame
  }

  /**
   * Tells the sender of `frame` of an error (icmp_send), unless RFC 1122 3.2.2 forbids it or a rate
   * limit does. The frame itself stays the caller's, who books its end.
   */
  sendError(frame: Frame, type: number, code: number, info: number): void {
    const { namespace } = this
    if (!this.mayAnswer(frame)) return
    const target = frame.ipSrc
    const route = namespace.routes.lookup(target)
    if (route?.device == null || (route.type !== 'unicast' && route.type !== 'local')) return
    const unlimited =
      route.type === 'local' || (type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED)
    if (!unlimited && !this.admits(target)) {
      this.rateLimited++
      return
    }
    const source = this.errorSource(frame, route, route.device)
    if (source === null) return
    const error = this.packet(source, target, new IcmpMessage(type, code, 0, info))
    error.tos = (frame.tos & 0x1e) | TOS_INTERNET_CONTROL
    const longest = Math.min(ERROR_BYTES, namespace.ipv4.routeMtu(route, target))
    const room = longest - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES
    const quoted = quoteOf(frame)
    error.l3Length = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + Math.min(quoted.l3Length, room)
    error.inner = quoted
    error.trace = frame.trace
    namespace.spend(STAGE_ICMP, error)
    namespace.charge('icmp_error', frame, `type ${type} code ${code} to the sender`)
    namespace.ipv4.sendLocal(error)
  }

  /**
   * Tells the sender that no route leads on (ip_error). That has a limit of its own on the same credit,
   * which is so taken twice: of a burst two are told, and a steady stream starves itself.
   */
  sendRouteError(frame: Frame, code: number): void {
    if (this.takes(frame.ipSrc, ROUTE_ERROR_COST, ROUTE_ERROR_BURST)) {
      this.sendError(frame, ICMP_DEST_UNREACH, code, 0)
    } else this.rateLimited++
  }

  private errorSource(frame: Frame, route: Route, device: NetDevice): Ipv4Address | null {
    if (this.namespace.isLocal(frame.ipDst)) return frame.ipDst
    if (device === this.namespace.loopback) return frame.ipSrc
    return route.source ?? this.namespace.ipv4.selectSource(device, route.via ?? frame.ipSrc)
  }

  private mayAnswer(frame: Frame): boolean {
    if (frame.isGroup || frame.fragmentOffset !== 0) return false
    const { ipSrc, ipDst } = frame
    if (isMulticast(ipDst) || ipDst === IPV4_BROADCAST || this.namespace.isBroadcast(ipDst)) {
      return false
    }
    if (ipSrc === 0 || isMulticast(ipSrc) || ipSrc === IPV4_BROADCAST) return false
    if (frame.protocol === PROTOCOL_ICMP) {
      const { header } = frame.fragmentOf ?? frame
      return header instanceof IcmpMessage && !header.isError
    }
    return true
  }

  /** The limits a target (icmp_ratelimit) and a namespace (icmp_msgs_per_sec). */
  private admits(target: Ipv4Address): boolean {
    const { simulator, profile } = this.namespace.kernel
    const { rateLimit, messagesPerSecond, burst } = profile.icmp
    const { now } = simulator
    const gained = ((now - this.globalLast) / SECOND) * messagesPerSecond
    this.globalTokens = Math.min(burst, this.globalTokens + gained)
    this.globalLast = now
    if (this.globalTokens < 1) return false
    if (!this.takes(target, rateLimit, PEER_BURST * rateLimit)) return false
    this.globalTokens--
    return true
  }

  /** inet_peer_xrlim_allow. @param cost picoseconds, of at most `burst` that are saved up. */
  private takes(target: Ipv4Address, cost: number, burst: number): boolean {
    const { now } = this.namespace.kernel.simulator
    let peer = this.peers.get(target)
    if (peer === undefined) {
      peer = { credit: NEW_PEER_CREDIT, last: now }
      this.peers.set(target, peer)
    }
    peer.credit = Math.min(burst, peer.credit + now - peer.last)
    peer.last = now
    if (peer.credit < cost) return false
    peer.credit -= cost
    return true
  }
}
