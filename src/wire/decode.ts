import { ARP_BYTES, parseArp } from './arp.ts'
import { encodeTransport } from './encode.ts'
import { parseEthernet } from './ethernet.ts'
import {
  ETHERNET_HEADER_BYTES,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  UDP_HEADER_BYTES,
  VXLAN_HEADER_BYTES,
} from './frame.ts'
import { ICMP_HEADER_BYTES, isIcmpDamaged, parseIcmp } from './icmp.ts'
import { looksLikeIpv4, parseIpv4Header, totalLengthAt } from './ipv4.ts'
import { isTcpDamaged, parseTcp } from './tcp.ts'
import { isUdpDamaged, parseUdp } from './udp.ts'
import { parseVxlan, VXLAN_PORT, VXLAN_PORT_LINUX } from './vxlan.ts'

export interface DecodeOptions {
  /** UDP destination ports that carry VXLAN; without it 4789 and 8472. */
  readonly vxlanPorts?: ReadonlySet<number>
}

const DEFAULT_VXLAN_PORTS: ReadonlySet<number> = new Set([VXLAN_PORT, VXLAN_PORT_LINUX])

/** Headers within headers beyond this depth stay bytes: no tunnel of ours goes deeper than three. */
const DEPTH_MAX = 8

/**
 * Reads a frame without FCS. It never throws: what the fields of a `Frame` cannot say is kept as
 * bytes in `payload`, and the fields hold as much as could be read.
 *
 * - `payload` as long as the packet (`l3Length`) stands for the packet with its IP header: one with
 *   options, a wrong header checksum, a wrong length, or that is no IPv4 at all.
 * - `payload` as long as all that follows the IP header stands for the transport with its header:
 *   a fragment; a header cut short; lengths that disagree; reserved bits of VXLAN; an ICMP quote that
 *   is cut within bytes other than zero; a wrong checksum, for which `badChecksum` is set as well.
 * - For an EtherType other than IPv4 and ARP, and a second 802.1Q tag, it is all that follows.
 *
 * So `encode(decode(bytes))` gives `bytes` back, but for two things: what follows the packet that an
 * IP total length or ARP bounds is padding and left out; fewer than 14 bytes are read as if zeros
 * followed. Content of zeros only becomes `payload` null, as in frames that the model makes.
 */
export function decode(bytes: Uint8Array, options: DecodeOptions = {}): Frame {
  // A Buffer's slice is no copy: the frame would change with the caller's bytes.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  return decodeFrame(plain, 0, plain.length, options.vxlanPorts ?? DEFAULT_VXLAN_PORTS, 0)
}

type Ports = ReadonlySet<number>

function decodeFrame(
  bytes: Uint8Array,
  start: number,
  end: number,
  ports: Ports,
  depth: number,
): Frame {
  const frame = new Frame()
  const at = parseEthernet(bytes, start, end, frame)
  if (frame.etherType === ETHERTYPE_IPV4) decodeIpv4(frame, bytes, at, end, ports, depth)
  else if (frame.etherType === ETHERTYPE_ARP) decodeArp(frame, bytes, at, end)
  else frame.payload = contentOf(bytes, at, end)
  return frame
}

/** A packet without an Ethernet header: what IPIP carries and ICMP errors quote. */
function decodePacket(
  bytes: Uint8Array,
  at: number,
  end: number,
  ports: Ports,
  depth: number,
): Frame {
  const frame = new Frame()
  frame.etherType = ETHERTYPE_IPV4
  frame.l3Length = end - at
  decodeIpv4(frame, bytes, at, end, ports, depth)
  return frame
}

function decodeArp(frame: Frame, bytes: Uint8Array, at: number, end: number): void {
  frame.header = parseArp(bytes, at, end)
  if (frame.header === null) frame.payload = contentOf(bytes, at, end)
  else frame.l3Length = ARP_BYTES
}

