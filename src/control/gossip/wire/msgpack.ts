import { ByteWriter } from './byte-writer.ts'
import { shortText } from './short-text.ts'

/** A number that is written as a float64 even when it is whole. */
export class Float64 {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** What msgpack can say here. A map has names as keys. */
export type Msgpack =
  | null
  | boolean
  | number
  | Float64
  | string
  | Uint8Array
  | readonly Msgpack[]
  | ReadonlyMap<string, Msgpack>

/** A Go struct: a map with the names of its fields, which the codec writes in alphabetical order. */
export function struct(fields: Readonly<Record<string, Msgpack>>): ReadonlyMap<string, Msgpack> {
  return new Map(Object.entries(fields))
}

/**
 * Writes a value as hashicorp/go-msgpack does by default, after the format's first edition: strings and
 * bytes are both "raw", without the later str 8, bin and ext types.
 */
export function encodeMsgpack(value: Msgpack): Uint8Array {
  write(value)
  return out.finish()
}

const out = new ByteWriter()

function write(value: Msgpack): void {
  if (value === null) out.byte(0xc0)
  else if (typeof value === 'boolean') out.byte(value ? 0xc3 : 0xc2)
  else if (typeof value === 'number') writeNumber(value)
  else if (value instanceof Float64) writeFloat(value.value)
  else if (typeof value === 'string') out.text(value, rawHead)
  else if (value instanceof Uint8Array) {
    rawHead(value.length)
    out.bytes(value)
  } else if (value instanceof Map) {
    head(value.size, 0x80, 15, 0xde)
    for (const [name, entry] of value as ReadonlyMap<string, Msgpack>) {
      out.text(name, rawHead)
      write(entry)
    }
  } else {
    const entries = value as readonly Msgpack[]
    head(entries.length, 0x90, 15, 0xdc)
    for (const entry of entries) write(entry)
  }
}

function rawHead(length: number): void {
  head(length, 0xa0, 31, 0xda)
}

function head(count: number, short: number, most: number, long: number): void {
  if (count <= most) out.byte(short + count)
  else if (count < 0x10000) {
    out.byte(long)
    out.bigEndian(count, 2)
  } else {
    out.byte(long + 1)
    out.bigEndian(count, 4)
  }
}

function writeNumber(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    // What was written of the same value must not begin the next one.
    out.finish()
    throw new Error(`not a whole number: ${value}`)
  }
  if (value < 0x80) out.byte(value)
  else if (value < 0x100) writeCoded(0xcc, value, 1)
  else if (value < 0x10000) writeCoded(0xcd, value, 2)
  else if (value < 0x100000000) writeCoded(0xce, value, 4)
  else {
    writeCoded(0xcf, Math.floor(value / 0x100000000), 4)
    out.bigEndian(value % 0x100000000, 4)
  }
}

function writeCoded(code: number, value: number, size: number): void {
  out.byte(code)
  out.bigEndian(value, size)
}

function writeFloat(value: number): void {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  out.byte(0xcb)
  out.bytes(bytes)
}

/**
 * What a reader gives: strings are bytes, for the format does not tell them apart, within the message; floats
 * are numbers.
 */
export type Decoded =
  | null
  | boolean
  | number
  | Uint8Array
  | readonly Decoded[]
  | ReadonlyMap<string, Decoded>

/** Reads values one after the other. After a failure all further values are null. */
export class MsgpackReader {
  /** `short`: the bytes end within a value. `bad`: they are not what this project's daemons write. */
  failure: 'short' | 'bad' | null = null
  at: number
  private readonly bytes: Uint8Array

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  value(): Decoded {
    const start = this.advance(1)
    if (start === null) return null
    const code = this.bytes[start]!
    if (code < 0x80) return code
    if (code < 0x90) return this.map(code & 15)
    if (code < 0xa0) return this.array(code & 15)
    if (code < 0xc0) return this.raw(code & 31)
    return this.coded(code)
  }

