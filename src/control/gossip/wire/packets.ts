import { crc32 } from './crc32.ts'
import { concatenate, MESSAGE } from './messages.ts'

/** Bytes that a packet of several messages has besides them, and beside each. */
export const COMPOUND_HEADER_BYTES = 2
export const COMPOUND_ENTRY_BYTES = 2

/** The count of messages in one packet is a byte. */
const MOST_IN_COMPOUND = 255

/** Packs messages: one as it is, several as compound packets (memberlist's util.go). */
export function packMessages(messages: readonly Uint8Array[]): Uint8Array[] {
  if (messages.length === 1) return [...messages]
  const packets: Uint8Array[] = []
  for (let i = 0; i < messages.length; i += MOST_IN_COMPOUND) {
    packets.push(compound(messages.slice(i, i + MOST_IN_COMPOUND)))
  }
  return packets
}

function compound(messages: readonly Uint8Array[]): Uint8Array {
  const lengths = messages.map(({ length }) => Uint8Array.of(length >> 8, length & 0xff))
  return concatenate([Uint8Array.of(MESSAGE.compound, messages.length), ...lengths, ...messages])
}

/** The packet with its checksum before it. */
export function withCrc(packet: Uint8Array): Uint8Array {
  const header = new Uint8Array(5)
  header[0] = MESSAGE.crc
  new DataView(header.buffer).setUint32(1, crc32(packet))
  return concatenate([header, packet])
}

/** @returns the messages of a packet; none when its checksum is wrong, those before its end when it is cut. */
export function unpackMessages(packet: Uint8Array): Uint8Array[] {
  if (packet[0] === MESSAGE.crc) {
    if (packet.length < 5) return []
    const { buffer, byteOffset } = packet
    const expected = new DataView(buffer, byteOffset).getUint32(1)
    return expected === crc32(packet, 5) ? unpackMessages(packet.subarray(5)) : []
  }
  return packet[0] === MESSAGE.compound ? unpackCompound(packet) : [packet]
}

function unpackCompound(packet: Uint8Array): Uint8Array[] {
  const count = packet[1] ?? 0
  const messages: Uint8Array[] = []
  let at = COMPOUND_HEADER_BYTES + count * COMPOUND_ENTRY_BYTES
  for (let i = 0; i < count; i++) {
    const entry = COMPOUND_HEADER_BYTES + i * COMPOUND_ENTRY_BYTES
    const end = at + ((packet[entry] ?? 0) << 8) + (packet[entry + 1] ?? 0)
    if (end > packet.length) break
    messages.push(packet.subarray(at, end))
    at = end
  }
  return messages
}
