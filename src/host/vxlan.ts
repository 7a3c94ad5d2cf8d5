import { STAGE_CLONE, STAGE_VXLAN_DECAP, STAGE_VXLAN_ENCAP } from '../cpu/stage.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { Route } from '../stack/route-table.ts'
import { flowHash, sourcePortOf } from '../wire/flow-hash.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
  VXLAN_HEADER_BYTES,
  VXLAN_OVERHEAD_BYTES,
} from '../wire/frame.ts'
import { formatIpv4, IPV4_ANY, type Ipv4Address } from '../wire/ipv4-address.ts'
import { GROUP_BIT_HI, type MacAddress, macOf } from '../wire/mac-address.ts'
import { VXLAN_PORT_LINUX } from '../wire/vxlan.ts'
import { answerableRequest, proxyReply } from './arp-proxy.ts'
import { GroCells } from './gro-cells.ts'
import { HostDevice, type LinkChange, type LinkWatcher } from './host-device.ts'
import { carryUnit, decapsulate, outerTos } from './tunnel.ts'
import { answersTooLong, buildTooLong } from './tunnel-pmtu.ts'
import { VxlanFdb, type VxlanRemote } from './vxlan-fdb.ts'
import { VxlanFdbRow } from './vxlan-fdb-row.ts'
import { VXLAN_AGEING, type VxlanOptions, vxlanDetails } from './vxlan-options.ts'
import { VxlanSocket } from './vxlan-socket.ts'

/** Told of look-ups that failed, as RTM_GETNEIGH tells a daemon. */
export interface VxlanMissListener {
  l2miss(device: Vxlan, mac: MacAddress): void
  l3miss(device: Vxlan, address: Ipv4Address): void
}

const TOS_INHERIT = 1
const OUTER_HEADERS = IPV4_HEADER_BYTES + UDP_HEADER_BYTES + VXLAN_HEADER_BYTES
const STATES_CONNECTED: readonly string[] = ['PERMANENT', 'NOARP', 'REACHABLE']

/**
 * A VXLAN device (drivers/net/vxlan). It may be moved to another namespace; its socket and the routes
 * of its outer packets stay in the one where it was made, the underlay.
 */
export class Vxlan extends HostDevice implements LinkWatcher {
  readonly kind = 'vxlan'
  readonly underlay: NetNamespace
  readonly options: VxlanOptions
  readonly fdb: VxlanFdb
  readonly port: number
  missListener: VxlanMissListener | null = null
  private readonly socket: VxlanSocket
  private readonly cells: GroCells = new GroCells(this)
  private readonly learning: boolean
  private readonly lowPort: number
  private readonly highPort: number

  constructor(
    namespace: NetNamespace,
    name: string,
    mtu: number,
    mac: MacAddress,
    underlay: NetNamespace,
    options: VxlanOptions,
  ) {
    super(namespace, name, mtu, mac)
    this.underlay = underlay
    this.options = options
    this.port = options.dstPort ?? VXLAN_PORT_LINUX
    this.learning = options.learning ?? true
    const [low, high] = options.sourcePorts ?? namespace.kernel.profile.localPorts
    this.lowPort = low
    this.highPort = high
    this.fdb = new VxlanFdb(this, {
      ageing: options.ageing ?? VXLAN_AGEING,
      maxAddresses: options.maxAddresses ?? 0,
    })
    if (options.remote !== undefined) this.fdb.add({ lladdr: 0, dst: options.remote })
    this.socket = VxlanSocket.of(underlay, this.port)
    this.socket.add(options.vni, this)
    options.lower?.watch(this)
  }

  override get maxMtu(): number {
    const { lower } = this.options
    return lower === undefined ? super.maxMtu : lower.mtu - VXLAN_OVERHEAD_BYTES
  }

  /** `bridge fdb show dev DEVICE`. */
  fdbEntries(now: number): VxlanFdbRow[] {
    return this.fdb.entries(now)
  }

  /** vxlan_xmit. */
  protected transmit(frame: Frame): void {
    if (this.options.proxy && frame.etherType === ETHERTYPE_ARP) return this.reduceArp(frame)
    const { ledger, simulator } = this.namespace.kernel
    const { now } = simulator
    const first = this.fdb.lookup(frame.dstHi, frame.dstLo, now) ?? this.fdb.lookup(0, 0, now)
    if (first === null) {
      if (this.options.l2miss && !frame.isGroup) {
        this.missListener?.l2miss(this, macOf(frame.dstHi, frame.dstLo))
      }
      return this.namespace.drop(frame, 'vxlan_no_remote', this)
    }
    // The kernel clones for all remotes but the first, which gets the frame itself at the end.
    for (let remote = first.next; remote !== null; remote = remote.next) {
      frame.shared = true
      ledger.copied++
      this.namespace.spend(STAGE_CLONE, frame)
      this.sendTo(remote, frame)
    }
    this.sendTo(first, frame)
  }

