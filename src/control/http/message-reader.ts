import { type Framing, MalformedHead } from './head.ts'
import { concatBytes, NO_BYTES, textOf } from './text.ts'

/** http.DefaultMaxHeaderBytes, and what Go allows on top. */
const HEAD_BYTES_MAX = (1 << 20) + 4096
/** A line of a chunk's size with its extensions (net/http/internal). */
const CHUNK_LINE_MAX = 4096
const LF = 10
const CR = 13

interface Framed {
  readonly framing: Framing
}

/** Where in a chunked body it is. */
type ChunkState = 'size' | 'data' | 'data-end' | 'trailer'

/**
 * Takes messages apart as their bytes arrive: `readHead`, then `readBody` until `isBodyComplete`, then the next
 * head. Each returns null while bytes are missing: `feed` them.
 */
export class MessageReader<Head extends Framed> {
  /** Why it goes no further. */
  error: MalformedHead | null = null
  private readonly parse: (text: string) => Head | MalformedHead
  /** Not yet taken are [start, end). */
  private buffer: Uint8Array = NO_BYTES
  private start = 0
  private end = 0
  /** Up to here there is no end of what is looked for. */
  private scanned = 0
  private framing: Framing = 0
  /** Bytes to come, of the body or of the chunk. */
  private remaining = 0
  private chunk: ChunkState = 'size'
  private isComplete = true

  constructor(parse: (text: string) => Head | MalformedHead) {
    this.parse = parse
  }

  /** Whether the body of the last head has been read. */
  get isBodyComplete(): boolean {
    return this.isComplete
  }

  /** Bytes that were fed and belong to what comes next. */
  get pending(): number {
    return this.end - this.start
  }

  /** @param bytes not to be changed afterwards. */
  feed(bytes: Uint8Array): void {
    if (this.start === this.end) {
      this.buffer = bytes
      this.start = 0
      this.scanned = 0
      this.end = bytes.length
      return
    }
    if (this.isGoingOn(bytes)) {
      const { buffer, byteOffset } = this.buffer
      this.end += bytes.length
      this.buffer = new Uint8Array(buffer, byteOffset, this.end)
      return
    }
    const pending = this.end - this.start
    // A buffer with room behind `end` is always one of its own.
    if (this.end + bytes.length > this.buffer.length) {
      const next = new Uint8Array(Math.max(2 * pending, pending + bytes.length, 1024))
      next.set(this.buffer.subarray(this.start, this.end))
      this.scanned -= this.start
      this.start = 0
      this.end = pending
      this.buffer = next
    }
    this.buffer.set(bytes, this.end)
    this.end += bytes.length
  }

  /** Whether they stand in memory behind what is pending, as the segments of one write do. */
  private isGoingOn({ buffer, byteOffset }: Uint8Array): boolean {
    return buffer === this.buffer.buffer && byteOffset === this.buffer.byteOffset + this.end
  }

  /** The connection has ended. @returns whether that ends the body. */
  finish(): boolean {
    if (this.framing === 'until-close') this.isComplete = true
    return this.isComplete
  }

  readHead(): Head | null {
    if (this.error !== null) return null
    this.skipEmptyLines()
    const end = this.findEmptyLine()
    if (end === null) {
      if (this.pending > HEAD_BYTES_MAX) return this.fail('header too large', 431)
      return null
    }
    const head = this.parse(textOf(this.buffer.subarray(this.start, end.textEnd)))
    this.start = end.next
    this.scanned = end.next
    if (head instanceof MalformedHead) {
      this.error = head
      return null
    }
    this.begin(head.framing)
    return head
  }

  private begin(framing: Framing): void {
    this.framing = framing
    this.isComplete = framing === 0
    this.chunk = 'size'
    this.remaining = typeof framing === 'number' ? framing : 0
  }

  /** @returns the rest of a body of known length, when all of it is there. */
  readWhole(): Uint8Array | null {
    const { remaining } = this
    if (this.isComplete || typeof this.framing !== 'number' || this.pending < remaining) return null
    this.isComplete = true
    this.remaining = 0
    return this.take(remaining)
  }

