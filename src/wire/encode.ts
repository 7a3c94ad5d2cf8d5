import { ARP_BYTES, ArpPacket, emitArp } from './arp.ts'
import { EspHeader, emitEsp } from './esp.ts'
import { emitEthernet } from './ethernet.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
} from './frame.ts'
import { emitIcmp, ICMP_HEADER_BYTES, IcmpMessage } from './icmp.ts'
import { emitIpv4Header, holdsWholePacket, holdsWholeTransport } from './ipv4.ts'
import { emitTcp, TcpHeader } from './tcp.ts'
import { TunnelHeader } from './tunnel-header.ts'
import { emitUdp } from './udp.ts'
import { emitVxlan } from './vxlan.ts'

/**
 * The bytes of a frame as Linux puts them on the wire, from the destination MAC to the end of the
 * payload: no padding, no FCS, `frame.length` bytes in all. `l3Length` is the truth: content that is
 * shorter is filled with zeros, longer content is cut, as an ICMP error cuts what it quotes.
 *
 * Checksums are right unless `badChecksum` is set. Then the transport's is wrong; where there is
 * none (UDP without, a fragment, IPIP, a tunnel's header) the last bit of the content is, so that a checksum further
 * in fails. `payload` null is zeros: a generator's stamps (`sequence`, `sentAt`) are not in the bytes.
 */
export function encode(frame: Frame): Uint8Array {
  const out = new Uint8Array(frame.length)
  const at = emitEthernet(frame, out, 0)
  if (frame.etherType === ETHERTYPE_IPV4) emitPacket(frame, out, at)
  else if (frame.header instanceof ArpPacket && frame.etherType === ETHERTYPE_ARP) {
    // Through a buffer of its own, for a packet of fewer than 28 bytes must not run over.
    const packet = new Uint8Array(ARP_BYTES)
    emitArp(frame.header, packet, 0)
    emitContent(packet, out, at)
  } else emitContent(frame.payload, out, at)
  return out
}

/** The bytes of a frame's IPv4 packet, without the Ethernet header: `frame.l3Length` in all. */
export function encodePacket(frame: Frame): Uint8Array {
  const out = new Uint8Array(frame.l3Length)
  emitPacket(frame, out, 0)
  return out
}

/** The bytes after the IPv4 header: `frame.l3Length` - 20 in all. */
export function encodeTransport(frame: Frame): Uint8Array {
  const out = new Uint8Array(Math.max(0, frame.l3Length - IPV4_HEADER_BYTES))
  emitTransport(frame, out, 0)
  return out
}

function emitPacket(frame: Frame, out: Uint8Array, at: number): void {
  if (holdsWholePacket(frame) || frame.l3Length < IPV4_HEADER_BYTES) {
    emitContent(frame.payload, out, at)
  } else emitTransport(frame, out, emitIpv4Header(frame, out, at))
}

/** `out` ends with the packet: what does not fit is left out. */
function emitTransport(frame: Frame, out: Uint8Array, at: number): void {
  const { header } = frame
  if (frame.fragmentOf !== null) emitFragment(frame, frame.fragmentOf, out, at)
  else if (frame.isFragment || holdsWholeTransport(frame)) emitContent(frame.payload, out, at)
  else if (frame.protocol === PROTOCOL_UDP && out.length - at >= UDP_HEADER_BYTES) {
    emitDatagram(frame, out, at)
  } else if (frame.protocol === PROTOCOL_TCP && header instanceof TcpHeader) {
    emitSegment(frame, header, out, at)
  } else if (frame.protocol === PROTOCOL_ICMP && header instanceof IcmpMessage) {
    emitMessage(frame, header, out, at)
  } else if (frame.protocol === PROTOCOL_IPIP && frame.inner !== null) {
    emitContent(encodePacket(frame.inner), out, at)
    if (frame.badChecksum) damage(out)
  } else if (header instanceof TunnelHeader && frame.inner !== null) {
    emitContent(header.encode(), out, at)
    emitContent(encodePacket(frame.inner), out, at + header.bytes)
    if (frame.badChecksum) damage(out)
  } else if (header instanceof EspHeader && frame.inner !== null) {
    emitEsp(header, encodeTransport(frame.inner), frame.inner.protocol, out, at)
  } else emitContent(frame.payload, out, at)
}

/** The datagram may be a fragment itself, which a router has cut again. */
function emitFragment(frame: Frame, datagram: Frame, out: Uint8Array, at: number): void {
  const content = encodeTransport(datagram)
  emitContent(content.subarray(frame.fragmentOffset - datagram.fragmentOffset), out, at)
  if (frame.badChecksum) damage(out)
}

function emitDatagram(frame: Frame, out: Uint8Array, at: number): void {
  const content = at + UDP_HEADER_BYTES
  if (frame.inner === null || frame.payload !== null) emitContent(frame.payload, out, content)
  else if (frame.bareInner) emitContent(encodePacket(frame.inner), out, content)
  else emitContent(encode(frame.inner), out, emitVxlan(frame, out, content))
  emitUdp(frame, out, at, out.length)
  if (frame.badChecksum && !frame.udpChecksum) damage(out)
}

function emitSegment(frame: Frame, header: TcpHeader, out: Uint8Array, at: number): void {
  if (out.length - at < header.bytes) return
  emitContent(frame.payload, out, at + header.bytes)
  emitTcp(frame, header, out, at, out.length)
}

function emitMessage(frame: Frame, message: IcmpMessage, out: Uint8Array, at: number): void {
  const quotes = message.isError && frame.inner !== null && frame.payload === null
  const content = quotes ? encodePacket(frame.inner!) : frame.payload
  emitContent(content, out, at + ICMP_HEADER_BYTES)
  emitIcmp(message, out, at, out.length, frame.badChecksum)
}

function emitContent(content: Uint8Array | null, out: Uint8Array, at: number): void {
  const room = out.length - at
  if (content === null || room <= 0) return
  out.set(content.length > room ? content.subarray(0, room) : content, at)
}

function damage(out: Uint8Array): void {
  out[out.length - 1]! ^= 1
}
