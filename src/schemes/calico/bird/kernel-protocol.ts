import type { RouteSink } from '../../../control/bgp/daemon.ts'
import type { NetNamespace } from '../../../stack/namespace.ts'
import type { NetlinkError, Route, RouteSpec } from '../../../stack/route-table.ts'
import {
  contains,
  formatPrefix,
  type Ipv4Address,
  type Ipv4Prefix,
  maskOf,
} from '../../../wire/ipv4-address.ts'
import type { BirdConfig } from './config.ts'
import { exportsToPeers, kernelFilter } from './filters.ts'

const TUNNEL = 'tunl0'
const OWN = 'bird'
/** Interfaces that `protocol direct` leaves out. */
const NOT_DIRECT = /^(cali|kube-ipvs)/

interface Wanted {
  readonly net: Ipv4Prefix
  /** Next hops of BGP; none = a blackhole for an own block. */
  readonly nexthops: readonly Ipv4Address[]
}

/**
 * `protocol kernel` with `learn`, `persist`, `graceful restart` and `merge paths`, and the static routes: what
 * BIRD puts in the kernel's main table under `proto bird`, and what it learns there.
 */
export class KernelProtocol implements RouteSink {
  private readonly namespace: NetNamespace
  private readonly log: (line: string) => void
  private config: BirdConfig
  private readonly learned = new Map<string, Ipv4Prefix>()
  private readonly fromBgp = new Map<string, Wanted>()
  private readonly fromStatic = new Map<string, Wanted>()
  /** What is in the kernel from an earlier life stays untouched until BGP has recovered. */
  private isReady = false
  private seenGeneration = -1

  constructor(namespace: NetNamespace, config: BirdConfig, log: (line: string) => void) {
    this.namespace = namespace
    this.config = config
    this.log = log
    this.takeBlocks()
  }

  configure(config: BirdConfig): void {
    const before = [...this.fromStatic.values(), ...this.fromBgp.values()]
    this.config = config
    this.takeBlocks()
    for (const { net } of [...before, ...this.fromStatic.values()]) this.apply(net)
  }

  private takeBlocks(): void {
    this.fromStatic.clear()
    for (const { cidr } of this.config.blocks) {
      // A block of one address has no room for a loop.
      if (cidr.length < 32) this.fromStatic.set(formatPrefix(cidr), { net: cidr, nexthops: [] })
    }
  }

  set(net: Ipv4Prefix, nexthops: readonly Ipv4Address[]): void {
    const key = formatPrefix(net)
    if (nexthops.length === 0) this.fromBgp.delete(key)
    else this.fromBgp.set(key, { net, nexthops })
    this.apply(net)
  }

  recovered(): void {
    this.isReady = true
    this.seenGeneration = -1
    this.scan()
  }

  /** `scan time 2`: puts right what somebody else changed. */
  scan(): void {
    const { routes } = this.namespace
    if (!this.isReady || routes.generation === this.seenGeneration) return
    for (const { destination, protocol } of routes.routes()) {
      if (protocol === OWN && this.wanted(destination) === null) routes.delete(destination)
    }
    for (const { net } of this.fromStatic.values()) this.apply(net)
    for (const { net } of this.fromBgp.values()) this.apply(net)
    this.seenGeneration = routes.generation
  }

  private wanted(net: Ipv4Prefix): Wanted | null {
    const key = formatPrefix(net)
    const wanted = this.fromStatic.get(key) ?? this.fromBgp.get(key) ?? null
    if (wanted === null || wanted.nexthops.length === 0) return wanted
    return kernelFilter(this.config, net) === 'reject' ? null : wanted
  }

  private apply(net: Ipv4Prefix): void {
    if (!this.isReady) return
    const { routes } = this.namespace
    const present = routes.exact(net)
    // What another put there with the same metric, the kernel does not let BIRD replace (EEXIST).
    if (present !== null && present.protocol !== OWN) return
    const wanted = this.wanted(net)
    if (wanted === null) {
      if (present !== null) routes.delete(net)
      return
    }
    const spec = this.specOf(wanted)
    if (present !== null && isSame(present, spec)) return
    const error = routes.replace(spec)
    if (error !== null) this.refused(net, error)
  }

