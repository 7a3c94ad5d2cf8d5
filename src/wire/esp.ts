import { write32 } from './byte-order.ts'
import type { Frame } from './frame.ts'

export const PROTOCOL_ESP = 50
/** SPI and sequence number. */
const ESP_HEADER_BYTES = 8
/** Explicit initialisation vector of rfc4106(gcm(aes)). */
const ESP_IV_BYTES = 8
/** Pad length and next header. */
const ESP_TRAILER_BYTES = 2
/** What the encrypted part is a multiple of (RFC 4303 2.4). */
const ESP_ALIGNMENT = 4

/** An authenticated cipher with its key: both ends must have the same. */
export interface Aead {
  /** As `rfc4106(gcm(aes))`. */
  readonly name: string
  /** Key and salt, in hexadecimal digits. */
  readonly key: string
  /** Length of the integrity check value, bits. */
  readonly icvBits: number
}

/** The header of RFC 4303 in front of an encrypted packet, which is the frame's `inner`. */
export class EspHeader {
  readonly spi: number
  /** The lower 32 bits, unsigned. */
  readonly sequence: number
  /** What the packet was sealed with: who has another one finds a wrong integrity check value. */
  readonly aead: Aead

  constructor(spi: number, sequence: number, aead: Aead) {
    this.spi = spi
    this.sequence = sequence
    this.aead = aead
  }
}

/** Bytes of padding behind `content` bytes. */
function padding(content: number): number {
  const used = (content + ESP_TRAILER_BYTES) % ESP_ALIGNMENT
  return used === 0 ? 0 : ESP_ALIGNMENT - used
}

/** Bytes of an ESP packet behind its IP header, for `content` bytes behind that of the plain packet. */
export function espLength(content: number, { icvBits }: Aead): number {
  const sealed = content + padding(content) + ESP_TRAILER_BYTES
  return ESP_HEADER_BYTES + ESP_IV_BYTES + sealed + icvBits / 8
}

/** The most content that an ESP packet of `bytes` behind its IP header holds (esp4_get_mtu). */
export function espContent(bytes: number, { icvBits }: Aead): number {
  const sealed = bytes - ESP_HEADER_BYTES - ESP_IV_BYTES - icvBits / 8
  return sealed - (sealed % ESP_ALIGNMENT) - ESP_TRAILER_BYTES
}

/**
 * Writes an ESP packet from `at` on. What it carries stands there as it is: nothing is encrypted, and the
 * integrity check value is zero.
 */
export function emitEsp(
  { spi, sequence }: EspHeader,
  content: Uint8Array,
  protocol: number,
  out: Uint8Array,
  at: number,
): void {
  write32(out, at, spi)
  write32(out, at + 4, sequence)
  write32(out, at + ESP_HEADER_BYTES + 4, sequence)
  const body = at + ESP_HEADER_BYTES + ESP_IV_BYTES
  out.set(content, body)
  const pad = padding(content.length)
  // Padding counts up from 1 (RFC 4303 2.4).
  for (let i = 0; i < pad; i++) out[body + content.length + i] = i + 1
  out[body + content.length + pad] = pad
  out[body + content.length + pad + 1] = protocol
}

/** As tcpdump prints it. */
export function describeEsp({ spi, sequence }: EspHeader, { l3Length }: Frame): string {
  const hex = (value: number) => `0x${(value >>> 0).toString(16).padStart(8, '0')}`
  return `ESP(spi=${hex(spi)},seq=0x${sequence.toString(16)}), length ${l3Length - 20}`
}
