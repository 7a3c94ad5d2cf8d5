import { read16, write16 } from './byte-order.ts'
import { damagedChecksum, transportChecksum } from './checksum.ts'
import { type Frame, PROTOCOL_UDP, UDP_HEADER_BYTES } from './frame.ts'
import { lengthField } from './ipv4.ts'

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const LENGTH = 4
const CHECKSUM = 6

/** Reads ports and whether there is a checksum. @returns where the content begins. */
export function parseUdp(bytes: Uint8Array, at: number, frame: Frame): number {
  frame.sourcePort = read16(bytes, at + SOURCE_PORT)
  frame.destinationPort = read16(bytes, at + DESTINATION_PORT)
  frame.udpChecksum = read16(bytes, at + CHECKSUM) !== 0
  return at + UDP_HEADER_BYTES
}

/** Whether the datagram [at, end) carries a checksum that is wrong. */
export function isUdpDamaged(bytes: Uint8Array, at: number, end: number, frame: Frame): boolean {
  if (read16(bytes, at + CHECKSUM) === 0) return false
  return transportChecksum(bytes, at, end, frame.ipSrc, frame.ipDst, PROTOCOL_UDP) !== 0
}

/** Writes the header of a datagram whose content stands already in [at + 8, end). */
export function emitUdp(frame: Frame, out: Uint8Array, at: number, end: number): void {
  write16(out, at + SOURCE_PORT, frame.sourcePort)
  write16(out, at + DESTINATION_PORT, frame.destinationPort)
  write16(out, at + LENGTH, lengthField(end - at))
  write16(out, at + CHECKSUM, 0)
  if (!frame.udpChecksum) return
  const sum = transportChecksum(out, at, end, frame.ipSrc, frame.ipDst, PROTOCOL_UDP)
  // Zero would say that there is none (RFC 768).
  const checksum = sum === 0 ? 0xffff : sum
  write16(out, at + CHECKSUM, frame.badChecksum ? damagedChecksum(checksum) : checksum)
}

export function describeUdp(contentBytes: number): string {
  return `UDP, length ${contentBytes}`
}