function decodeIpv4(
  frame: Frame,
  bytes: Uint8Array,
  at: number,
  end: number,
  ports: Ports,
  depth: number,
): void {
  if (!parseIpv4Header(bytes, at, end, frame)) {
    frame.payload = bytes.slice(at, at + frame.l3Length)
    return
  }
  const from = at + IPV4_HEADER_BYTES
  const to = at + frame.l3Length
  if (frame.isFragment) {
    frame.payload = contentOf(bytes, from, to)
    return
  }
  const damaged = decodeTransport(frame, bytes, from, to, ports, depth)
  if (reproduces(frame, bytes, from, to)) return
  if (damaged) {
    frame.badChecksum = true
    if (reproduces(frame, bytes, from, to)) return
  }
  frame.payload = bytes.slice(from, to)
}

/** Whether encoding gives back the bytes [from, to): the proof that the fields say all there is. */
function reproduces(frame: Frame, bytes: Uint8Array, from: number, to: number): boolean {
  const encoded = encodeTransport(frame)
  for (let i = from; i < to; i++) if (encoded[i - from] !== bytes[i]) return false
  return true
}

/** @returns whether a checksum is there and wrong. */
function decodeTransport(
  frame: Frame,
  bytes: Uint8Array,
  at: number,
  end: number,
  ports: Ports,
  depth: number,
): boolean {
  const room = end - at
  switch (frame.protocol) {
    case PROTOCOL_UDP:
      if (room < UDP_HEADER_BYTES) break
      decodeUdp(frame, bytes, parseUdp(bytes, at, frame), end, ports, depth)
      return isUdpDamaged(bytes, at, end, frame)
    case PROTOCOL_TCP: {
      const content = parseTcp(bytes, at, end, frame)
      if (content < 0) break
      frame.payload = contentOf(bytes, content, end)
      return isTcpDamaged(bytes, at, end, frame)
    }
    case PROTOCOL_ICMP:
      if (room < ICMP_HEADER_BYTES) break
      decodeIcmp(frame, bytes, at, end, ports, depth)
      return isIcmpDamaged(bytes, at, end)
    case PROTOCOL_IPIP:
      if (depth >= DEPTH_MAX || !looksLikeIpv4(bytes, at, end)) break
      frame.inner = decodePacket(bytes, at, end, ports, depth + 1)
      return false
  }
  frame.payload = contentOf(bytes, at, end)
  return false
}

function decodeUdp(
  frame: Frame,
  bytes: Uint8Array,
  at: number,
  end: number,
  ports: Ports,
  depth: number,
): void {
  const carriesFrame =
    depth < DEPTH_MAX &&
    ports.has(frame.destinationPort) &&
    end - at >= VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES
  if (!carriesFrame) frame.payload = contentOf(bytes, at, end)
  else frame.inner = decodeFrame(bytes, parseVxlan(bytes, at, frame), end, ports, depth + 1)
}

function decodeIcmp(
  frame: Frame,
  bytes: Uint8Array,
  at: number,
  end: number,
  ports: Ports,
  depth: number,
): void {
  const message = parseIcmp(bytes, at)
  const content = at + ICMP_HEADER_BYTES
  frame.header = message
  if (message.isError && depth < DEPTH_MAX && looksLikeIpv4(bytes, content, end)) {
    frame.inner = decodeQuote(bytes, content, end, ports, depth + 1)
  } else frame.payload = contentOf(bytes, content, end)
}

/** The quoted packet as long as it was, with zeros where the quote is cut. */
function decodeQuote(
  bytes: Uint8Array,
  at: number,
  end: number,
  ports: Ports,
  depth: number,
): Frame {
  const totalLength = totalLengthAt(bytes, at)
  if (totalLength <= end - at) return decodePacket(bytes, at, end, ports, depth)
  const whole = new Uint8Array(totalLength)
  whole.set(bytes.subarray(at, end))
  const quoted = decodePacket(whole, 0, totalLength, ports, depth)
  // The checksum cannot be judged by a part of what it covers.
  quoted.badChecksum = false
  return quoted
}

/** A copy of [from, to); null when it holds nothing but zeros. */
function contentOf(bytes: Uint8Array, from: number, to: number): Uint8Array | null {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return bytes.slice(from, to)
  return null
}
