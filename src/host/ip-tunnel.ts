import { STAGE_IPIP_DECAP, STAGE_IPIP_ENCAP } from '../cpu/stage.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES } from '../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from '../wire/icmp.ts'
import { formatIpv4, IPV4_ANY, type Ipv4Address } from '../wire/ipv4-address.ts'
import type { TunnelHeader } from '../wire/tunnel-header.ts'
import { GroCells } from './gro-cells.ts'
import { HostDevice } from './host-device.ts'
import { carryUnit, decapsulate, outerTos } from './tunnel.ts'

export interface IpTunnelOptions {
  /** Outer source address; without it the route decides. */
  readonly local?: Ipv4Address
  /** The other end; without it the gateway of the inner packet's route. */
  readonly remote?: Ipv4Address
  /** 0: the inner packet's. */
  readonly ttl?: number
  /** 1 takes the inner packet's. */
  readonly tos?: number
  /** DF on every outer packet, as ip(8) sets it up; without it DF where the inner packet has it. */
  readonly pmtuDiscovery?: boolean
}

/** What tells one kind of IP tunnel from another. */
export interface IpEncapsulation {
  /** Of the outer IP header. */
  readonly protocol: number
  /** Between the outer and the inner IP header; null for nothing. */
  readonly header: TunnelHeader | null
}

const TOS_INHERIT = 1

/**
 * A device that carries IPv4 packets in IPv4 packets (net/ipv4/ip_tunnel.c): one end of a pair, or with no
 * remote end one of many. What it costs is charged as IPIP, whatever its header.
 */
export abstract class IpTunnel extends HostDevice {
  readonly underlay: NetNamespace
  readonly options: IpTunnelOptions
  private readonly encapsulation: IpEncapsulation
  private readonly overhead: number
  private readonly receivers: TunnelReceivers
  private readonly cells: GroCells = new GroCells(this)

  /** @param mtu largest packet that it carries, bytes. @param underlay where outer packets come and go. */
  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    encapsulation: IpEncapsulation,
    options: IpTunnelOptions,
    underlay = namespace,
  ) {
    super(namespace, name, mtu, 0)
    this.noArp = true
    this.underlay = underlay
    this.options = options
    this.encapsulation = encapsulation
    this.overhead = IPV4_HEADER_BYTES + (encapsulation.header?.bytes ?? 0)
    this.receivers = TunnelReceivers.of(underlay, encapsulation.protocol)
    this.receivers.add(this)
  }

  /** There is no link-layer address here: what arrives was sent to this end. */
  override isOwn(_frame: Frame): boolean {
    return true
  }

  /** ip_tunnel_xmit. */
  protected transmit(frame: Frame): void {
    const { underlay, namespace, options } = this
    if (frame.etherType !== ETHERTYPE_IPV4) {
      return namespace.drop(frame, 'unhandled_protocol', this)
    }
    const destination = options.remote ?? this.gatewayTo(frame.ipDst)
    const route = underlay.routes.lookup(destination)
    if (route === null || route.device === null) {
      return namespace.drop(frame, 'no_route', this, route ?? 'no route')
    }
    if (route.device === this) return namespace.drop(frame, 'hop_limit', this, route)
    const dontFragment = options.pmtuDiscovery !== false || frame.dontFragment
    const mtu = dontFragment ? underlay.ipv4.routeMtu(route, destination) - this.overhead : this.mtu
    if (frame.l3Length - frame.gsoExcess > mtu && this.refuse(frame, mtu)) return
    const source =
      route.source ?? underlay.ipv4.selectSource(route.device, route.via ?? destination)
    const outer = this.wrap(frame, options.local ?? source ?? IPV4_ANY, destination)
    outer.dontFragment = dontFragment
    namespace.spend(STAGE_IPIP_ENCAP, frame)
    if (underlay === namespace) outer.mark = frame.mark
    if (frame.trace !== 0) {
      const stage = outer.header === null ? 'ipip_encap' : 'tunnel_encap'
      namespace.charge(stage, frame, `remote ${formatIpv4(destination)}`, this)
    }
    underlay.ipv4.sendEncapsulated(outer)
  }

  private wrap(frame: Frame, source: Ipv4Address, destination: Ipv4Address): Frame {
    const { ttl, tos = 0 } = this.options
    const { protocol, header } = this.encapsulation
    const outer = new Frame()
    outer.etherType = ETHERTYPE_IPV4
    outer.l3Length = this.overhead + frame.l3Length
    outer.ipSrc = source
    outer.ipDst = destination
    outer.protocol = protocol
    outer.header = header
    outer.ttl = ttl || frame.ttl
    outer.tos = outerTos(tos === TOS_INHERIT ? frame.tos : tos, frame)
    outer.ipId = this.underlay.ipv4.nextId(frame.gsoSegments || 1)
    outer.inner = frame
    outer.trace = frame.trace
    carryUnit(outer, frame)
    return outer
  }

  private gatewayTo(destination: Ipv4Address): Ipv4Address {
    return this.namespace.routes.lookup(destination)?.via ?? destination
  }

  /** tnl_update_pmtu. @returns whether the packet ended here: its sender was told to make it shorter. */
  private refuse(frame: Frame, mtu: number): boolean {
    const { namespace } = this
    namespace.ipv4.learnPathMtu(frame.ipDst, mtu)
    // A unit goes on: whoever cuts it finds out.
    if (!frame.dontFragment || frame.gsoSize !== 0) return false
    namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu)
    namespace.drop(frame, 'mtu_exceeded_df', this, frame.trace === 0 ? undefined : `mtu ${mtu}`)
    return true
  }

  /** ip_tunnel_rcv. */
  receiveEncapsulated(outer: Frame, inner: Frame): void {
    const { namespace } = this
    namespace.spend(STAGE_IPIP_DECAP, outer)
    const frame = decapsulate(outer, inner, this.underlay !== namespace)
    if (frame === null) return namespace.drop(outer, 'tunnel_ecn', this)
    if (frame.trace !== 0) {
      const stage = outer.header === null ? 'ipip_decap' : 'tunnel_decap'
      namespace.charge(stage, frame, `from ${formatIpv4(outer.ipSrc)}`, this)
    }
    this.cells.receive(frame)
  }

  protected override release(): void {
    this.receivers.remove(this)
  }

  override details(): Record<string, unknown> {
    const { local, remote, ttl, pmtuDiscovery } = this.options
    return {
      remote: remote === undefined ? 'any' : formatIpv4(remote),
      local: local === undefined ? 'any' : formatIpv4(local),
      ttl: ttl ?? 0,
      pmtudisc: pmtuDiscovery ?? true,
    }
  }
}

