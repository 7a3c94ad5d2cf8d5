import { ByteWriter } from '../wire/byte-writer.ts'
import { shortText } from '../wire/short-text.ts'

/** What protobuf can say here: numbers from 0 on as varints, bytes and texts with their length. */

/** Types on the wire, the low three bits of a field's key. */
const VARINT = 0
const DELIMITED = 2

/** Of writers that have finished: as many as were ever at work at once. */
const spare: ByteWriter[] = []

/** Writes the fields of one message; what has its zero value is left out, as proto3 has it. */
export class ProtobufWriter {
  private readonly out = spare.pop() ?? new ByteWriter()

  number(field: number, value: number): this {
    if (value === 0) return this
    this.varint(field * 8 + VARINT)
    this.varint(value)
    return this
  }

  text(field: number, value: string): this {
    if (value !== '') this.out.text(value, (length) => this.head(field, length))
    return this
  }

  bytes(field: number, value: Uint8Array): this {
    this.head(field, value.length)
    this.out.bytes(value)
    return this
  }

  /** Key and length of a field of bytes, which the caller adds. */
  head(field: number, length: number): this {
    this.varint(field * 8 + DELIMITED)
    this.varint(length)
    return this
  }

  private varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.out.byte((rest % 0x80) + 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.out.byte(rest)
  }

  /** @returns the message. Nothing can be written any more. */
  finish(): Uint8Array {
    const bytes = this.out.finish()
    spare.push(this.out)
    return bytes
  }
}

/** Bytes of a varint of up to 31 bits. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest >>>= 7) size++
  return size
}

/** Writes a varint of up to 31 bits. @returns the place after it. */
export function writeVarint(out: Uint8Array, start: number, value: number): number {
  let [rest, at] = [value, start]
  for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80
  out[at++] = rest
  return at
}

/** Reads the fields of one message from `at` to `end`, one after the other. */
export class ProtobufReader {
  /** The bytes are not what this project's daemons write. */
  isBad = false
  /** Of the field that was read last. */
  field = 0
  value = 0
  start = 0
  private at: number
  private readonly bytes: Uint8Array
  private readonly end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /** @returns whether there was another field: `value` is its number, or from `start` on its length. */
  next(): boolean {
    if (this.at >= this.end) return false
    const key = this.varint()
    this.field = Math.floor(key / 8)
    this.value = this.varint()
    if (key % 8 === DELIMITED) {
      this.start = this.at
      this.at += this.value
    } else if (key % 8 !== VARINT) this.isBad = true
    if (this.at > this.end) this.isBad = true
    return !this.isBad
  }

  /** Of the field that was read last, in the message's own bytes. */
  content(): Uint8Array {
    return this.bytes.subarray(this.start, this.start + this.value)
  }

  text(): string {
    return shortText(this.bytes, this.start, this.value)
  }

  private varint(): number {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) {
        this.isBad = true
        return 0
      }
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
  }
}
