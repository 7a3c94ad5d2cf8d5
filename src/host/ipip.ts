import { STAGE_IPIP_DECAP, STAGE_IPIP_ENCAP } from '../cpu/stage.ts'
import type { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES, PROTOCOL_IPIP } from '../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from '../wire/icmp.ts'
import { formatIpv4, IPV4_ANY, type Ipv4Address } from '../wire/ipv4-address.ts'
import { GroCells } from './gro-cells.ts'
import { HostDevice } from './host-device.ts'
import { carryUnit, decapsulate, outerTos } from './tunnel.ts'

export interface IpipOptions {
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

const TOS_INHERIT = 1

/** An IPv4-in-IPv4 tunnel (net/ipv4/ipip.c, RFC 2003): tunl0, or one end of a pair. */
export class Ipip extends HostDevice {
  readonly kind = 'ipip'
  readonly underlay: NetNamespace
  readonly options: IpipOptions
  private readonly receivers: IpipReceivers
  private readonly cells: GroCells = new GroCells(this)

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    underlay: NetNamespace,
    options: IpipOptions,
  ) {
    super(namespace, name, mtu, 0)
    this.noArp = true
    this.underlay = underlay
    this.options = options
    this.receivers = IpipReceivers.of(underlay)
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
    const mtu = dontFragment
      ? underlay.ipv4.routeMtu(route, destination) - IPV4_HEADER_BYTES
      : this.mtu
    if (frame.l3Length - frame.gsoExcess > mtu && this.refuse(frame, mtu)) return
    const outer = new Frame()
    outer.etherType = ETHERTYPE_IPV4
    outer.l3Length = IPV4_HEADER_BYTES + frame.l3Length
    outer.ipSrc =
      options.local ??
      route.source ??
      underlay.ipv4.selectSource(route.device, route.via ?? destination) ??
      IPV4_ANY
    outer.ipDst = destination
    outer.protocol = PROTOCOL_IPIP
    outer.ttl = options.ttl || frame.ttl
    outer.tos = outerTos(options.tos === TOS_INHERIT ? frame.tos : (options.tos ?? 0), frame)
    outer.ipId = underlay.ipv4.nextId(frame.gsoSegments || 1)
    outer.dontFragment = dontFragment
    outer.inner = frame
    outer.trace = frame.trace
    carryUnit(outer, frame)
    namespace.spend(STAGE_IPIP_ENCAP, frame)
    if (underlay === namespace) outer.mark = frame.mark
    if (frame.trace !== 0) {
      namespace.charge('ipip_encap', frame, `remote ${formatIpv4(destination)}`, this)
    }
    underlay.ipv4.sendEncapsulated(outer)
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
      namespace.charge('ipip_decap', frame, `from ${formatIpv4(outer.ipSrc)}`, this)
    }
    this.cells.receive(frame)
  }

  protected override release(): void {
    this.receivers.remove(this)
  }

  override details(): Record<string, unknown> {
    const { local, remote, ttl, pmtuDiscovery } = this.options
    return {
      proto: 'ipip',
      remote: remote === undefined ? 'any' : formatIpv4(remote),
      local: local === undefined ? 'any' : formatIpv4(local),
      ttl: ttl ?? 0,
      pmtudisc: pmtuDiscovery ?? true,
    }
  }
}

/** The tunnels of one underlay namespace, by how well they match an outer packet (ip_tunnel_lookup). */
class IpipReceivers {
  private readonly namespace: NetNamespace
  private readonly tunnels: Ipip[] = []

  private constructor(namespace: NetNamespace) {
    this.namespace = namespace
    namespace.ipv4.registerProtocol(PROTOCOL_IPIP, (frame, device) => this.receive(frame, device))
  }

  static of(namespace: NetNamespace): IpipReceivers {
    let found = receivers.get(namespace)
    if (found === undefined) {
      found = new IpipReceivers(namespace)
      receivers.set(namespace, found)
    }
    return found
  }

  add(tunnel: Ipip): void {
    this.tunnels.push(tunnel)
  }

  remove(tunnel: Ipip): void {
    this.tunnels.splice(this.tunnels.indexOf(tunnel), 1)
  }

  private receive(outer: Frame, device: NetDevice): void {
    const { inner } = outer
    let best: Ipip | null = null
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
function matchScore(options: IpipOptions, outer: Frame): number {
  if (options.remote !== undefined && options.remote !== outer.ipSrc) return -1
  if (options.local !== undefined && options.local !== outer.ipDst) return -1
  return (options.remote === undefined ? 0 : 2) + (options.local === undefined ? 0 : 1)
}

const receivers = new WeakMap<NetNamespace, IpipReceivers>()
