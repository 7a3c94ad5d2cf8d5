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
      parts.push(`nexthop${hop.via === null ? '' : ` via ${formatIpv4(hop.via)}`} dev ${hop.device?.name}`)
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

/** The main routing table of a namespace: longest prefix first, then lowest metric. */
export class RouteTable {
  /** Most routes that fit; a router's FIB has a limit, a host's table has none. */
  capacity = Infinity
  refused = 0
  private readonly namespace: NetNamespace
  private readonly byLength: (Map<Ipv4Address, Route[]> | null)[] = []
  private lengths: number[] = []
  private count = 0
  /** Grows with every change: who caches a lookup compares it. */
  generation = 0
  private readonly loopback: Route

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    this.loopback = new Route(
      {
        destination: { base: 0, length: 0 },
        type: 'local',
        device: namespace.loopback,
        scope: 'host',
      },
      null,
    )
  }

  get size(): number {
    return this.count
  }

  /** `ip route add`. @returns null, or why the kernel refuses. */
  add(spec: RouteSpec): NetlinkError | null {
    const existing = this.bucket(spec.destination)?.find((r) => r.metric === (spec.metric ?? 0))
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
    if (this.count >= this.capacity) {
      this.refused++
      return { errno: 'ENOSPC', message: `FIB is full (${this.capacity} routes)` }
    }
    const hops = spec.nexthops?.map((hop) => this.resolve({ ...spec, ...hop }))
    const route = hops ? new Route(spec, hops) : this.resolve(spec)
    const { base, length } = spec.destination
    let bases = this.byLength[length]
    if (!bases) {
      bases = new Map()
      this.byLength[length] = bases
      this.lengths = [...this.lengths, length].sort((a, b) => b - a)
    }
    const routes = bases.get(base)
    if (routes) {
      routes.push(route)
      routes.sort((a, b) => a.metric - b.metric)
    } else bases.set(base, [route])
    this.count++
    this.generation++
    return null
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

  private bucket(destination: Ipv4Prefix): Route[] | undefined {
    return this.byLength[destination.length]?.get(destination.base)
  }

  /** `ip route del`. @returns whether there was such a route. */
  delete(destination: Ipv4Prefix, metric = 0): boolean {
    const routes = this.bucket(destination)
    const at = routes?.findIndex((route) => route.metric === metric) ?? -1
    if (!routes || at < 0) return false
    routes.splice(at, 1)
    if (routes.length === 0) this.byLength[destination.length]!.delete(destination.base)
    this.count--
    this.generation++
    return true
  }

  /** The best route to exactly this destination, if there is one. */
  exact(destination: Ipv4Prefix): Route | null {
    return this.bucket(destination)?.[0] ?? null
  }

  removeConnected(destination: Ipv4Prefix, device: NetDevice): void {
    const route = this.bucket(destination)?.find((r) => r.device === device && r.via === null)
    if (route) this.delete(destination, route.metric)
  }

  removeDevice(device: NetDevice): void {
    for (const route of [...this.routes()]) {
      if (route.device === device) this.delete(route.destination, route.metric)
    }
  }

  /** Routes as `ip route` lists them: by address, the default first. */
  routes(): Route[] {
    const all: Route[] = []
    for (const length of this.lengths) {
      for (const routes of this.byLength[length]!.values()) all.push(...routes)
    }
    return all.sort(
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
    if (this.namespace.isLocal(destination)) return this.loopback
    const { lengths } = this
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!
      const routes = this.byLength[length]!.get(destination & maskOf(length))
      if (routes !== undefined) {
        const route = routes[0]!
        return route.nexthops === null ? route : route.nexthops[0]!
      }
    }
    return null
  }

  /** As `lookup`, choosing among equal next hops by the flow (fib_multipath_hash_policy). */
  lookupFlow(frame: Frame): Route | null {
    const destination = frame.ipDst
    if (this.namespace.isLocal(destination)) return this.loopback
    const { lengths } = this
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!
      const routes = this.byLength[length]!.get(destination & maskOf(length))
      if (routes === undefined) continue
      const route = routes[0]!
      if (route.nexthops === null) return route
      return route.nexthops[this.flowHash(frame) % route.nexthops.length]!
    }
    return null
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

/** A 32-bit finaliser (multiply and xor-shift) that spreads every input bit. */
function mix(value: number): number {
  let x = value
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b | 0)
  return x ^ (x >>> 16)
}
