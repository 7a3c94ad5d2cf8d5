import { read16, read32, write16, write32 } from './byte-order.ts'
import { damagedChecksum, transportChecksum } from './checksum.ts'
import { type Frame, PROTOCOL_TCP } from './frame.ts'
import { describeTcpOptions } from './tcp-options.ts'

export const TCP_FIN = 0x01
export const TCP_SYN = 0x02
export const TCP_RST = 0x04
export const TCP_PSH = 0x08
export const TCP_ACK = 0x10
export const TCP_URG = 0x20
/** Explicit congestion notification (RFC 3168). */
export const TCP_ECE = 0x40
export const TCP_CWR = 0x80

const TCP_HEADER_BYTES = 20

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const SEQUENCE = 4
const ACKNOWLEDGEMENT = 8
const OFFSET_AND_FLAGS = 12
const WINDOW = 14
const CHECKSUM = 16
const URGENT = 18

/** A TCP header without ports, which stand in the frame (RFC 9293). */
export class TcpHeader {
  /** Signed 32-bit sequence and acknowledgement numbers. */
  readonly sequence: number
  readonly acknowledgement: number
  /** TCP_* bits; the four reserved bits of the header are the next higher ones. */
  readonly flags: number
  readonly window: number
  readonly urgent: number
  /** Options as they stand on the wire, padded to a multiple of four bytes. */
  readonly options: Uint8Array

  constructor(
    sequence: number,
    acknowledgement: number,
    flags: number,
    window: number,
    options: Uint8Array = NO_OPTIONS,
    urgent = 0,
  ) {
    this.sequence = sequence
    this.acknowledgement = acknowledgement
    this.flags = flags
    this.window = window
    this.options = options
    this.urgent = urgent
  }

  get bytes(): number {
    return TCP_HEADER_BYTES + this.options.length
  }
}

const NO_OPTIONS = new Uint8Array(0)

/**
 * Reads the header of the segment [at, end) into `header` and ports of the frame.
 * @returns where the content begins; -1, with the frame unchanged, when the header does not fit.
 */
export function parseTcp(bytes: Uint8Array, at: number, end: number, frame: Frame): number {
  const offsetAndFlags = read16(bytes, at + OFFSET_AND_FLAGS)
  const headerBytes = (offsetAndFlags >>> 12) * 4
  if (headerBytes < TCP_HEADER_BYTES || at + headerBytes > end) return -1
  frame.sourcePort = read16(bytes, at + SOURCE_PORT)
  frame.destinationPort = read16(bytes, at + DESTINATION_PORT)
  frame.header = new TcpHeader(
    read32(bytes, at + SEQUENCE),
    read32(bytes, at + ACKNOWLEDGEMENT),
    offsetAndFlags & 0xfff,
    read16(bytes, at + WINDOW),
    bytes.slice(at + TCP_HEADER_BYTES, at + headerBytes),
    read16(bytes, at + URGENT),
  )
  return at + headerBytes
}

/** Whether the checksum of the segment [at, end) is wrong. */
export function isTcpDamaged(bytes: Uint8Array, at: number, end: number, frame: Frame): boolean {
  return transportChecksum(bytes, at, end, frame.ipSrc, frame.ipDst, PROTOCOL_TCP) !== 0
}

/** Writes the header of a segment whose content stands already in [at + header.bytes, end). */
export function emitTcp(
  frame: Frame,
  header: TcpHeader,
  out: Uint8Array,
  at: number,
  end: number,
): void {
  write16(out, at + SOURCE_PORT, frame.sourcePort)
  write16(out, at + DESTINATION_PORT, frame.destinationPort)
  write32(out, at + SEQUENCE, header.sequence)
  write32(out, at + ACKNOWLEDGEMENT, header.acknowledgement)
  write16(out, at + OFFSET_AND_FLAGS, ((header.bytes >>> 2) << 12) | (header.flags & 0xfff))
  write16(out, at + WINDOW, header.window)
  write16(out, at + CHECKSUM, 0)
  write16(out, at + URGENT, header.urgent)
  out.set(header.options, at + TCP_HEADER_BYTES)
  const checksum = transportChecksum(out, at, end, frame.ipSrc, frame.ipDst, PROTOCOL_TCP)
  write16(out, at + CHECKSUM, frame.badChecksum ? damagedChecksum(checksum) : checksum)
}

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [TCP_FIN, 'F'],
  [TCP_SYN, 'S'],
  [TCP_RST, 'R'],
  [TCP_PSH, 'P'],
  [TCP_ACK, '.'],
  [TCP_URG, 'U'],
  [TCP_ECE, 'E'],
  [TCP_CWR, 'W'],
]

/** @param contentBytes bytes that follow the header. */
export function describeTcp(header: TcpHeader, contentBytes: number): string {
  const flags = FLAG_LETTERS.map(([bit, letter]) => ((header.flags & bit) === 0 ? '' : letter))
  const words = [`Flags [${flags.join('') || 'none'}]`]
  const first = header.sequence >>> 0
  if (contentBytes > 0) words.push(`seq ${first}:${(header.sequence + contentBytes) >>> 0}`)
  else if ((header.flags & (TCP_SYN | TCP_FIN | TCP_RST)) !== 0) words.push(`seq ${first}`)
  if ((header.flags & TCP_ACK) !== 0) words.push(`ack ${header.acknowledgement >>> 0}`)
  words.push(`win ${header.window}`)
  if ((header.flags & TCP_URG) !== 0) words.push(`urg ${header.urgent}`)
  if (header.options.length > 0) words.push(`options [${describeTcpOptions(header.options)}]`)
  words.push(`length ${contentBytes}`)
  return words.join(', ')
}
