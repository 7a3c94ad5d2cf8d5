import { PROTOCOL_ESP } from '../wire/esp.ts'
import {
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  type Frame,
  IPV4_HEADER_BYTES,
  MIN_FRAME_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
  VXLAN_HEADER_BYTES,
  WIRE_OVERHEAD_BYTES,
} from '../wire/frame.ts'
import { ICMP_HEADER_BYTES } from '../wire/icmp.ts'
import type { Ipv4Address } from '../wire/ipv4-address.ts'
import { TcpHeader } from '../wire/tcp.ts'
import { TunnelHeader } from '../wire/tunnel-header.ts'
import type { Tap } from './tap.ts'

/** What the bytes on a wire were for. */
export interface LayerBytes {
  /** Content of UDP, TCP and echo messages, of the innermost packet. */
  payload: number
  /** IP and transport headers of the innermost packet. */
  headers: number
  /** What a tunnel added: outer headers and, for VXLAN, the inner Ethernet header. */
  encapsulation: number
  /** Outer Ethernet header and tag. */
  ethernet: number
  /** Padding, FCS, preamble and gap. */
  framing: number
  /** ARP and what is no IP. */
  other: number
}

/** Counts bytes by layer at one port, in one direction, within a window of time. */
export class LayerCounter implements Tap {
  readonly bytes: LayerBytes = {
    payload: 0,
    headers: 0,
    encapsulation: 0,
    ethernet: 0,
    framing: 0,
    other: 0,
  }
  private readonly direction: 'in' | 'out'
  private readonly from: number
  private readonly until: number

  /** @param from begin of the window, picoseconds. @param until its end. */
  constructor(direction: 'in' | 'out', from: number, until: number) {
    this.direction = direction
    this.from = from
    this.until = until
  }

  frame(time: number, frame: Frame, direction: 'in' | 'out'): void {
    if (direction !== this.direction || time < this.from || time > this.until) return
    const { bytes } = this
    const { length } = frame
    bytes.ethernet += length - frame.l3Length
    bytes.framing += Math.max(0, MIN_FRAME_BYTES - length) + WIRE_OVERHEAD_BYTES
    if (frame.etherType === ETHERTYPE_IPV4) this.countIp(frame)
    else bytes.other += frame.l3Length
  }

  private countIp(frame: Frame): void {
    const { bytes } = this
    const whole = frame.fragmentOf ?? frame
    const inner = carriedBy(whole)
    const tunnel = tunnelBytes(whole)
    if (tunnel === 0 || inner === null) return this.countInner(frame, frame.l3Length, true)
    // Of an outer fragment only the first carries the headers; the rest is content.
    const isFirst = frame.fragmentOffset === 0
    const overhead = isFirst ? tunnel : IPV4_HEADER_BYTES
    bytes.encapsulation += overhead
    const carried = frame.l3Length - overhead
    if (inner.etherType === ETHERTYPE_ARP) bytes.other += carried
    else this.countInner(inner, carried, isFirst)
  }

  private countInner(packet: Frame, length: number, withHeaders: boolean): void {
    const headers = withHeaders ? Math.min(length, headerBytes(packet)) : 0
    this.bytes.headers += headers
    this.bytes.payload += length - headers
  }
}

/**
 * What a network's packets look like when they leave their hosts: in tunnels or not, and whether the
 * sending host has routed them. Only packets between the network's own addresses count.
 */
export class EgressCounter implements Tap {
  packets = 0
  encapsulated = 0
  encapsulationBytes = 0
  /** Packets whose innermost TTL was below the sender's. */
  routed = 0
  private readonly addresses: ReadonlySet<Ipv4Address>
  private readonly initialTtl: number

  constructor(addresses: ReadonlySet<Ipv4Address>, initialTtl: number) {
    this.addresses = addresses
    this.initialTtl = initialTtl
  }

  frame(_time: number, frame: Frame, direction: 'in' | 'out'): void {
    if (direction !== 'out' || frame.etherType !== ETHERTYPE_IPV4) return
    const whole = frame.fragmentOf ?? frame
    const tunnel = tunnelBytes(whole)
    const packet = tunnel === 0 ? frame : carriedBy(whole)!
    if (packet.etherType !== ETHERTYPE_IPV4) return
    if (!this.addresses.has(packet.ipSrc) || !this.addresses.has(packet.ipDst)) return
    this.packets++
    if (packet.ttl < this.initialTtl) this.routed++
    if (tunnel === 0) return
    this.encapsulated++
    this.encapsulationBytes += tunnel
  }
}

/** The packet in a tunnel; ESP has one where what it seals is one. */
function carriedBy({ inner, protocol }: Frame): Frame | null {
  return inner !== null && protocol === PROTOCOL_ESP ? (carriedBy(inner) ?? inner) : inner
}

/** Bytes before the inner packet's IP header, outer IP header included; 0 without a tunnel. */
function tunnelBytes(packet: Frame): number {
  if (packet.inner === null) return 0
  if (packet.protocol === PROTOCOL_IPIP) return IPV4_HEADER_BYTES
  if (packet.header instanceof TunnelHeader) return IPV4_HEADER_BYTES + packet.header.bytes
  // With what stands behind the packet: padding, trailer and integrity check value.
  if (packet.protocol === PROTOCOL_ESP) return packet.l3Length - carriedBy(packet)!.l3Length
  if (packet.protocol !== PROTOCOL_UDP) return 0
  if (packet.payload !== null) return packet.l3Length - packet.inner.l3Length
  if (packet.bareInner) return IPV4_HEADER_BYTES + UDP_HEADER_BYTES
  const inner = packet.inner.vlan < 0 ? ETHERNET_HEADER_BYTES : ETHERNET_HEADER_BYTES + 4
  return IPV4_HEADER_BYTES + UDP_HEADER_BYTES + VXLAN_HEADER_BYTES + inner
}

function headerBytes(packet: Frame): number {
  const ip = IPV4_HEADER_BYTES
  if (packet.fragmentOffset !== 0) return ip
  const { header } = packet.fragmentOf ?? packet
  switch (packet.protocol) {
    case PROTOCOL_UDP:
      return ip + UDP_HEADER_BYTES
    case PROTOCOL_ICMP:
      return ip + ICMP_HEADER_BYTES
    case PROTOCOL_TCP:
      return ip + (header instanceof TcpHeader ? header.bytes : 20)
    default:
      return ip
  }
}
