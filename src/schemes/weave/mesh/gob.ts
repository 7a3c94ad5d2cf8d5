/**
 * Values as Go's encoding/gob writes them (https://pkg.go.dev/encoding/gob), so that messages have the sizes
 * of real ones; descriptors of types, which gob sends once a stream, are left out.
 */
import { formatIpv4, type Ipv4Address, parseIpv4 } from '../../../wire/ipv4-address.ts'

const FIRST_CAPACITY = 64
const ENCODER = new TextEncoder()
const ASCII = /^[\x20-\x7e]*$/
const DECODER = new TextDecoder()

export class GobWriter {
  private bytes: Uint8Array
  private length = 0
  /** Number of the last field of the open struct that was written; gob writes differences. */
  private lastField = -1

  /** @param capacity bytes that it is made for; it grows beyond if need be. */
  constructor(capacity = FIRST_CAPACITY) {
    this.bytes = new Uint8Array(capacity)
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
    const digits = value.toString(16)
    const count = Math.ceil(digits.length / 2)
    this.octet(256 - count)
    const padded = digits.padStart(2 * count, '0')
    for (let i = 0; i < count; i++) this.octet(Number.parseInt(padded.slice(2 * i, 2 * i + 2), 16))
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

  finish(): Uint8Array {
    return this.length === this.bytes.length ? this.bytes : this.bytes.slice(0, this.length)
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

/** Bytes that `content` takes for so many. */
export function gobContentSize(length: number): number {
  if (length < 0x80) return 1 + length
  if (length < 0x100) return 2 + length
  return (length < 0x10000 ? 3 : length < 0x1000000 ? 4 : 5) + length
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
    let value = 0n
    for (let count = 256 - first; count > 0; count--) value = value * 256n + BigInt(this.octet())
    return value
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
    return DECODER.decode(this.content())
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
