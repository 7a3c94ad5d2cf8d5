import {
  STAGE_FRAGMENT,
  STAGE_GSO,
  STAGE_IP_FORWARD,
  STAGE_IP_RECEIVE,
  STAGE_IP_SEND,
} from '../cpu/stage.ts'
import { PROTOCOL_ESP } from '../wire/esp.ts'
import {
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from '../wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_EXC_TTL,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_ANO,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PKT_FILTERED,
  ICMP_PROT_UNREACH,
  ICMP_TIME_EXCEEDED,
} from '../wire/icmp.ts'
import { IPV4_BROADCAST, type Ipv4Address, isMulticast } from '../wire/ipv4-address.ts'
import type { NetDevice } from './device.ts'
import { fragmentDatagram } from './fragment.ts'
import { segment } from './gso.ts'
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_OUTPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  type NetNamespace,
} from './namespace.ts'
import type { Neighbour } from './neighbour.ts'
import { PathMtus } from './path-mtu.ts'
import type { Route } from './route-table.ts'

export type ProtocolHandler = (frame: Frame, device: NetDevice) => void

/** Why a local send failed, as the system call's errno. */
export type SendError = 'EMSGSIZE' | 'ENETUNREACH' | 'EINVAL' | 'EACCES' | 'EHOSTUNREACH' | 'EAGAIN'

