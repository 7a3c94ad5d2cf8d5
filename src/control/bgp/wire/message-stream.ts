import { type Decoded, decodeMessage } from './decode.ts'
import { bgpError, ERROR, HEADER_ERROR } from './error.ts'
import { HEADER_BYTES, MESSAGE, MESSAGE_BYTES_MAX } from './message.ts'

const NOTHING = new Uint8Array(0)

/** Cuts a TCP stream into messages. After an error nothing more is read. */
export class MessageStream {
  private rest: Uint8Array = NOTHING
  private isBroken = false

  /** @param content not to be changed afterwards. */
  push(content: Uint8Array): void {
    if (this.rest.length === 0) {
      this.rest = content
      return
    }
    const joined = new Uint8Array(this.rest.length + content.length)
    joined.set(this.rest)
    joined.set(content, this.rest.length)
    this.rest = joined
  }

  /** @returns the next message that is there as a whole, or what is wrong with it; null = none yet. */
  next(): Decoded | null {
    const { rest } = this
    if (this.isBroken || rest.length < HEADER_BYTES) return null
    const length = (rest[16]! << 8) | rest[17]!
    if (!hasMarker(rest)) return this.broken(HEADER_ERROR.notSynchronised)
    if (length < HEADER_BYTES || length > MESSAGE_BYTES_MAX) {
      return this.broken(HEADER_ERROR.badLength, rest.slice(16, 18))
    }
    if (rest.length < length) return null
    this.rest = rest.subarray(length)
    const decoded =
      rest.length === length ? decodeWhole(rest) : decodeMessage(rest.subarray(0, length))
    if (decoded.kind === 'error') this.isBroken = true
    return decoded
  }

  private broken(subcode: number, data?: Uint8Array): Decoded {
    this.isBroken = true
    return { kind: 'error', error: bgpError(ERROR.header, subcode, data) }
  }
}

/**
 * What UPDATEs say that came in a segment of their own, by the memory in which their sender wrote them: a reflector
 * sends the same to all of its clients, and neither the bytes nor what they say is ever changed.
 */
const decodedUpdates = new WeakMap<ArrayBufferLike, Decoded>()

function decodeWhole(message: Uint8Array): Decoded {
  const { buffer } = message
  const isAlone = buffer.byteLength === message.length
  if (!isAlone || message[18] !== MESSAGE.update) return decodeMessage(message)
  const known = decodedUpdates.get(buffer)
  if (known !== undefined) return known
  const decoded = decodeMessage(message)
  decodedUpdates.set(buffer, decoded)
  return decoded
}

function hasMarker(bytes: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (bytes[i] !== 0xff) return false
  return true
}
