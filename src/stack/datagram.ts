import type { Frame } from '../wire/frame.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import type { SendError } from './ipv4.ts'
import type { NetNamespace } from './namespace.ts'
import type { Route } from './route-table.ts'

/**
 * IP_MTU_DISCOVER: `want` sets DF on what fits the path and cuts the rest itself, `do` refuses what
 * does not fit, `dont` never sets DF.
 */
export type PmtuDiscovery = 'want' | 'do' | 'dont'

/** What the length field of IPv4 holds. */
const LONGEST = 65535

/** What datagram sockets share: the cached route, source address, DF, the system call's errors. */
export class DatagramSender {
  pmtuDiscovery: PmtuDiscovery = 'want'
  tos = 0
  ttl: number
  protected readonly namespace: NetNamespace
  private route: Route | null = null
  private routeDestination: Ipv4Address = 0
  private routeGeneration = -1
  private source: Ipv4Address = 0

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    this.ttl = namespace.kernel.profile.defaultTtl
  }

  /** Fills in the IP header and sends. `frame` has protocol, l3Length and what lies above. */
  send(frame: Frame, destination: Ipv4Address): SendError | null {
    const { namespace } = this
    const { ipv4, kernel, routes } = namespace
    if (destination !== this.routeDestination || routes.generation !== this.routeGeneration) {
      this.findRoute(frame, destination)
    }
    const { route } = this
    if (route === null || (route.type !== 'unicast' && route.type !== 'local')) {
      return ipv4.sendRefusal(route)
    }
    const fits = frame.l3Length <= ipv4.routeMtu(route, destination)
    if (frame.l3Length > LONGEST || (!fits && this.pmtuDiscovery === 'do')) return 'EMSGSIZE'
    frame.etherType = 0x0800
    frame.ipSrc = this.source
    frame.ipDst = destination
    frame.ttl = this.ttl
    frame.tos = this.tos
    // ip_select_ident: what nobody may cut needs none; `want` leaves the sender's own stack free to.
    frame.ipId = this.pmtuDiscovery === 'do' ? 0 : ipv4.nextId()
    frame.dontFragment = fits && this.wantsDf(destination)
    kernel.enter()
    if (frame.trace !== 0) namespace.charge('socket_send', frame)
    const error = ipv4.sendLocal(frame, route)
    kernel.leave()
    return error
  }

  /** ip_dont_fragment. */
  private wantsDf(destination: Ipv4Address): boolean {
    if (this.pmtuDiscovery !== 'want') return this.pmtuDiscovery === 'do'
    return !this.namespace.ipv4.isMtuLocked(destination)
  }

  private findRoute(frame: Frame, destination: Ipv4Address): void {
    const { ipv4, routes } = this.namespace
    frame.ipDst = destination
    this.route = this.namespace.sockets.isKilled ? null : routes.lookupFlow(frame)
    this.routeDestination = destination
    this.routeGeneration = routes.generation
    const { route } = this
    if (route === null || route.device === null) return
    this.source =
      route.type === 'local'
        ? destination
        : (route.source ?? ipv4.selectSource(route.device, route.via ?? destination) ?? 0)
  }

  /** MTU of the path to `destination` as the socket sees it (IP_MTU). */
  mtu(destination: Ipv4Address): number {
    return this.namespace.ipv4.pathMtu(destination)
  }
}
