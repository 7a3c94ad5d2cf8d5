/** Content at an offset of a stream. */
interface Chunk {
  readonly start: number
  readonly bytes: Uint8Array
}

/** The bytes of a stream where they are not zeros: chunks in order, which do not overlap. */
export class StreamContent {
  private readonly chunks: Chunk[] = []

  get isEmpty(): boolean {
    return this.chunks.length === 0
  }

  /**
   * Notes `bytes` at `start`; what is known of that range already stays as it is.
   * @param bytes not to be changed afterwards.
   */
  put(start: number, bytes: Uint8Array): void {
    const { chunks } = this
    const last = chunks[chunks.length - 1]
    if (bytes.length === 0) return
    if (last === undefined || endOf(last) <= start) chunks.push({ start, bytes })
    else this.putWithin(start, bytes)
  }

  private putWithin(start: number, bytes: Uint8Array): void {
    const { chunks } = this
    let at = chunks.length
    while (at > 0 && chunks[at - 1]!.start > start) at--
    let from = start
    const end = start + bytes.length
    if (at > 0) from = Math.max(from, endOf(chunks[at - 1]!))
    while (from < end) {
      const next = chunks[at]
      const until = next === undefined ? end : Math.min(end, next.start)
      if (until > from) {
        chunks.splice(at++, 0, { start: from, bytes: bytes.subarray(from - start, until - start) })
      }
      if (next === undefined) return
      from = Math.max(from, endOf(next))
      at++
    }
  }

  /** The bytes of [start, end); null when they are all zeros. */
  slice(start: number, end: number): Uint8Array | null {
    let result: Uint8Array | null = null
    for (const chunk of this.chunks) {
      if (chunk.start >= end) break
      const last = endOf(chunk)
      if (last <= start) continue
      if (chunk.start <= start && last >= end) {
        return cut(chunk.bytes, start - chunk.start, end - chunk.start)
      }
      if (result === null) {
        const stretch = this.stretch(start, end)
        if (stretch !== null) return stretch
        result = new Uint8Array(end - start)
      }
      const from = Math.max(start, chunk.start)
      const until = Math.min(end, last)
      result.set(chunk.bytes.subarray(from - chunk.start, until - chunk.start), from - start)
    }
    return result
  }

  /** The same where chunks follow each other in memory, as the segments of one write do: without a copy. */
  private stretch(start: number, end: number): Uint8Array | null {
    const from = this.chunks.findIndex((chunk) => endOf(chunk) > start)
    const first = this.chunks[from]
    if (first === undefined || first.start > start) return null
    const { buffer, byteOffset } = first.bytes
    let known = first.start
    for (let i = from; known < end; i++) {
      const chunk = this.chunks[i]
      if (chunk?.start !== known || chunk.bytes.buffer !== buffer) return null
      if (chunk.bytes.byteOffset - byteOffset !== known - first.start) return null
      known = endOf(chunk)
    }
    return new Uint8Array(buffer, byteOffset + start - first.start, end - start)
  }

  /** Forgets what lies before `offset`. */
  release(offset: number): void {
    const { chunks } = this
    let gone = 0
    while (gone < chunks.length && endOf(chunks[gone]!) <= offset) gone++
    if (gone === chunks.length) chunks.length = 0
    else if (gone > 0) chunks.splice(0, gone)
  }
}

/** The part of `bytes` from `start` to `end`, which shares their memory. */
export function cut(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end >= bytes.length ? bytes : bytes.subarray(start, end)
}

function endOf(chunk: Chunk): number {
  return chunk.start + chunk.bytes.length
}
