/** Messages of the control connection: weaveworks/mesh, protocol.go and protocol_crypto.go. */
import type { Stream } from '../../../control/program/stream.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { read32, write32 } from '../../../wire/byte-order.ts'
import { GobReader, GobWriter } from './gob.ts'

export const TAG_HEARTBEAT = 0
/** Sleeve's own control messages have tags from before there were several overlays. */
export const TAG_RESERVED_1 = 1
export const TAG_GOSSIP = 4
export const TAG_GOSSIP_UNICAST = 5
export const TAG_GOSSIP_BROADCAST = 6
export const TAG_OVERLAY_CONTROL = 7

/** The name, and the lowest and highest version that we speak. */
const HEADER = Uint8Array.from([...'weave'].map((letter) => letter.charCodeAt(0)).concat(1, 2))
const NAME_BYTES = 5
const VERSION = 2

const HEADER_TIMEOUT = 10 * SECOND
export const HEARTBEAT_INTERVAL = 30 * SECOND
/** So long a peer may be silent. */
export const READ_TIMEOUT = 2 * HEARTBEAT_INTERVAL

const LENGTH_BYTES = 4
const MAX_MESSAGE = 10 * 1024 * 1024
const KEY_BYTES = 32
/** NaCl's secretbox adds an authenticator (secretbox.Overhead). */
const SEAL_BYTES = 16

/** A message in two parts, so that a long payload is copied once. */
export interface Message {
  readonly head: Uint8Array
  readonly payload: Uint8Array
}

export const NO_PAYLOAD = new Uint8Array(0)

/** Puts messages of a length-prefixed stream together; sealed ones are checked against the session key. */
export class MessageStream {
  readonly stream: Stream
  /** Set once both ends have told their public keys. */
  private seal: Uint8Array | null = null
  private chunks: Uint8Array[] = []
  private available = 0

  constructor(stream: Stream) {
    this.stream = stream
  }

  /** From now on all messages are sealed. */
  encrypt(sessionKey: string): void {
    this.seal = sealOf(sessionKey)
  }

  /** A message as it goes out. Its content is not scrambled: only sizes and the check of the key are as in life. */
  frame({ head, payload }: Message): Uint8Array {
    const start = LENGTH_BYTES + (this.seal?.length ?? 0)
    const framed = new Uint8Array(start + head.length + payload.length)
    write32(framed, 0, framed.length - LENGTH_BYTES)
    if (this.seal !== null) framed.set(this.seal, LENGTH_BYTES)
    framed.set(head, start)
    framed.set(payload, start + head.length)
    return framed
  }

  /** @param deadline on the program's clock. @returns the next message, or why there is none (string). */
  *receive(deadline = Infinity): Process<Uint8Array | string> {
    const head = yield* this.take(LENGTH_BYTES, deadline)
    if (typeof head === 'string') return head
    const length = read32(head, 0) >>> 0
    if (length > MAX_MESSAGE)
      return `incoming message exceeds maximum size: ${length} > ${MAX_MESSAGE}`
    const message = yield* this.take(length, deadline)
    if (typeof message === 'string' || this.seal === null) return message
    const isOurs = this.seal.every((octet, i) => message[i] === octet)
    return isOurs ? message.subarray(SEAL_BYTES) : 'Unable to decrypt TCP msg'
  }

  /** Reads `count` bytes. @param deadline on the program's clock. */
  *take(count: number, deadline: number): Process<Uint8Array | string> {
    const { stream } = this
    while (this.available < count) {
      const timeout = deadline - stream.program.now
      const chunk = stream.poll() ?? (timeout > 0 ? yield* stream.read(timeout) : null)
      if (chunk === null) return timeout > 0 ? readError(stream) : 'i/o timeout'
      this.chunks.push(chunk)
      this.available += chunk.length
    }
    return this.cut(count)
  }