/** The tunnels of one protocol in one underlay, by how well they match a packet (ip_tunnel_lookup). */
class TunnelReceivers {
  private readonly namespace: NetNamespace
  private readonly tunnels: IpTunnel[] = []

  private constructor(namespace: NetNamespace, protocol: number) {
    this.namespace = namespace
    namespace.ipv4.registerProtocol(protocol, (frame, device) => this.receive(frame, device))
  }

  static of(namespace: NetNamespace, protocol: number): TunnelReceivers {
    let byProtocol = receivers.get(namespace)
    if (byProtocol === undefined) {
      byProtocol = new Map()
      receivers.set(namespace, byProtocol)
    }
    let found = byProtocol.get(protocol)
    if (found === undefined) {
      found = new TunnelReceivers(namespace, protocol)
      byProtocol.set(protocol, found)
    }
    return found
  }

  add(tunnel: IpTunnel): void {
    this.tunnels.push(tunnel)
  }

  remove(tunnel: IpTunnel): void {
    this.tunnels.splice(this.tunnels.indexOf(tunnel), 1)
  }

  private receive(outer: Frame, device: NetDevice): void {
    const { inner } = outer
    let best: IpTunnel | null = null
    let bestScore = -1
    for (const tunnel of this.tunnels) {
      const score = matchScore(tunnel.options, outer)
      if (score <= bestScore) continue
      best = tunnel
      bestScore = score
    }
    if (best === null || inner === null) {
      return this.namespace.drop(outer, 'unhandled_l4', device)
    }
    best.receiveEncapsulated(outer, inner)
  }
}

/** Both ends given beat the remote end, that beats the local end; -1 for another tunnel's packet. */
function matchScore(options: IpTunnelOptions, outer: Frame): number {
  if (options.remote !== undefined && options.remote !== outer.ipSrc) return -1
  if (options.local !== undefined && options.local !== outer.ipDst) return -1
  return (options.remote === undefined ? 0 : 2) + (options.local === undefined ? 0 : 1)
}

const receivers = new WeakMap<NetNamespace, Map<number, TunnelReceivers>>()
