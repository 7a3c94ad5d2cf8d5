import type { Frame } from '../wire/frame.ts'
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/frame.ts'
import {
  formatIpv4,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  maskOf,
} from '../wire/ipv4-address.ts'
import type { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'

export type RouteType = 'unicast' | 'local' | 'blackhole' | 'unreachable' | 'prohibit'

/** One way to a destination, as `ip route` prints it. Immutable. */
export class Route {
  readonly destination: Ipv4Prefix
  /** Netmask of the destination. */
  readonly mask: number
  readonly type: RouteType
  readonly device: NetDevice | null
  readonly via: Ipv4Address | null
  readonly onlink: boolean
  readonly scope: 'global' | 'link' | 'host'
  readonly protocol: string | null
  readonly source: Ipv4Address | null
  readonly metric: number
  readonly mtu: number | null
  /** Equal-cost ways; the route itself is then only their head. */
  readonly nexthops: readonly Route[] | null

  constructor(spec: RouteSpec, nexthops: readonly Route[] | null) {
    this.destination = spec.destination
    this.mask = maskOf(spec.destination.length)
    this.type = spec.type ?? 'unicast'
    this.device = spec.device ?? null
    this.via = spec.via ?? null
    this.onlink = spec.onlink ?? false
    this.scope = spec.scope ?? (this.via === null && this.device !== null ? 'link' : 'global')
    this.protocol = spec.protocol ?? null
    this.source = spec.source ?? null
    this.metric = spec.metric ?? 0
    this.mtu = spec.mtu ?? null
    this.nexthops = nexthops
  }

  toString(): string {
    const { destination } = this
    const name =
      destination.length === 0
        ? 'default'
        : destination.length === 32
          ? formatIpv4(destination.base)
          : formatPrefix(destination)
    const parts = [this.type === 'unicast' ? name : `${this.type} ${name}`]
    if (this.via !== null) parts.push(`via ${formatIpv4(this.via)}`)
    if (this.device !== null) parts.push(`dev ${this.device.name}`)
    if (this.protocol !== null) parts.push(`proto ${this.protocol}`)
    if (this.scope !== 'global' && this.type === 'unicast') parts.push(`scope ${this.scope}`)
    if (this.source !== null) parts.push(`src ${formatIpv4(this.source)}`)
    if (this.metric !== 0) parts.push(`metric ${this.metric}`)
    if (this.mtu !== null) parts.push(`mtu ${this.mtu}`)
    if (this.onlink) parts.push('onlink')
    for (const hop of this.nexthops ?? []) {
      parts.push(
        `nexthop${hop.via === null ? '' : ` via ${formatIpv4(hop.via)}`} dev ${hop.device?.name}`,
      )
    }
    return parts.join(' ')
  }
}

export interface RouteSpec {
  readonly destination: Ipv4Prefix
  readonly type?: RouteType
  readonly device?: NetDevice
  readonly via?: Ipv4Address
  readonly onlink?: boolean
  readonly scope?: 'global' | 'link' | 'host'
  readonly protocol?: string
  readonly source?: Ipv4Address
  readonly metric?: number
  readonly mtu?: number
  readonly nexthops?: readonly { readonly device?: NetDevice; readonly via?: Ipv4Address }[]
}

/** What the kernel answers to a request that it refuses: a value, for daemons meet it in life. */
export interface NetlinkError {
  /** errno's name, as `ENETUNREACH`. */
  readonly errno: string
  readonly message: string
}

/** Up to this many routes are searched one by one: most containers have three. */
const LINEAR_MAX = 8

/** The main routing table of a namespace: longest prefix first, then lowest metric. */
export class RouteTable {
  /** Most routes that fit; a router's FIB has a limit, a host's table has none. */
  capacity = Infinity
  refused = 0
  /** Grows with every change: who caches a lookup compares it. */
  generation = 0
  private readonly namespace: NetNamespace
  /** By prefix length, longest first; then by metric. */
  private ordered: readonly Route[] = []
  /** Best route by prefix, a map for each length in use, longest first; null until it is worth while. */
  private index: { readonly mask: number; readonly routes: Map<Ipv4Address, Route> }[] | null = null

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
  }

  get size(): number {
    return this.ordered.length
  }

  /** `ip route add`. @returns null, or why the kernel refuses. */
  add(spec: RouteSpec): NetlinkError | null {
    const existing = this.find(spec.destination, spec.metric ?? 0)
    if (existing) return { errno: 'EEXIST', message: `RTNETLINK answers: File exists: ${existing}` }
    return this.insert(spec)
  }

  /** `ip route replace`. */
  replace(spec: RouteSpec): NetlinkError | null {
    const error = this.check(spec)
    if (error) return error
    this.delete(spec.destination, spec.metric ?? 0)
    return this.insert(spec)
  }

  private insert(spec: RouteSpec): NetlinkError | null {
    const error = this.check(spec)
    if (error) return error
    if (this.size >= this.capacity) {
      this.refused++
      return { errno: 'ENOSPC', message: `FIB is full (${this.capacity} routes)` }
    }
    const hops = spec.nexthops?.map((hop) => this.resolve({ ...spec, ...hop }))
    const route = hops ? new Route(spec, hops) : this.resolve(spec)
    const { ordered } = this
    let at = ordered.length
    while (at > 0 && isBefore(route, ordered[at - 1]!)) at--
    this.ordered = ordered.toSpliced(at, 0, route)
    this.changed()
    return null
  }

  private changed(): void {
    this.generation++
    this.index = null
  }

  /** Fills in the device of a gateway that was given alone. */
  private resolve(spec: RouteSpec): Route {
    if (spec.device || spec.via === undefined) return new Route(spec, null)
    const device = this.lookup(spec.via)?.device ?? undefined
    return new Route(device ? { ...spec, device } : spec, null)
  }

  /** A gateway must be reachable on the link, unless `onlink` says that it is (fib_check_nh). */
  private check(spec: RouteSpec): NetlinkError | null {
    const { base, length } = spec.destination
    if ((base & maskOf(length)) !== base) {
      return { errno: 'EINVAL', message: 'Invalid prefix for given prefix length' }
    }
    for (const hop of spec.nexthops ?? [spec]) {
      if (hop.via === undefined || spec.onlink) continue
      const way = this.lookup(hop.via)
      const onLink = way !== null && way.via === null && way.type === 'unicast'
      if (!onLink || (hop.device !== undefined && way.device !== hop.device)) {
        return { errno: 'ENETUNREACH', message: 'Nexthop has invalid gateway' }
      }
    }
    return null
  }

  private find({ base, length }: Ipv4Prefix, metric: number): Route | undefined {
    return this.ordered.find(
      ({ destination, metric: own }) =>
        destination.base === base && destination.length === length && own === metric,
    )
  }

  /** `ip route del`. @returns whether there was such a route. */
  delete(destination: Ipv4Prefix, metric = 0): boolean {
    const route = this.find(destination, metric)
    if (!route) return false
    this.ordered = this.ordered.filter((each) => each !== route)
    this.changed()
    return true
  }

  /** The best route to exactly this destination, if there is one. */
  exact({ base, length }: Ipv4Prefix): Route | null {
    const found = this.ordered.find(
      ({ destination }) => destination.base === base && destination.length === length,
    )
    return found ?? null
  }

  removeConnected(destination: Ipv4Prefix, device: NetDevice): void {
    const { base, length } = destination
    const route = this.ordered.find(
      (each) =>
        each.device === device &&
        each.via === null &&
        each.destination.base === base &&
        each.destination.length === length,
    )
    if (route) this.delete(destination, route.metric)
  }

  removeDevice(device: NetDevice): void {
    for (const route of [...this.ordered]) {
      if (route.device === device) this.delete(route.destination, route.metric)
    }
  }

  /** `ip route flush`. */
  flush(): void {
    this.ordered = []
    this.changed()
  }

  /** Routes as `ip route` lists them: by address, the default first. */
  routes(): Route[] {
    return this.ordered.toSorted(
      (a, b) =>
        (a.destination.base >>> 0) - (b.destination.base >>> 0) ||
        a.destination.length - b.destination.length ||
        a.metric - b.metric,
    )
  }

  /**
   * Longest-prefix match, with local addresses before everything. For a route with several next hops
   * the first is given: see `lookupFlow`.
   */
  lookup(destination: Ipv4Address): Route | null {
    if (this.namespace.isLocal(destination)) return this.namespace.loopback.route
    const route = this.match(destination)
    return route === null || route.nexthops === null ? route : route.nexthops[0]!
  }

  /** As `lookup`, choosing among equal next hops by the flow (fib_multipath_hash_policy). */
  lookupFlow(frame: Frame): Route | null {
    if (this.namespace.isLocal(frame.ipDst)) return this.namespace.loopback.route
    const route = this.match(frame.ipDst)
    if (route === null || route.nexthops === null) return route
    return route.nexthops[this.flowHash(frame) % route.nexthops.length]!
  }

  /** Whether one of the ways to `destination` leaves by `device` (fib_info_nh_uses_dev). */
  leadsBy(device: NetDevice, destination: Ipv4Address): boolean {
    const route = this.match(destination)
    if (route === null || route.type !== 'unicast') return false
    return (route.nexthops ?? [route]).some((hop) => hop.device === device)
  }

  private match(destination: Ipv4Address): Route | null {
    const { ordered } = this
    if (ordered.length > LINEAR_MAX) return this.matchIndexed(destination)
    for (let i = 0; i < ordered.length; i++) {
      const route = ordered[i]!
      if ((destination & route.mask) === route.destination.base) return route
    }
    return null
  }

  private matchIndexed(destination: Ipv4Address): Route | null {
    this.index ??= this.makeIndex()
    const { index } = this
    for (let i = 0; i < index.length; i++) {
      const { mask, routes } = index[i]!
      const route = routes.get(destination & mask)
      if (route !== undefined) return route
    }
    return null
  }

  private makeIndex() {
    const index: { mask: number; routes: Map<Ipv4Address, Route> }[] = []
    for (const route of this.ordered) {
      let last = index.at(-1)
      if (last?.mask !== route.mask) {
        last = { mask: route.mask, routes: new Map() }
        index.push(last)
      }
      const { base } = route.destination
      if (!last.routes.has(base)) last.routes.set(base, route)
    }
    return index
  }

  private flowHash(frame: Frame): number {
    const { kernel, sysctls } = this.namespace
    let hash = kernel.hashSecret
    hash = mix(hash ^ frame.ipSrc)
    hash = mix(hash ^ frame.ipDst)
    hash = mix(hash ^ frame.protocol)
    const ports = frame.protocol === PROTOCOL_UDP || frame.protocol === PROTOCOL_TCP
    if (sysctls.multipathHashPolicy === 1 && ports && !frame.isFragment) {
      hash = mix(hash ^ ((frame.sourcePort << 16) | frame.destinationPort))
    }
    return hash >>> 0
  }
}

/** Longest prefix first, then lowest metric; equals in the order in which they came. */
function isBefore(a: Route, b: Route): boolean {
  const byLength = b.destination.length - a.destination.length
  return byLength < 0 || (byLength === 0 && a.metric < b.metric)
}

/** A 32-bit finaliser (multiply and xor-shift) that spreads every input bit. */
function mix(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b | 0)
  return x ^ (x >>> 16)
}