  private cut(count: number): Uint8Array {
    const first = this.chunks[0]
    this.available -= count
    if (first !== undefined && first.length > count) {
      this.chunks[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    if (first?.length === count) return this.chunks.shift()!
    const whole = new Uint8Array(count)
    let at = 0
    let used = 0
    while (at < count) {
      const chunk = this.chunks[used]!
      const part = chunk.subarray(0, count - at)
      whole.set(part, at)
      at += part.length
      if (part.length < chunk.length) this.chunks[used] = chunk.subarray(part.length)
      else used++
    }
    this.chunks.splice(0, used)
    return whole
  }
}

/** What Go calls the end of a stream. */
function readError(stream: Stream): string {
  if (stream.error === null) return 'EOF'
  if (stream.error === 'timeout') return 'i/o timeout'
  if (stream.error === 'ECONNRESET') return 'connection reset by peer'
  return stream.error
}

/** Sixteen octets that only who has the key can make; FNV-1a stands for the cipher. */
function sealOf(sessionKey: string): Uint8Array {
  const seal = new Uint8Array(SEAL_BYTES)
  let hash = 0x811c9dc5
  for (let i = 0; i < SEAL_BYTES; i += 4) {
    for (const letter of sessionKey) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193)
    write32(seal, i, hash)
  }
  return seal
}

export interface IntroOptions {
  readonly password: string | null
  readonly features: ReadonlyMap<string, string>
  /** Octets of a public key, made for this connection. */
  readonly publicKey: Uint8Array
}

export interface Intro {
  readonly features: ReadonlyMap<string, string>
  /** Null where there is no password. */
  readonly sessionKey: string | null
}

/** Both ends say which protocol they speak, whether encrypted, and who they are. @returns the error as a string. */
export function* introduce(
  messages: MessageStream,
  options: IntroOptions,
): Process<Intro | string> {
  const versionError = yield* exchangeHeaders(messages)
  if (versionError !== null) return versionError
  const sessionKey = yield* exchangeKeys(messages, options)
  if (sessionKey !== null && typeof sessionKey !== 'string') return sessionKey.error
  if (sessionKey !== null) messages.encrypt(sessionKey)
  const ours = { head: encodeFeatures(options.features), payload: NO_PAYLOAD }
  if (!(yield* messages.stream.write(messages.frame(ours)))) {
    return readError(messages.stream)
  }
  const answer = yield* messages.receive(messages.stream.program.now + READ_TIMEOUT)
  if (typeof answer === 'string') return answer
  const features = decodeFeatures(answer)
  return features === null ? 'unexpected EOF' : { features, sessionKey }
}

function* exchangeHeaders(messages: MessageStream): Process<string | null> {
  const { stream } = messages
  if (!(yield* stream.write(HEADER))) return readError(stream)
  const deadline = stream.program.now + HEADER_TIMEOUT
  const header = yield* messages.take(HEADER.length, deadline)
  if (typeof header === 'string') return `failed to receive remote protocol header: ${header}`
  for (let i = 0; i < NAME_BYTES; i++) {
    if (header[i] !== HEADER[i])
      return `remote protocol header not recognised: [${header.join(' ')}]`
  }
  const [least, most] = [header[NAME_BYTES]!, header[NAME_BYTES + 1]!]
  if (least <= VERSION && most >= VERSION) return null
  return `remote version range [${least},${most}] is incompatible with ours [1,${VERSION}]`
}

/** A flag, and the public key if it is set. @returns the session key, null for none. */
function* exchangeKeys(
  messages: MessageStream,
  { password, publicKey }: IntroOptions,
): Process<string | null | { readonly error: string }> {
  const { stream } = messages
  const said = password === null ? Uint8Array.of(0) : Uint8Array.of(1, ...publicKey)
  if (!(yield* stream.write(said))) return { error: readError(stream) }
  const deadline = stream.program.now + READ_TIMEOUT
  const flag = yield* messages.take(1, deadline)
  if (typeof flag === 'string') return { error: flag }
  if (flag[0] === 0) {
    const error = 'password specified, but peer requested an unencrypted connection'
    return password === null ? null : { error }
  }
  if (flag[0] !== 1) return { error: `Bad encryption flag ${flag[0]}` }
  if (password === null) {
    return { error: 'no password specificed, but peer requested an encrypted connection' }
  }
  const theirs = yield* messages.take(KEY_BYTES, deadline)
  if (typeof theirs === 'string') return { error: theirs }
  return [publicKey.join(), theirs.join(), password].sort().join('/')
}

function encodeFeatures(features: ReadonlyMap<string, string>): Uint8Array {
  const writer = new GobWriter().uint(features.size)
  for (const [name, value] of features) writer.text(name).text(value)
  return writer.finish()
}

function decodeFeatures(bytes: Uint8Array): ReadonlyMap<string, string> | null {
  const reader = new GobReader(bytes)
  const features = new Map<string, string>()
  for (let count = reader.uint(); count > 0 && !reader.isBroken; count--) {
    const name = reader.text()
    features.set(name, reader.text())
  }
  return reader.isBroken ? null : features
}
