import { read16, read32, write16, write32 } from './byte-order.ts'
import { internetChecksum } from './checksum.ts'
import {
  type Frame,
  IPV4_HEADER_BYTES,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
} from './frame.ts'

const VERSION_AND_LENGTH = 0
const TOS = 1
const TOTAL_LENGTH = 2
const IDENTIFICATION = 4
const FLAGS_AND_OFFSET = 6
const TTL = 8
const PROTOCOL = 9
const CHECKSUM = 10
const SOURCE = 12
const DESTINATION = 16

const VERSION_4_WITHOUT_OPTIONS = 0x45
const RESERVED_FLAG = 0x8000
const DONT_FRAGMENT = 0x4000
const MORE_FRAGMENTS = 0x2000
const OFFSET_MASK = 0x1fff

/** What the length fields of IP and UDP say of a unit too long for them: zero, as in BIG TCP. */
export function lengthField(length: number): number {
  return length > 0xffff ? 0 : length
}

/** Whether `payload` stands for the packet from its IP header on: see `decode`. */
export function holdsWholePacket(frame: Frame): boolean {
  return frame.payload !== null && frame.payload.length === frame.l3Length
}

/** Whether `payload` stands for all that follows the IP header: see `decode`. */
export function holdsWholeTransport(frame: Frame): boolean {
  return frame.payload !== null && frame.payload.length === frame.l3Length - IPV4_HEADER_BYTES
}

/** Whether [at, end) can begin with an IPv4 header. */
export function looksLikeIpv4(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= IPV4_HEADER_BYTES && bytes[at + VERSION_AND_LENGTH]! >>> 4 === 4
}

/** The packet's own statement of its length. */
export function totalLengthAt(bytes: Uint8Array, at: number): number {
  return read16(bytes, at + TOTAL_LENGTH)
}

/**
 * Reads the header of the packet in [at, end) and sets `l3Length` to its total length, so that
 * Ethernet's padding is left out; where the total length is impossible, `l3Length` keeps its value.
 * @returns whether the fields say all that the header says: no options, no reserved bit, its lengths
 *   possible, its checksum right. Fields are set where they can be read, also when they do not.
 */
export function parseIpv4Header(bytes: Uint8Array, at: number, end: number, frame: Frame): boolean {
  if (!looksLikeIpv4(bytes, at, end)) return false
  const headerBytes = (bytes[at + VERSION_AND_LENGTH]! & 15) * 4
  const totalLength = totalLengthAt(bytes, at)
  const flags = read16(bytes, at + FLAGS_AND_OFFSET)
  frame.tos = bytes[at + TOS]!
  frame.ipId = read16(bytes, at + IDENTIFICATION)
  frame.dontFragment = (flags & DONT_FRAGMENT) !== 0
  frame.moreFragments = (flags & MORE_FRAGMENTS) !== 0
  frame.fragmentOffset = (flags & OFFSET_MASK) * 8
  frame.ttl = bytes[at + TTL]!
  frame.protocol = bytes[at + PROTOCOL]!
  frame.ipSrc = read32(bytes, at + SOURCE)
  frame.ipDst = read32(bytes, at + DESTINATION)
  if (totalLength < IPV4_HEADER_BYTES || totalLength < headerBytes || totalLength > end - at) {
    return false
  }
  frame.l3Length = totalLength
  if (headerBytes !== IPV4_HEADER_BYTES || (flags & RESERVED_FLAG) !== 0) return false
  // All ones verify where zeros would, but no sender that sums as RFC 1071 says writes them.
  const isPlain = read16(bytes, at + CHECKSUM) !== 0xffff
  return isPlain && internetChecksum(bytes, at, at + IPV4_HEADER_BYTES) === 0
}

/** @returns where the content begins. */
export function emitIpv4Header(frame: Frame, out: Uint8Array, at: number): number {
  out[at + VERSION_AND_LENGTH] = VERSION_4_WITHOUT_OPTIONS
  out[at + TOS] = frame.tos
  write16(out, at + TOTAL_LENGTH, lengthField(frame.l3Length))
  write16(out, at + IDENTIFICATION, frame.ipId)
  const flags =
    (frame.dontFragment ? DONT_FRAGMENT : 0) | (frame.moreFragments ? MORE_FRAGMENTS : 0)
  write16(out, at + FLAGS_AND_OFFSET, flags | (frame.fragmentOffset >>> 3))
  out[at + TTL] = frame.ttl
  out[at + PROTOCOL] = frame.protocol
  write32(out, at + SOURCE, frame.ipSrc)
  write32(out, at + DESTINATION, frame.ipDst)
  write16(out, at + CHECKSUM, 0)
  write16(out, at + CHECKSUM, internetChecksum(out, at, at + IPV4_HEADER_BYTES))
  return at + IPV4_HEADER_BYTES
}

export function describeProtocol(protocol: number): string {
  switch (protocol) {
    case PROTOCOL_ICMP:
      return 'ICMP'
    case PROTOCOL_IPIP:
      return 'IPIP'
    case PROTOCOL_TCP:
      return 'TCP'
    case PROTOCOL_UDP:
      return 'UDP'
    default:
      return `ip-proto-${protocol}`
  }
}
