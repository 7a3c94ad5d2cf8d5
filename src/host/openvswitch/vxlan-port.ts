import { STAGE_VXLAN_DECAP, STAGE_VXLAN_ENCAP } from '../../cpu/stage.ts'
import { NetDevice } from '../../stack/device.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { flowHash, sourcePortOf } from '../../wire/flow-hash.ts'
import {
  ETHERTYPE_IPV4,
  Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
  VXLAN_HEADER_BYTES,
  VXLAN_OVERHEAD_BYTES,
} from '../../wire/frame.ts'
import { formatIpv4, type Ipv4Address } from '../../wire/ipv4-address.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import { GroCells } from '../gro-cells.ts'
import { HostDevice } from '../host-device.ts'
import { carryUnit, decapsulate, outerTos } from '../tunnel.ts'
import { answersTooLong, buildTooLong } from '../tunnel-pmtu.ts'
import type { TunnelAction, TunnelKey } from './flow.ts'

const OUTER_HEADERS = IPV4_HEADER_BYTES + UDP_HEADER_BYTES + VXLAN_HEADER_BYTES
const MAX_MTU = 65535
/** The VNI is valid, and no other flag. */
const FLAGS = 0x08

/**
 * Where the packets of one tunnel come in. The kernel keeps the outer header beside the packet until the
 * datapath reads it; here packets of one outer header are queued together, so that it is known by the queue.
 */
class TunnelSource extends NetDevice {
  readonly kind = 'vxlan'
  readonly tunnel: TunnelKey
  readonly cells: GroCells = new GroCells(this)
  private readonly port: VxlanPort

  constructor(port: VxlanPort, tunnel: TunnelKey) {
    super(port.namespace, port.name, port.mtu, port.mac, port.ifindex)
    this.port = port
    this.tunnel = tunnel
    this.features = port.features
  }

  override receive(frame: Frame): void {
    this.port.receiveFrom(this.tunnel, frame)
  }

  /** Nothing is ever sent by it. */
  protected transmit(): void {}
}

/**
 * A VXLAN vport: a device that takes every VNI of its UDP port and leaves the outer header to the flows
 * (`ip link add type vxlan external`). It binds no port by its VNI.
 */
export class VxlanPort extends HostDevice {
  readonly kind = 'vxlan'
  readonly udpPort: number
  /** The outer header of the packet that the datapath is handing over, in either direction. */
  received: TunnelKey | null = null
  private sending: TunnelAction | null = null
  /** By VNI, which mostly says it all. */
  private readonly sources = new Map<number, TunnelSource[]>()
  private latest: TunnelSource | null = null

  constructor(namespace: NetNamespace, name: string, mac: MacAddress, udpPort: number) {
    super(namespace, name, MAX_MTU - VXLAN_OVERHEAD_BYTES, mac)
    this.udpPort = udpPort
    namespace.sockets.bindKernelUdp(udpPort, (frame, input) => this.receiveOuter(frame, input))
  }

  /** vxlan_rcv, up to the device's queue. */
  private receiveOuter(outer: Frame, input: NetDevice): void {
    const { namespace } = this
    const { inner } = outer
    if (inner === null || outer.vxlanFlags !== FLAGS) {
      return namespace.drop(outer, 'vxlan_invalid_header', input)
    }
    if (inner.srcHi === this.hi && inner.srcLo === this.lo) {
      return namespace.drop(outer, 'local_mac', this)
    }
    namespace.spend(STAGE_VXLAN_DECAP, outer)
    const frame = decapsulate(outer, inner, false)
    if (frame === null) return namespace.drop(outer, 'tunnel_ecn', this)
    if (frame.trace !== 0) {
      const row = `vni ${outer.vni} from ${formatIpv4(outer.ipSrc)}`
      namespace.charge('vxlan_decap', frame, row, this)
    }
    this.sourceOf(outer.vni, outer.ipSrc, outer.ipDst).cells.receive(frame)
  }

  private sourceOf(id: number, source: Ipv4Address, destination: Ipv4Address): TunnelSource {
    const { latest } = this
    if (latest !== null && isTunnel(latest.tunnel, id, source, destination)) return latest
    const ofId = this.sources.get(id) ?? []
    let found = ofId.find(({ tunnel }) => isTunnel(tunnel, id, source, destination))
    if (found === undefined) {
      found = new TunnelSource(this, { id, source, destination })
      ofId.push(found)
      this.sources.set(id, ofId)
    }
    this.latest = found
    return found
  }

