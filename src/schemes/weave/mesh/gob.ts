/**
 * Values as Go's encoding/gob writes them (https://pkg.go.dev/encoding/gob), so that messages have the sizes
 * of real ones; descriptors of types, which gob sends once a stream, are left out.
 */
import { formatIpv4, type Ipv4Address, parseIpv4 } from '../../../wire/ipv4-address.ts'

const FIRST_CAPACITY = 4096
const ENCODER = new TextEncoder()
const ASCII = /^[\x20-\x7e]*$/
const DECODER = new TextDecoder()
/** Texts of this length or less are put together by hand, which takes less than the decoder's call. */
const SHORT_TEXT = 32

/** Memory of writers that are finished, for those to come: most write a few bytes. As many as write within each other. */
const spares: Uint8Array[] = []
const SPARES_KEPT = 4
const LARGEST_SPARE = 1 << 20
const NOTHING = new Uint8Array(0)

const LARGEST_EXACT = BigInt(Number.MAX_SAFE_INTEGER)
const WORD_BYTES = new Uint8Array(8)
const WORD = new DataView(WORD_BYTES.buffer)

export class GobWriter {
  private bytes: Uint8Array
  private length = 0
  /** Number of the last field of the open struct that was written; gob writes differences. */
  private lastField = -1

  constructor() {
    this.bytes = spares.pop() ?? new Uint8Array(FIRST_CAPACITY)
  }

  /** A whole number that a float64 holds. */
  uint(value: number): this {
    if (value < 128) return this.octet(value)
    let count = 1
    for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256)) count++
    this.octet(256 - count)
    const at = this.reserve(count)
    let rest = value
    for (let i = count - 1; i >= 0; i--) {
      this.bytes[at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    return this
  }

  uint64(value: bigint): this {
    if (value < 128n) return this.octet(Number(value))
    if (value <= LARGEST_EXACT) return this.uint(Number(value))
    WORD.setBigUint64(0, value)
    let zeros = 0
    while (WORD_BYTES[zeros] === 0) zeros++
    this.octet(256 - (8 - zeros))
    for (let i = zeros; i < 8; i++) this.octet(WORD_BYTES[i]!)
    return this
  }

  content(value: Uint8Array): this {
    this.uint(value.length)
    return this.raw(value)
  }

  text(value: string): this {
    if (!ASCII.test(value)) return this.content(ENCODER.encode(value))
    // Most are short, for which the encoder takes longer than all the rest.
    this.uint(value.length)
    const at = this.reserve(value.length)
    for (let i = 0; i < value.length; i++) this.bytes[at + i] = value.charCodeAt(i)
    return this
  }

  raw(value: Uint8Array): this {
    const at = this.reserve(value.length)
    this.bytes.set(value, at)
    return this
  }

  /** Begins a field of a struct; fields of the zero value are left out by the caller. */
  field(number: number): this {
    const step = number - this.lastField
    this.lastField = number
    return this.uint(step)
  }

  endStruct(): this {
    this.lastField = -1
    return this.octet(0)
  }

  /** What was written. To be called once, as the last. */
  finish(): Uint8Array {
    const { bytes, length } = this
    this.bytes = NOTHING
    if (bytes.length <= LARGEST_SPARE && spares.length < SPARES_KEPT) spares.push(bytes)
    return bytes.slice(0, length)
  }

  private octet(value: number): this {
    const at = this.reserve(1)
    this.bytes[at] = value
    return this
  }

  private reserve(count: number): number {
    const at = this.length
    this.length += count
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, 2 * this.bytes.length))
      grown.set(this.bytes)
      this.bytes = grown
    }
    return at
  }
}

/** As `content` writes each of them, one after the other. */
export function gobContents(values: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const value of values) length += lengthBytes(value.length) + value.length
  const bytes = new Uint8Array(length)
  let at = 0
  for (const value of values) {
    const count = lengthBytes(value.length) - 1
    if (count > 0) bytes[at++] = 256 - count
    for (let shift = 8 * Math.max(count - 1, 0); shift >= 0; shift -= 8) {
      bytes[at++] = value.length >>> shift
    }
    bytes.set(value, at)
    at += value.length
  }
  return bytes
}

/** Bytes that a length takes. */
function lengthBytes(length: number): number {
  if (length < 0x80) return 1
  if (length < 0x100) return 2
  return length < 0x10000 ? 3 : length < 0x1000000 ? 4 : 5
}

/** Reads what GobWriter wrote; beyond the end of a broken message all is zero, and `isBroken` says so. */
export class GobReader {
  isBroken = false
  private readonly bytes: Uint8Array
  private at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  get position(): number {
    return this.at
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length
  }

  uint(): number {
    const first = this.octet()
    if (first < 128) return first
    let value = 0
    for (let count = 256 - first; count > 0; count--) value = value * 256 + this.octet()
    return value
  }

  uint64(): bigint {
    const first = this.octet()
    if (first < 128) return BigInt(first)
    const count = 256 - first
    if (count > 8) this.isBroken = true
    if (this.isBroken) return 0n
    WORD_BYTES.fill(0)
    for (let i = 8 - count; i < 8; i++) WORD_BYTES[i] = this.octet()
    return WORD.getBigUint64(0)
  }

  /** A view, not a copy. */
  content(): Uint8Array {
    const length = this.uint()
    if (length > this.bytes.length - this.at) {
      this.isBroken = true
      this.at = this.bytes.length
      return new Uint8Array(0)
    }
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  text(): string {
    const content = this.content()
    if (content.length > SHORT_TEXT) return DECODER.decode(content)
    let text = ''
    for (let i = 0; i < content.length; i++) {
      if (content[i]! > 0x7e) return DECODER.decode(content)
      text += String.fromCharCode(content[i]!)
    }
    return text
  }

  /** Calls `visit` with the number of each field of a struct, which it is to read; structs may hold structs. */
  struct(visit: (field: number) => void): void {
    let field = -1
    for (let step = this.uint(); step !== 0 && !this.isBroken; step = this.uint()) {
      field += step
      visit(field)
    }
  }

  private octet(): number {
    if (this.at < this.bytes.length) return this.bytes[this.at++]!
    this.isBroken = true
    return 0
  }
}

/** As Go prints the address of a socket: `10.0.0.1:6783`. */
export function formatSocketAddress(address: Ipv4Address, port: number): string {
  return `${formatIpv4(address)}:${port}`
}

/** @returns null when it is none. */
export function parseSocketAddress(text: string): { address: Ipv4Address; port: number } | null {
  const colon = text.indexOf(':')
  const address = parseIpv4(text.slice(0, Math.max(colon, 0)))
  const port = Number(text.slice(colon + 1))
  return address === null || !Number.isInteger(port) ? null : { address, port }
}