  private refused(net: Ipv4Prefix, { message }: NetlinkError): void {
    this.log(`Netlink: ${message} (${formatPrefix(net)})`)
  }

  private specOf({ net, nexthops }: Wanted): RouteSpec {
    const head = { destination: net, protocol: OWN }
    const [first] = nexthops
    if (first === undefined) return { ...head, type: 'blackhole' }
    const ways = nexthops.flatMap((nexthop) => this.gatewayTo(nexthop) ?? [])
    const [way] = ways
    // `gateway recursive` with no way to the next hop.
    if (way === undefined) return { ...head, type: 'unreachable' }
    if (ways.length > 1) return { ...head, nexthops: ways.map((via) => ({ via })) }
    const device = this.isTunnelled(net, first) ? this.namespace.device(TUNNEL) : null
    return device ? { ...head, via: first, device, onlink: true } : { ...head, via: way }
  }

  private isTunnelled(net: Ipv4Prefix, nexthop: Ipv4Address): boolean {
    const mode = kernelFilter(this.config, net)
    const isFar = !contains(this.config.subnet, nexthop)
    return mode === 'tunnel' || (mode === 'tunnel unless near' && isFar)
  }

  /** The neighbour on the link through which a next hop is reached; null = it is not. */
  private gatewayTo(nexthop: Ipv4Address): Ipv4Address | null {
    const route = this.namespace.routes.lookup(nexthop)
    // BGP's own routes do not resolve a next hop: they would chase each other.
    if (route === null || route.type !== 'unicast' || route.protocol === OWN) return null
    return route.via ?? nexthop
  }

  /**
   * Routes of others that peers are to know: what BIRD learns from the kernel, and `protocol direct` from the
   * interfaces' addresses.
   * @returns those that came and went since the last call.
   */
  learn(): { readonly come: Ipv4Prefix[]; readonly gone: Ipv4Prefix[] } {
    const found = new Map<string, Ipv4Prefix>()
    for (const net of this.foreign()) {
      if (exportsToPeers(this.config, net)) found.set(formatPrefix(net), net)
    }
    const come = [...found].filter(([key]) => !this.learned.has(key))
    const gone = [...this.learned].filter(([key]) => !found.has(key))
    for (const [key] of gone) this.learned.delete(key)
    for (const [key, net] of come) this.learned.set(key, net)
    return { come: come.map(([, net]) => net), gone: gone.map(([, net]) => net) }
  }

  private *foreign(): IterableIterator<Ipv4Prefix> {
    const { routes, devices } = this.namespace
    for (const { destination, protocol, device } of routes.routes()) {
      // Felix's routes through its own tunnels are no news to anybody (`reject_tunnel_routes`).
      const isFelixTunnel = device !== null && /\.cali(co)?$/.test(device.name)
      if (protocol !== OWN && protocol !== 'kernel' && !isFelixTunnel) yield destination
    }
    for (const device of devices) {
      if (NOT_DIRECT.test(device.name) || /\.cali(co)?$/.test(device.name)) continue
      for (const { address, length } of device.addresses) {
        yield { base: address & maskOf(length), length }
      }
    }
  }
}

function isSame(present: Route, wanted: RouteSpec): boolean {
  const { type, via, device, nexthops } = present
  if (type !== (wanted.type ?? 'unicast')) return false
  if (nexthops !== null || wanted.nexthops !== undefined) {
    const [a, b] = [nexthops ?? [], wanted.nexthops ?? []]
    return a.length === b.length && a.every((hop, i) => hop.via === b[i]!.via)
  }
  const isOnDevice = wanted.device === undefined || wanted.device === device
  return via === (wanted.via ?? null) && isOnDevice
}