  /** Called by the queue of a tunnel. */
  receiveFrom(tunnel: TunnelKey, frame: Frame): void {
    this.received = tunnel
    this.receive(frame)
    this.received = null
  }

  /** The output action, after `set_tunnel`. */
  sendBy(tunnel: TunnelAction, frame: Frame): void {
    this.sending = tunnel
    this.send(frame)
    this.sending = null
  }

  /** vxlan_xmit_one for what carries its own tunnel. */
  protected transmit(frame: Frame): void {
    const { namespace, sending: tunnel } = this
    if (tunnel === null) return namespace.drop(frame, 'vxlan_no_remote', this)
    if (frame.etherType === ETHERTYPE_IPV4 && this.checkPathMtu(frame, tunnel)) return
    namespace.spend(STAGE_VXLAN_ENCAP, frame)
    if (frame.trace !== 0) {
      const row = `vni ${tunnel.id} to ${formatIpv4(tunnel.destination)}`
      namespace.charge('vxlan_encap', frame, row, this)
    }
    namespace.ipv4.sendEncapsulated(this.encapsulate(frame, tunnel))
  }

  /**
   * skb_tunnel_check_pmtu: what is too long for the way is answered here, as if the answer had come
   * by the same tunnel. @returns whether the frame ended here.
   */
  private checkPathMtu(frame: Frame, tunnel: TunnelAction): boolean {
    const { namespace } = this
    const { kernel, ipv4 } = namespace
    const mtu = ipv4.pathMtu(tunnel.destination) - VXLAN_OVERHEAD_BYTES
    if (frame.l3Length - frame.gsoExcess <= mtu) return false
    if (!kernel.profile.tunnelAnswersPmtu || !answersTooLong(frame, mtu)) return false
    kernel.ledger.originated++
    if (frame.trace !== 0) namespace.charge('icmp_error', frame, `frag needed, mtu ${mtu}`, this)
    const back = this.sourceOf(tunnel.id, tunnel.destination, tunnel.source)
    kernel.netifRx(buildTooLong(frame, mtu), back)
    namespace.drop(frame, 'mtu_exceeded_df', this, frame.trace === 0 ? undefined : `mtu ${mtu}`)
    return true
  }

  private encapsulate(frame: Frame, tunnel: TunnelAction): Frame {
    const { kernel, ipv4 } = this.namespace
    const outer = new Frame()
    outer.etherType = ETHERTYPE_IPV4
    outer.l3Length = OUTER_HEADERS + frame.length
    outer.ipSrc = tunnel.source
    outer.ipDst = tunnel.destination
    outer.protocol = PROTOCOL_UDP
    outer.ttl = tunnel.ttl
    outer.tos = outerTos(tunnel.tos, frame)
    outer.ipId = ipv4.nextId(frame.gsoSegments || 1)
    outer.dontFragment = tunnel.dontFragment
    const hash = frame.flowHash || flowHash(frame, kernel.hashSecret)
    const [low, high] = kernel.profile.localPorts
    outer.sourcePort = sourcePortOf(hash, low, high)
    outer.destinationPort = this.udpPort
    outer.udpChecksum = tunnel.checksum
    outer.vni = tunnel.id
    outer.inner = frame
    outer.trace = frame.trace
    outer.mark = frame.mark
    carryUnit(outer, frame)
    return outer
  }

  protected override release(): void {
    this.namespace.sockets.releaseKernelUdp(this.udpPort)
    this.sources.clear()
    this.latest = null
  }

  override details(): Record<string, unknown> {
    return {
      external: true,
      id: 0,
      port_range: { low: 0, high: 0 },
      port: this.udpPort,
      learning: false,
      ttl: 0,
      ageing: 300,
      udp_csum: true,
    }
  }
}

function isTunnel(
  tunnel: TunnelKey,
  id: number,
  source: Ipv4Address,
  destination: Ipv4Address,
): boolean {
  return tunnel.id === id && tunnel.source === source && tunnel.destination === destination
}
