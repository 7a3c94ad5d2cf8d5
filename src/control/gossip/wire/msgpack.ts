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
  const out: number[] = []
  write(out, value)
  return Uint8Array.from(out)
}

function write(out: number[], value: Msgpack): void {
  if (value === null) out.push(0xc0)
  else if (typeof value === 'boolean') out.push(value ? 0xc3 : 0xc2)
  else if (typeof value === 'number') writeNumber(out, value)
  else if (value instanceof Float64) writeFloat(out, value.value)
  else if (typeof value === 'string') writeRaw(out, new TextEncoder().encode(value))
  else if (value instanceof Uint8Array) writeRaw(out, value)
  else if (value instanceof Map) {
    writeHead(out, value.size, 0x80, 15, 0xde)
    for (const [name, entry] of value as ReadonlyMap<string, Msgpack>) {
      write(out, name)
      write(out, entry)
    }
  } else {
    const entries = value as readonly Msgpack[]
    writeHead(out, entries.length, 0x90, 15, 0xdc)
    for (const entry of entries) write(out, entry)
  }
}

function writeRaw(out: number[], bytes: Uint8Array): void {
  writeHead(out, bytes.length, 0xa0, 31, 0xda)
  for (const byte of bytes) out.push(byte)
}

function writeHead(out: number[], count: number, short: number, most: number, long: number): void {
  if (count <= most) out.push(short + count)
  else if (count < 0x10000) out.push(long, count >> 8, count & 0xff)
  else out.push(long + 1, ...bigEndian(count, 4))
}

function writeNumber(out: number[], value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`not a whole number: ${value}`)
  if (value < 0x80) out.push(value)
  else if (value < 0x100) out.push(0xcc, value)
  else if (value < 0x10000) out.push(0xcd, ...bigEndian(value, 2))
  else if (value < 0x100000000) out.push(0xce, ...bigEndian(value, 4))
  else out.push(0xcf, ...bigEndian(value, 8))
}

function writeFloat(out: number[], value: number): void {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  out.push(0xcb, ...bytes)
}

function bigEndian(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  if (size === 2) view.setUint16(0, value)
  else if (size === 4) view.setUint32(0, value)
  else view.setBigUint64(0, BigInt(value))
  return bytes
}

/** What a reader gives: strings are bytes, for the format does not tell them apart; floats are numbers. */
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
  private readonly view: DataView

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
    if (size === 1) return this.view.getUint8(at)
    if (size === 2) return this.view.getUint16(at)
    if (size === 4) return this.view.getUint32(at)
    const value = Number(this.view.getBigUint64(at))
    if (!Number.isSafeInteger(value)) this.failure = 'bad'
    return value
  }

  private float(): number {
    const at = this.advance(8)
    return at === null ? 0 : this.view.getFloat64(at)
  }

  private raw(length: number): Uint8Array | null {
    const at = this.advance(length)
    return at === null ? null : this.bytes.slice(at, at + length)
  }

  private array(length: number): readonly Decoded[] {
    const entries: Decoded[] = []
    for (let i = 0; i < length && this.failure === null; i++) entries.push(this.value())
    return entries
  }

  private map(length: number): ReadonlyMap<string, Decoded> {
    const entries = new Map<string, Decoded>()
    for (let i = 0; i < length && this.failure === null; i++) {
      const name = this.value()
      if (name instanceof Uint8Array) entries.set(textOf(name), this.value())
      else this.failure ??= 'bad'
    }
    return entries
  }
}

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

  bytes(name: string): Uint8Array {
    const value = this.entries.get(name)
    return value instanceof Uint8Array ? value : new Uint8Array()
  }

  text(name: string): string {
    return textOf(this.bytes(name))
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
  return new TextDecoder().decode(bytes)
}