  /** @returns the part of the body that is there. */
  readBody(): Uint8Array | null {
    if (this.isComplete || this.error !== null) return null
    if (this.framing === 'chunked') return this.readChunk()
    if (this.pending === 0) return null
    if (this.framing === 'until-close') return this.take(this.pending)
    const part = this.take(Math.min(this.pending, this.remaining))
    this.remaining -= part.length
    this.isComplete = this.remaining === 0
    return part
  }

  /** @returns content of one chunk, or the part of it that is there. */
  private readChunk(): Uint8Array | null {
    while (!this.isComplete && this.error === null) {
      if (this.chunk === 'data') {
        if (this.pending === 0) return null
        const part = this.take(Math.min(this.pending, this.remaining))
        this.remaining -= part.length
        if (this.remaining === 0) this.chunk = 'data-end'
        return part
      }
      const line = this.readLine()
      if (line === null) return null
      this.noteChunkLine(line)
    }
    return null
  }

  private noteChunkLine(line: string): void {
    if (this.chunk === 'trailer') {
      if (line === '') this.isComplete = true
    } else if (this.chunk === 'data-end') {
      if (line !== '') this.fail('malformed chunked encoding')
      this.chunk = 'size'
    } else {
      const size = /^[0-9a-fA-F]{1,8}(?=\s*(;|$))/.exec(line)
      if (size === null) this.fail('invalid byte in chunk length')
      this.remaining = size === null ? 0 : Number.parseInt(size[0], 16)
      this.chunk = this.remaining === 0 ? 'trailer' : 'data'
    }
  }

  private take(count: number): Uint8Array {
    const part = this.buffer.subarray(this.start, this.start + count)
    this.start += count
    this.scanned = this.start
    return part
  }

  private readLine(): string | null {
    const at = this.nextLineFeed()
    if (at < 0) {
      if (this.pending > CHUNK_LINE_MAX) this.fail('header line too long')
      return null
    }
    const end = at > this.start && this.buffer[at - 1] === CR ? at - 1 : at
    const line = textOf(this.buffer.subarray(this.start, end))
    this.start = at + 1
    this.scanned = this.start
    return line
  }

  /** @returns -1 when there is none yet. */
  private nextLineFeed(): number {
    const { buffer, end } = this
    // Lines are short: a call of indexOf costs more than the steps to their end.
    for (let at = this.scanned; at < end; at++) if (buffer[at] === LF) return at
    this.scanned = end
    return -1
  }

  /** RFC 9112 2.2: empty lines before a message are ignored. */
  private skipEmptyLines(): void {
    const { buffer } = this
    while (this.start < this.end && (buffer[this.start] === CR || buffer[this.start] === LF)) {
      this.start++
    }
    this.scanned = Math.max(this.scanned, this.start)
  }

  private findEmptyLine(): { readonly textEnd: number; readonly next: number } | null {
    const { buffer } = this
    for (;;) {
      const at = this.nextLineFeed()
      if (at < 0) return null
      const after = buffer[at + 1] === CR ? at + 2 : at + 1
      if (after < this.end && buffer[after] === LF) {
        return { textEnd: buffer[at - 1] === CR ? at - 1 : at, next: after + 1 }
      }
      if (after >= this.end) {
        this.scanned = at
        return null
      }
      this.scanned = at + 1
    }
  }

  private fail(text: string, status: 400 | 431 = 400): null {
    this.error = new MalformedHead(text, status)
    return null
  }
}

/** A body that is read as a whole. */
export class BodyCollector {
  private parts: Uint8Array[] = []
  length = 0

  add(part: Uint8Array): void {
    this.parts.push(part)
    this.length += part.length
  }

  get bytes(): Uint8Array {
    return this.parts.length === 0 ? NO_BYTES : concatBytes(this.parts)
  }
}