  /** arp_reduce: a request is answered from the neighbour table or ends here, as all ARP does. */
  private reduceArp(frame: Frame): void {
    const { namespace } = this
    const request = answerableRequest(frame)
    if (request === null) return namespace.drop(frame, 'vxlan_proxy_miss', this)
    const neighbour = namespace.neighboursIfAny?.lookup(this, request.targetIp)
    if (neighbour === undefined) {
      if (this.options.l3miss) this.missListener?.l3miss(this, request.targetIp)
      return namespace.drop(frame, 'vxlan_proxy_miss', this)
    }
    const remote = this.fdb.lookup(neighbour.hi, neighbour.lo, namespace.kernel.simulator.now)
    // A remote of 0.0.0.0 says that the neighbour is on this bridge and answers itself.
    if (!STATES_CONNECTED.includes(neighbour.state) || remote?.dst === IPV4_ANY) {
      return namespace.drop(frame, 'vxlan_proxy_miss', this, neighbour)
    }
    if (frame.trace !== 0) namespace.charge('arp', frame, neighbour, this)
    namespace.kernel.ledger.consumed++
    namespace.kernel.ledger.originated++
    namespace.kernel.netifRx(proxyReply(request, neighbour.hi, neighbour.lo, frame.trace), this)
  }

  /** vxlan_xmit_one. */
  private sendTo(remote: VxlanRemote, frame: Frame): void {
    const { underlay, namespace } = this
    if (remote.dst === IPV4_ANY) return namespace.drop(frame, 'vxlan_no_remote', this)
    if (underlay.isLocal(remote.dst)) return this.bypass(remote, frame)
    const route = remote.routeIn(underlay)
    if (route === null || route.type !== 'unicast') {
      return namespace.drop(frame, 'no_route', this, route ?? 'no route')
    }
    if (route.device === this) return namespace.drop(frame, 'hop_limit', this, route)
    if (frame.etherType === ETHERTYPE_IPV4 && this.checkPathMtu(frame, route, remote)) return
    namespace.spend(STAGE_VXLAN_ENCAP, frame)
    if (frame.trace !== 0) namespace.charge('vxlan_encap', frame, this.row(remote, frame), this)
    underlay.ipv4.sendEncapsulated(this.encapsulate(frame, route, remote))
  }

  private encapsulate(frame: Frame, route: Route, remote: VxlanRemote): Frame {
    const { underlay, options } = this
    const { kernel } = underlay
    const { df } = options
    const isIpv4 = frame.etherType === ETHERTYPE_IPV4
    const outer = new Frame()
    outer.etherType = ETHERTYPE_IPV4
    outer.l3Length = OUTER_HEADERS + frame.length
    outer.ipSrc = options.local ?? this.sourceTo(route, remote.dst)
    outer.ipDst = remote.dst
    outer.protocol = PROTOCOL_UDP
    outer.ttl = options.ttl || kernel.profile.defaultTtl
    const tos = options.tos === TOS_INHERIT ? (isIpv4 ? frame.tos : 0) : (options.tos ?? 0)
    outer.tos = outerTos(tos, frame)
    outer.ipId = underlay.ipv4.nextId(frame.gsoSegments || 1)
    outer.dontFragment = df === 'set' || (df === 'inherit' && isIpv4 && frame.dontFragment)
    // A socket's own hash goes before (skb_get_hash), so that it can change its way through the fabric.
    const hash = frame.flowHash || flowHash(frame, kernel.hashSecret)
    outer.sourcePort = sourcePortOf(hash, this.lowPort, this.highPort)
    outer.destinationPort = remote.port || this.port
    outer.udpChecksum = options.udpChecksum ?? true
    outer.vni = remote.vni || options.vni
    outer.inner = frame
    outer.trace = frame.trace
    carryUnit(outer, frame)
    if (underlay === this.namespace) outer.mark = frame.mark
    return outer
  }

  private sourceTo(route: Route, destination: Ipv4Address): Ipv4Address {
    if (route.source !== null) return route.source
    const { ipv4 } = this.underlay
    return ipv4.selectSource(route.device!, route.via ?? destination) ?? IPV4_ANY
  }

