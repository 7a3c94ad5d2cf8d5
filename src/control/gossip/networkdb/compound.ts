import { USER_PACKET_HEADER_BYTES } from '../wire/packets.ts'
import { envelope, type GossipMessage, knownMessage, MESSAGE, remember } from './messages.ts'
import { varintSize, writeVarint } from './protobuf.ts'

/** Bytes that networkdb counts for a message in a compound besides its own. */
export const COMPOUND_ENTRY_BYTES = 6
export const COMPOUND_HEADER_BYTES = 8

/** Key of a field of bytes, the first of its message; bytes of the key. */
const FIRST_FIELD = 10
const KEY_BYTES = 1

/** One message of several: CompoundMessage of SimpleMessages. Its packet may be made around it. */
export function encodeCompound(messages: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const { length } of messages) size += entrySize(length)
  const front = envelope(MESSAGE.compound, size)
  const out = new Uint8Array(USER_PACKET_HEADER_BYTES + front.length + size).subarray(
    USER_PACKET_HEADER_BYTES,
  )
  out.set(front)
  let at = front.length
  for (const message of messages) at = writeEntry(out, at, message)
  const parts = messages.map(knownMessage)
  return parts.every(isKnown) ? remember(out, { type: 'compound', messages: parts }) : out
}

function isKnown(message: GossipMessage | undefined): message is GossipMessage {
  return message !== undefined
}

/** Of a SimpleMessage, and of what it takes in a compound. */
function simpleSize(length: number): number {
  return KEY_BYTES + varintSize(length) + length
}

function entrySize(length: number): number {
  return simpleSize(simpleSize(length))
}

/** @returns the place after it. */
function writeEntry(out: Uint8Array, start: number, message: Uint8Array): number {
  const { length } = message
  let at = start
  out[at] = FIRST_FIELD
  at = writeVarint(out, at + KEY_BYTES, simpleSize(length))
  out[at] = FIRST_FIELD
  at = writeVarint(out, at + KEY_BYTES, length)
  out.set(message, at)
  return at + length
}

const GROWTH = 1.5

/** Entries of a compound that are added one after the other. */
export class CompoundEntries {
  private room = new Uint8Array()
  private length = 0

  add(message: Uint8Array): void {
    const end = this.length + entrySize(message.length)
    if (end > this.room.length) {
      const larger = new Uint8Array(Math.ceil(GROWTH * end))
      larger.set(this.bytes)
      this.room = larger
    }
    this.length = writeEntry(this.room, this.length, message)
  }

  /** In memory that further entries do not change. */
  get bytes(): Uint8Array {
    return this.room.subarray(0, this.length)
  }
}
