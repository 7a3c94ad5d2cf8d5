import { type Decoded, decodeMessage } from './decode.ts'
import { bgpError, ERROR, HEADER_ERROR } from './error.ts'
import { HEADER_BYTES, MESSAGE_BYTES_MAX } from './message.ts'

const NOTHING = new Uint8Array(0)

/** Cuts a TCP stream into messages. After an error nothing more is read. */
export class MessageStream {
  private rest = NOTHING
  private isBroken = false

  push(content: Uint8Array): void {
    if (this.rest.length === 0) {
      this.rest = content.slice()
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
    const decoded = decodeMessage(rest.subarray(0, length))
    if (decoded.kind === 'error') this.isBroken = true
    return decoded
  }

  private broken(subcode: number, data?: Uint8Array): Decoded {
    this.isBroken = true
    return { kind: 'error', error: bgpError(ERROR.header, subcode, data) }
  }
}

function hasMarker(bytes: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (bytes[i] !== 0xff) return false
  return true
}