  /**
   * skb_tunnel_check_pmtu: a routed packet that is too long teaches its sender's route, for the next
   * one; a bridged one is answered here.
   * @returns whether the frame ended here. If not, the outer packet may be cut on its way.
   */
  private checkPathMtu(frame: Frame, route: Route, remote: VxlanRemote): boolean {
    const mtu = this.underlay.ipv4.routeMtu(route, remote.dst) - VXLAN_OVERHEAD_BYTES
    if (frame.l3Length - frame.gsoExcess <= mtu) return false
    const { namespace } = this
    const { kernel } = namespace
    if (this.master === null) {
      namespace.ipv4.learnPathMtu(frame.ipDst, mtu)
      return false
    }
    if (!kernel.profile.tunnelAnswersPmtu || !answersTooLong(frame, mtu)) return false
    kernel.ledger.originated++
    if (frame.trace !== 0) namespace.charge('icmp_error', frame, `frag needed, mtu ${mtu}`, this)
    kernel.netifRx(buildTooLong(frame, mtu), this)
    namespace.drop(frame, 'mtu_exceeded_df', this, frame.trace === 0 ? undefined : `mtu ${mtu}`)
    return true
  }

  /** encap_bypass_if_local: to a VTEP of this very namespace nothing is encapsulated. */
  private bypass(remote: VxlanRemote, frame: Frame): void {
    const socket = VxlanSocket.of(this.underlay, remote.port || this.port)
    const device = socket.device(remote.vni || this.options.vni)
    if (device === undefined) return this.namespace.drop(frame, 'vxlan_vni_not_found', this)
    if (device.learning) {
      device.fdb.snoop(frame.srcHi, frame.srcLo, remote.dst, this.namespace.kernel.simulator.now)
    }
    this.namespace.kernel.netifRx(frame, device)
  }

  /** The second half of vxlan_rcv, for the device that has the packet's VNI. */
  receiveEncapsulated(outer: Frame, inner: Frame): void {
    const { namespace } = this
    if (inner.srcHi === this.hi && inner.srcLo === this.lo) {
      return namespace.drop(outer, 'local_mac', this)
    }
    if (this.learning) {
      if ((inner.srcHi & GROUP_BIT_HI) !== 0 || (inner.srcHi | inner.srcLo) === 0) {
        return namespace.drop(outer, 'invalid_source_mac', this)
      }
      const { now } = namespace.kernel.simulator
      if (!this.fdb.snoop(inner.srcHi, inner.srcLo, outer.ipSrc, now)) {
        return namespace.drop(outer, 'vxlan_entry_exists', this, this.pinned(outer, inner))
      }
    }
    namespace.spend(STAGE_VXLAN_DECAP, outer)
    const frame = decapsulate(outer, inner, this.underlay !== namespace)
    if (frame === null) return namespace.drop(outer, 'tunnel_ecn', this)
    if (frame.trace !== 0) {
      const row = `vni ${outer.vni} from ${formatIpv4(outer.ipSrc)}`
      namespace.charge('vxlan_decap', frame, row, this)
    }
    this.cells.receive(frame)
  }

  private pinned(outer: Frame, inner: Frame): VxlanFdbRow | undefined {
    if (outer.trace === 0) return undefined
    const remote = this.fdb.lookup(inner.srcHi, inner.srcLo, this.namespace.kernel.simulator.now)
    const mac = macOf(inner.srcHi, inner.srcLo)
    return remote === null ? undefined : new VxlanFdbRow(mac, this, remote, remote.state)
  }

  private row(remote: VxlanRemote, frame: Frame): VxlanFdbRow {
    const { now } = this.namespace.kernel.simulator
    const isKnown = this.fdb.lookup(frame.dstHi, frame.dstLo, now) !== null
    const mac = isKnown ? macOf(frame.dstHi, frame.dstLo) : 0
    return new VxlanFdbRow(mac, this, remote, remote.state)
  }

  linkChanged(_lower: HostDevice, change: LinkChange): void {
    if (change === 'gone') this.remove()
  }

  override setUp(up: boolean): void {
    super.setUp(up)
    if (!up) this.fdb.flush()
  }

  protected override release(): void {
    this.socket.remove(this.options.vni)
    this.options.lower?.unwatch(this)
  }

  override details(): Record<string, unknown> {
    return vxlanDetails(this.options)
  }
}
