import type { Ipv4Address } from './ipv4-address.ts'

/** Sum of the 16-bit words of [from, to), an odd last byte padded with zero; not yet folded. */
function sumWords(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0
  const even = to - ((to - from) & 1)
  for (let at = from; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (even !== to) sum += bytes[even]! << 8
  return sum
}

/** The ones' complement of a sum, folded into 16 bits. A sum of words stays below 2^32. */
function complement(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/**
 * The internet checksum (RFC 1071) of the bytes [from, to). Over a header whose checksum field is
 * zero it gives the field's value; over one whose field is right it gives 0.
 */
export function internetChecksum(bytes: Uint8Array, from: number, to: number): number {
  return complement(sumWords(bytes, from, to))
}

/** The checksum of TCP and UDP: of [from, to) and the pseudo header (RFC 9293, RFC 768). */
export function transportChecksum(
  bytes: Uint8Array,
  from: number,
  to: number,
  source: Ipv4Address,
  destination: Ipv4Address,
  protocol: number,
): number {
  const pseudoHeader =
    (source >>> 16) +
    (source & 0xffff) +
    (destination >>> 16) +
    (destination & 0xffff) +
    protocol +
    (to - from)
  return complement(sumWords(bytes, from, to) + pseudoHeader)
}

/**
 * What stands in the checksum field of a damaged packet: one bit off, and never zero, which UDP
 * reads as "no checksum".
 */
export function damagedChecksum(checksum: number): number {
  return checksum === 1 ? 3 : checksum ^ 1
}