  private coded(code: number): Decoded {
    if (code === 0xc0) return null
    if (code === 0xc2 || code === 0xc3) return code === 0xc3
    if (code === 0xcb) return this.float()
    if (code >= 0xcc && code <= 0xcf) return this.number(1 << (code - 0xcc))
    if (code === 0xda || code === 0xdb) return this.raw(this.number(code === 0xda ? 2 : 4))
    if (code === 0xdc || code === 0xdd) return this.array(this.number(code === 0xdc ? 2 : 4))
    if (code === 0xde || code === 0xdf) return this.map(this.number(code === 0xde ? 2 : 4))
    this.failure ??= 'bad'
    return null
  }

  private advance(size: number): number | null {
    if (this.failure === null && this.at + size > this.bytes.length) this.failure = 'short'
    if (this.failure !== null) return null
    this.at += size
    return this.at - size
  }

  private number(size: number): number {
    const at = this.advance(size)
    if (at === null) return 0
    let value = 0
    for (let i = at; i < at + size; i++) value = value * 0x100 + this.bytes[i]!
    if (!Number.isSafeInteger(value)) this.failure = 'bad'
    return value
  }

  private float(): number {
    const at = this.advance(8)
    if (at === null) return 0
    const { buffer, byteOffset } = this.bytes
    return new DataView(buffer, byteOffset + at).getFloat64(0)
  }

  private raw(length: number): Uint8Array | null {
    const at = this.advance(length)
    return at === null ? null : this.bytes.subarray(at, at + length)
  }

  private array(length: number): readonly Decoded[] {
    const entries: Decoded[] = []
    for (let i = 0; i < length && this.failure === null; i++) entries.push(this.value())
    return entries
  }

  private map(length: number): ReadonlyMap<string, Decoded> {
    const entries = new Map<string, Decoded>()
    for (let i = 0; i < length && this.failure === null; i++) {
      const name = this.name()
      if (name !== null) entries.set(name, this.value())
    }
    return entries
  }

  /** Most names are short: they need no view of their bytes. */
  private name(): string | null {
    const { at, bytes } = this
    const length = bytes[at]! & 31
    if (bytes[at]! >> 5 === 0b101 && at + length < bytes.length) {
      this.at += 1 + length
      return shortText(bytes, at + 1, length)
    }
    const name = this.value()
    if (name instanceof Uint8Array) return textOf(name)
    this.failure ??= 'bad'
    return null
  }
}

const NO_BYTES = new Uint8Array()

/** Fields of a struct by name. One that is absent has its zero value, as in Go; so has one of another type. */
export class Fields {
  private readonly entries: ReadonlyMap<string, Decoded>

  constructor(value: Decoded) {
    this.entries = value instanceof Map ? value : new Map()
  }

  /** @returns the fields that begin at `at`; null when no struct does. */
  static decode(bytes: Uint8Array, at: number): Fields | null {
    const reader = new MsgpackReader(bytes, at)
    const value = reader.value()
    return reader.failure === null && value instanceof Map ? new Fields(value) : null
  }

  number(name: string): number {
    const value = this.entries.get(name)
    return typeof value === 'number' ? value : 0
  }

  boolean(name: string): boolean {
    return this.entries.get(name) === true
  }

  /** In memory of their own. */
  bytes(name: string): Uint8Array {
    const view = this.view(name)
    return view.length === 0 ? NO_BYTES : view.slice()
  }

  /** Within the message: who keeps them keeps all of it. */
  view(name: string): Uint8Array {
    const value = this.entries.get(name)
    return value instanceof Uint8Array ? value : NO_BYTES
  }

  text(name: string): string {
    return textOf(this.view(name))
  }

  list(name: string): readonly Decoded[] {
    const value = this.entries.get(name)
    return Array.isArray(value) ? value : []
  }

  map(name: string): ReadonlyMap<string, Decoded> {
    const value = this.entries.get(name)
    return value instanceof Map ? value : new Map()
  }
}

export function textOf(bytes: Uint8Array): string {
  return shortText(bytes, 0, bytes.length)
}
