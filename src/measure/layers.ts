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
import { TcpHeader } from '../wire/tcp.ts'
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

/**
 * Counts bytes by layer at one port, in one direction, within a window of time. It also notes what
 * shows a scheme's class: packets in tunnels, and packets whose TTL somebody has lowered on the way.
 */
export class LayerCounter implements Tap {
  readonly bytes: LayerBytes = {
    payload: 0,
    headers: 0,
    encapsulation: 0,
    ethernet: 0,
    framing: 0,
    other: 0,
  }
  frames = 0
  /** IP packets that a load generator sent (not ARP, not control). */
  packets = 0
  encapsulated = 0
  /** Of those packets the ones whose innermost TTL was below the sender's. */
  routed = 0
  private readonly direction: 'in' | 'out'
  private readonly from: number
  private readonly until: number
  private readonly initialTtl: number

  /** @param from begin of the window, picoseconds. @param until its end. */
  constructor(direction: 'in' | 'out', from: number, until: number, initialTtl: number) {
    this.direction = direction
    this.from = from
    this.until = until
    this.initialTtl = initialTtl
  }

  frame(time: number, frame: Frame, direction: 'in' | 'out'): void {
    if (direction !== this.direction || time < this.from || time > this.until) return
    const { bytes } = this
    const { length } = frame
    this.frames++
    const ethernet = length - frame.l3Length
    bytes.ethernet += ethernet
    bytes.framing += Math.max(0, MIN_FRAME_BYTES - length) + WIRE_OVERHEAD_BYTES
    if (frame.etherType !== ETHERTYPE_IPV4) {
      bytes.other += frame.l3Length
      return
    }
    this.countIp(frame)
  }

  private countIp(frame: Frame): void {
    const { bytes } = this
    const whole = frame.fragmentOf ?? frame
    const tunnel = tunnelBytes(whole)
    if (tunnel > 0 && whole.inner !== null) {
      this.encapsulated++
      const inner = whole.inner
      // Of an outer fragment only the first carries the headers; the rest is content.
      const overhead = frame.fragmentOffset === 0 ? tunnel : IPV4_HEADER_BYTES
      bytes.encapsulation += overhead
      const carried = frame.l3Length - overhead
      if (inner.etherType === ETHERTYPE_ARP) bytes.other += carried
      else this.countInner(inner, carried, frame.fragmentOffset === 0)
      return
    }
    this.countInner(frame, frame.l3Length, true)
  }

  private countInner(packet: Frame, length: number, withHeaders: boolean): void {
    const { bytes } = this
    this.packets++
    if (packet.ttl < this.initialTtl) this.routed++
    const headers = withHeaders ? Math.min(length, headerBytes(packet)) : 0
    bytes.headers += headers
    bytes.payload += length - headers
  }

  get wireBytes(): number {
    const { payload, headers, encapsulation, ethernet, framing, other } = this.bytes
    return payload + headers + encapsulation + ethernet + framing + other
  }
}

/** Bytes before the inner packet's IP header, outer IP header included; 0 without a tunnel. */
function tunnelBytes(packet: Frame): number {
  if (packet.inner === null) return 0
  if (packet.protocol === PROTOCOL_IPIP) return IPV4_HEADER_BYTES
  if (packet.protocol !== PROTOCOL_UDP) return 0
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
