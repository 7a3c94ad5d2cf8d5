import { crc32 } from './crc32.ts'
import { MESSAGE, userMessage } from './messages.ts'

/** Bytes that a packet of several messages has besides them, and beside each. */
export const COMPOUND_HEADER_BYTES = 2
export const COMPOUND_ENTRY_BYTES = 2

/** The count of messages in one packet is a byte. */
const MOST_IN_COMPOUND = 255

/**
 * Messages of the packets that were made here, by the packet. Nobody changes a packet: those that it reaches
 * need not take it apart, and get the very messages that went in.
 */
const contents = new WeakMap<Uint8Array, readonly Uint8Array[]>()

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
  let at = COMPOUND_HEADER_BYTES + messages.length * COMPOUND_ENTRY_BYTES
  const packet = new Uint8Array(messages.reduce((sum, { length }) => sum + length, at))
  packet[0] = MESSAGE.compound
  packet[1] = messages.length
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!
    const entry = COMPOUND_HEADER_BYTES + i * COMPOUND_ENTRY_BYTES
    packet[entry] = message.length >> 8
    packet[entry + 1] = message.length & 0xff
    packet.set(message, at)
    at += message.length
  }
  contents.set(packet, messages)
  return packet
}

const CRC_HEADER_BYTES = 5

/** What a packet has before the content of its only message, a user's. */
export const USER_PACKET_HEADER_BYTES = CRC_HEADER_BYTES + 1

/** The packet with its checksum before it. */
export function withCrc(packet: Uint8Array): Uint8Array {
  const checked = new Uint8Array(CRC_HEADER_BYTES + packet.length)
  checked.set(packet, CRC_HEADER_BYTES)
  writeCrc(checked)
  contents.set(checked, unpackMessages(packet))
  return checked
}

/** @param checked has its packet behind the place of the checksum. */
function writeCrc(checked: Uint8Array): void {
  const crc = crc32(checked, CRC_HEADER_BYTES)
  checked[0] = MESSAGE.crc
  for (let i = 1; i < CRC_HEADER_BYTES; i++) checked[i] = crc >>> (8 * (4 - i))
}

/**
 * A packet of one user message with its checksum. A content that leaves room for the header in memory of its
 * own is not copied: the packet is made around it.
 */
export function userPacket(content: Uint8Array): Uint8Array {
  const packet = hasRoom(content)
    ? new Uint8Array(content.buffer)
    : new Uint8Array(USER_PACKET_HEADER_BYTES + content.length)
  if (packet.buffer !== content.buffer) packet.set(content, USER_PACKET_HEADER_BYTES)
  packet[CRC_HEADER_BYTES] = MESSAGE.user
  writeCrc(packet)
  contents.set(packet, [userMessage(packet.subarray(CRC_HEADER_BYTES), content)])
  return packet
}

function hasRoom({ buffer, byteOffset, length }: Uint8Array): boolean {
  return byteOffset === USER_PACKET_HEADER_BYTES && byteOffset + length === buffer.byteLength
}

/** @returns the messages of a packet; none when its checksum is wrong, those before its end when it is cut. */
export function unpackMessages(packet: Uint8Array): readonly Uint8Array[] {
  const known = contents.get(packet)
  if (known !== undefined) return known
  if (packet[0] === MESSAGE.crc) {
    if (packet.length < CRC_HEADER_BYTES) return []
    const { buffer, byteOffset } = packet
    const expected = new DataView(buffer, byteOffset).getUint32(1)
    const isRight = expected === crc32(packet, CRC_HEADER_BYTES)
    return isRight ? unpackMessages(packet.subarray(CRC_HEADER_BYTES)) : []
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