/** IPv4 of one namespace: receive, forward, deliver, send (net/ipv4/ip_{input,forward,output}.c). */
export class Ipv4 {
  /** A packet that met PREROUTING on a bridge, and does not meet it again here (ip_sabotage_in). */
  prerouted: Frame | null = null
  private readonly namespace: NetNamespace
  /** Protocols besides ICMP and UDP. */
  private protocols: Map<number, ProtocolHandler> | null = null
  private pathMtus: PathMtus | null = null
  private identification: number
  private neighbour: Neighbour | null = null

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    this.identification = namespace.kernel.random.integer(0, 0xffff)
  }

  registerProtocol(protocol: number, handler: ProtocolHandler): void {
    this.protocols ??= new Map()
    this.protocols.set(protocol, handler)
  }

  unregisterProtocol(protocol: number): void {
    this.protocols?.delete(protocol)
  }

  /** ip_rcv: checks, PREROUTING, then up or onwards. */
  receive(original: Frame, device: NetDevice): void {
    const { namespace } = this
    let frame = original
    // skb_orphan: what the sender waits for has happened once its packet is in another stack.
    frame.orphan()
    namespace.spend(STAGE_IP_RECEIVE, frame)
    if (frame.l3Length < IPV4_HEADER_BYTES || (frame.ipSrc === 0 && frame.ipDst === 0)) {
      return namespace.drop(frame, 'ip_header', device)
    }
    if (namespace.filter !== null && frame !== this.prerouted) {
      const passed = namespace.filter.run(HOOK_PREROUTING, frame, device, null)
      if (passed === null) return
      frame = passed
    }
    if (device.l3mdev !== null) {
      const receiver = device.l3mdev.receiverOf(frame)
      if (receiver !== null && this.deliverFor(receiver, frame, device)) return
    }
    const { ipDst } = frame
    if (namespace.hasAddress(ipDst)) {
      if (this.checkSource(frame, device)) this.deliver(frame, device)
      return
    }
    if (ipDst === IPV4_BROADCAST || namespace.isBroadcast(ipDst)) {
      // Who has no address yet broadcasts from 0.0.0.0.
      if (frame.ipSrc === 0 || this.checkSource(frame, device)) this.deliver(frame, device)
      return
    }
    if (isMulticast(ipDst)) return namespace.drop(frame, 'no_socket', device)
    if (namespace.isLocal(ipDst) || ipDst === 0) {
      if (device === namespace.loopback) return this.deliver(frame, device)
      return namespace.drop(frame, 'invalid_destination', device)
    }
    if (!namespace.sysctls.ipForward || frame.isGroup) {
      return namespace.drop(frame, 'forwarding_disabled', device)
    }
    this.forward(frame, device)
  }

  /**
   * l3mdev_ip_rcv: a packet for a device of another namespace, which must approve of the source, is
   * delivered there by way of this one's INPUT. @returns whether it was.
   */
  private deliverFor(receiver: NetDevice, frame: Frame, device: NetDevice): boolean {
    const { ipv4 } = receiver.namespace
    if (ipv4.sourceFault(frame.ipSrc, receiver) !== null) return false
    const passed = this.input(frame, device)
    if (passed === null) return true
    receiver.rxPackets++
    receiver.rxBytes += passed.length
    ipv4.handOver(passed, receiver)
    return true
  }

  private checkSource(frame: Frame, device: NetDevice): boolean {
    const fault = this.sourceFault(frame.ipSrc, device)
    if (fault === null) return true
    const { routes } = this.namespace
    const row =
      fault === 'reverse_path' ? (routes.lookup(frame.ipSrc) ?? 'no route back') : undefined
    this.namespace.drop(frame, fault, device, row)
    return false
  }

  /** fib_validate_source: martians, and the reverse path filter where it is on. */
  sourceFault(source: Ipv4Address, device: NetDevice): 'invalid_source' | 'reverse_path' | null {
    const { namespace } = this
    if (device === namespace.loopback) return null
    if (source === 0 || isMulticast(source) || source === IPV4_BROADCAST) return 'invalid_source'
    if (namespace.isLocal(source)) return 'invalid_source'
    if (device.rpFilter === 0) return null
    const isLoose = device.rpFilter === 2
    const leadsBack = isLoose
      ? namespace.routes.lookup(source)?.type === 'unicast'
      : namespace.routes.leadsBy(device, source)
    return leadsBack ? null : 'reverse_path'
  }

  /** ip_forward. */
  private forward(original: Frame, device: NetDevice): void {
    const { namespace } = this
    let frame = original
    const route = namespace.routes.lookupFlow(frame)
    if (frame.trace !== 0) namespace.charge('route', frame, route ?? 'no route')
    if (route === null || route.type !== 'unicast') return this.refuse(frame, device, route)
    if (!this.checkSource(frame, device)) return
    namespace.spend(STAGE_IP_FORWARD, frame)
    if (frame.ttl <= 1) {
      namespace.icmp.sendError(frame, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0)
      return namespace.drop(frame, 'ttl_exceeded', device)
    }
    // What ICMP taught of a path counts for what is sent from here only (ip_forward_use_pmtu 0).
    const mtu = linkMtu(route)
    if (frame.l3Length - frame.gsoExcess > mtu && frame.dontFragment) {
      return this.dropTooLong(frame, route.device!, mtu)
    }
    frame = frame.writable()
    frame.ttl--
    if (namespace.filter !== null) {
      const passed = namespace.filter.run(HOOK_FORWARD, frame, device, route.device)
      if (passed === null) return
      frame = passed
    }
    this.output(frame, route, mtu)
  }

  private dropTooLong(frame: Frame, device: NetDevice, mtu: number): void {
    this.namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu)
    this.namespace.drop(frame, 'mtu_exceeded_df', device, `mtu ${mtu}`)
  }

  private refuse(frame: Frame, device: NetDevice, route: Route | null): void {
    const { namespace } = this
    switch (route?.type) {
      case 'blackhole':
        return namespace.drop(frame, 'blackhole_route', device, route)
      case 'prohibit':
        namespace.icmp.sendRouteError(frame, ICMP_PKT_FILTERED)
        return namespace.drop(frame, 'no_route_in', device, route)
      case 'unreachable':
        namespace.icmp.sendRouteError(frame, ICMP_HOST_UNREACH)
        return namespace.drop(frame, 'no_route_in', device, route)
      default:
        namespace.icmp.sendRouteError(frame, ICMP_NET_UNREACH)
        return namespace.drop(frame, 'no_route_in', device, route ?? 'no route')
    }
  }

  private deliver(frame: Frame, device: NetDevice): void {
    const passed = this.input(frame, device)
    if (passed !== null) this.handOver(passed, device)
  }

  /** ip_local_deliver: a whole datagram that INPUT let through, or null. */
  private input(frame: Frame, device: NetDevice): Frame | null {
    const { namespace } = this
    const whole = frame.isFragment ? namespace.fragments.assemble(frame, device) : frame
    if (whole === null || namespace.filter === null) return whole
    return namespace.filter.run(HOOK_INPUT, whole, device, null)
  }

  /** ip_local_deliver_finish. */
  private handOver(frame: Frame, device: NetDevice): void {
    const { namespace } = this
    if (frame.trace !== 0) namespace.charge('local_deliver', frame, undefined, device)
    if (frame.protocol === PROTOCOL_TCP) return namespace.sockets.tcp.receive(frame, device)
    if (frame.protocol === PROTOCOL_UDP) return namespace.sockets.receiveUdp(frame, device)
    if (frame.protocol === PROTOCOL_ICMP) return namespace.icmp.receive(frame, device)
    const handler = this.protocols?.get(frame.protocol)
    if (handler !== undefined) return handler(frame, device)
    namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0)
    namespace.drop(frame, 'unhandled_l4', device)
  }

  /** Next value of the identification field; a unit takes one for each of its segments, which count up. */
  nextId(segments = 1): number {
    const first = (this.identification + 1) & 0xffff
    this.identification = (this.identification + segments) & 0xffff
    return first
  }

  /**
   * Sends a packet made here: source, destination, protocol and length are set. A missing route is
   * told to the caller, not booked: the packet was never in flight.
   */
  sendLocal(frame: Frame, cached: Route | null = null): SendError | null {
    const { namespace } = this
    const route = cached ?? namespace.routes.lookupFlow(frame)
    if (route === null || (route.type !== 'unicast' && route.type !== 'local')) {
      return this.sendRefusal(route)
    }
    namespace.kernel.ledger.originated++
    this.sendRouted(frame, route)
    return null
  }

  /** What a socket is told instead of an ICMP error. */
  sendRefusal(route: Route | null): SendError {
    switch (route?.type) {
      case 'blackhole':
        return 'EINVAL'
      case 'prohibit':
        return 'EACCES'
      case 'unreachable':
        return 'EHOSTUNREACH'
      default:
        return 'ENETUNREACH'
    }
  }

  /** As `sendLocal` for a packet that is in the books already, such as an encapsulated one. */
  sendEncapsulated(frame: Frame): void {
    const route = this.namespace.routes.lookupFlow(frame)
    if (route === null || (route.type !== 'unicast' && route.type !== 'local')) {
      this.namespace.drop(frame, 'no_route', null, route ?? 'no route')
      return
    }
    this.sendRouted(frame, route)
  }

  private sendRouted(original: Frame, initial: Route): void {
    const { namespace } = this
    let frame = original
    let route = initial
    namespace.spend(STAGE_IP_SEND, frame)
    if (frame.trace !== 0) namespace.charge('route', frame, route)
    if (namespace.filter !== null) {
      const { ipDst } = frame
      const passed = namespace.filter.run(HOOK_OUTPUT, frame, null, route.device)
      if (passed === null) return
      frame = passed
      // DNAT in OUTPUT changes the way (ip_route_me_harder).
      if (frame.ipDst !== ipDst) {
        const rerouted = namespace.routes.lookupFlow(frame)
        if (rerouted === null) return namespace.drop(frame, 'no_route', null)
        route = rerouted
      }
    }
    // What was learnt of a path counts for what is sealed, which is then shorter.
    const isSealed = namespace.xfrm !== null && frame.protocol === PROTOCOL_ESP
    const mtu = isSealed ? linkMtu(route) : this.routeMtu(route, frame.ipDst)
    this.output(frame, route, mtu)
  }

  /** ip_output: POSTROUTING, then fragments where needed, then the neighbour. */
  private output(original: Frame, route: Route, mtu: number): void {
    const { namespace } = this
    const device = route.device!
    let frame = original
    if (namespace.filter !== null) {
      const passed = namespace.filter.run(HOOK_POSTROUTING, frame, null, device)
      if (passed === null) return
      frame = passed
    }
    if (namespace.xfrm !== null) {
      if (namespace.xfrm.output(frame, route)) return
      frame.isSecured = false
    }
    const isShort = frame.l3Length - frame.gsoExcess <= mtu
    if (isShort && frame.fragmentMax === 0) return this.finish(frame, route)
    if (frame.gsoSize !== 0) return this.outputCut(frame, route, mtu)
    if (frame.dontFragment) return this.dropTooLong(frame, device, mtu)
    this.fragment(frame, mtu, (fragment) => this.finish(fragment, route))
  }

  /** ip_finish_output_gso: a unit whose segments do not fit is cut here, and each segment again. */
  private outputCut(frame: Frame, route: Route, mtu: number): void {
    const { kernel } = this.namespace
    const device = route.device!
    const segments = segment(frame)
    kernel.spend(STAGE_GSO, segments.length, frame.length)
    kernel.ledger.split++
    kernel.ledger.segments += segments.length
    for (const part of segments) {
      if (part.l3Length <= mtu) this.finish(part, route)
      else if (part.dontFragment) this.dropTooLong(part, device, mtu)
      else this.fragment(part, mtu, (fragment) => this.finish(fragment, route))
    }
  }

  /** Cuts a datagram to `mtu` (or to the size in which it came); each piece goes to `emit`. */
  fragment(frame: Frame, mtu: number, emit: (fragment: Frame) => void): void {
    const { namespace } = this
    const size = frame.fragmentMax > 0 && frame.fragmentMax < mtu ? frame.fragmentMax : mtu
    if (frame.l3Length <= size) {
      frame.fragmentMax = 0
      return emit(frame)
    }
    const fragments = fragmentDatagram(frame, size)
    namespace.kernel.ledger.split++
    namespace.kernel.ledger.fragments += fragments.length
    namespace.charge('fragment', frame, `${fragments.length} fragments for mtu ${size}`)
    for (const fragment of fragments) {
      namespace.spend(STAGE_FRAGMENT, fragment)
      emit(fragment)
    }
  }

  /** ip_finish_output2: the next hop's neighbour. */
  private finish(frame: Frame, route: Route): void {
    const { namespace } = this
    const device = route.device!
    if (device === namespace.loopback) return device.send(frame)
    const { ipDst } = frame
    if (ipDst === IPV4_BROADCAST || namespace.isBroadcast(ipDst)) {
      const out = frame.writable()
      out.dstHi = 0xffffff
      out.dstLo = 0xffffff
      out.srcHi = device.hi
      out.srcLo = device.lo
      return device.send(out)
    }
    const nexthop = route.via ?? ipDst
    let neighbour = this.neighbour
    if (
      neighbour === null ||
      neighbour.address !== nexthop ||
      neighbour.device !== device ||
      neighbour.dead
    ) {
      neighbour = namespace.neighbours.lookupOrCreate(device, nexthop)
      if (neighbour === null) return namespace.drop(frame, 'neighbour_table_full', device)
      this.neighbour = neighbour
    }
    neighbour.output(frame)
  }

  /** Best local address for packets to `target` that leave by `device`; null when there is none. */
  selectSource(device: NetDevice, target: Ipv4Address): Ipv4Address | null {
    const route = this.namespace.routes.lookup(target)
    if (route?.source != null && route.device === device) return route.source
    if (device.addresses.length > 0) return device.addresses[0]!.address
    for (const other of this.namespace.devices) {
      if (other.addresses.length > 0) return other.addresses[0]!.address
    }
    return null
  }

  /** MTU towards `destination`: the route's, or what an ICMP error taught since. */
  pathMtu(destination: Ipv4Address): number {
    const route = this.namespace.routes.lookup(destination)
    return route?.device ? this.routeMtu(route, destination) : 65535
  }

  routeMtu(route: Route, destination: Ipv4Address): number {
    const mtu = linkMtu(route)
    return this.pathMtus === null ? mtu : this.pathMtus.limit(destination, mtu)
  }

  /** Whether packets to `destination` are to go without DF: see `PathMtus`. */
  isMtuLocked(destination: Ipv4Address): boolean {
    return this.pathMtus?.isLocked(destination) ?? false
  }

  /** An ICMP error or a tunnel has named the MTU of the way to `destination`. */
  learnPathMtu(destination: Ipv4Address, mtu: number): void {
    this.pathMtus ??= new PathMtus(this.namespace.kernel)
    this.pathMtus.learn(destination, mtu, this.pathMtu(destination))
  }

  /** `ip route flush cache`. */
  flushCache(): void {
    this.pathMtus = null
  }

  /** Administratively prohibited hosts answer so (REJECT --reject-with icmp-host-prohibited). */
  reject(frame: Frame): void {
    this.namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_HOST_ANO, 0)
  }
}

/** Without what was learnt of the path behind it. */
export function linkMtu({ mtu, device }: Route): number {
  return mtu ?? device!.mtu
}
