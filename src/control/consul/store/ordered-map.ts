/** Keys of a chunk before it is split: a splice of this many references costs under a microsecond. */
const CHUNK_KEYS_MAX = 512
const SURROGATE = /[\ud800-\udfff]/

/**
 * A map whose keys can be walked in the order of their bytes (UTF-8), as a radix tree's can. Lookups
 * cost a hash, insertions and removals of keys a binary search and a short splice.
 */
export class OrderedMap<V> {
  private readonly values = new Map<string, V>()
  private chunks: string[][] = [[]]
  /** UTF-16 and UTF-8 order differ only where surrogates meet U+E000 and above. */
  private hasSurrogates = false

  get(key: string): V | undefined {
    return this.values.get(key)
  }

  set(key: string, value: V): void {
    if (!this.values.has(key)) this.insert(key)
    this.values.set(key, value)
  }

  delete(key: string): boolean {
    if (!this.values.delete(key)) return false
    const place = this.chunkOf(key)
    const chunk = this.chunks[place]!
    chunk.splice(this.firstNotBelow(chunk, key), 1)
    if (chunk.length === 0 && this.chunks.length > 1) this.chunks.splice(place, 1)
    return true
  }

  clear(): void {
    this.values.clear()
    this.chunks = [[]]
    this.hasSurrogates = false
  }

  /** The keys that begin with `prefix`, in order; a list of its own, so the map may change meanwhile. */
  keysWithPrefix(prefix: string): string[] {
    const found: string[] = []
    let place = this.chunkOf(prefix)
    let at = this.firstNotBelow(this.chunks[place]!, prefix)
    for (; place < this.chunks.length; place++, at = 0) {
      const chunk = this.chunks[place]!
      for (; at < chunk.length; at++) {
        const key = chunk[at]!
        if (!key.startsWith(prefix)) return found
        found.push(key)
      }
    }
    return found
  }

  /** The last key below `key`. */
  before(key: string): string | undefined {
    const place = this.chunkOf(key)
    const at = this.firstNotBelow(this.chunks[place]!, key)
    return at > 0 ? this.chunks[place]![at - 1] : this.chunks[place - 1]?.at(-1)
  }

  /** The first key at or above `key`. */
  atOrAfter(key: string): string | undefined {
    const place = this.chunkOf(key)
    const chunk = this.chunks[place]!
    const at = this.firstNotBelow(chunk, key)
    return at < chunk.length ? chunk[at] : this.chunks[place + 1]?.[0]
  }

  /** The last key that begins with `prefix`, unless U+FFFF or U+10FFFF, no characters, follow there. */
  lastWithPrefix(prefix: string): string | undefined {
    const last = this.before(prefix + (this.hasSurrogates ? '\u{10ffff}' : '\uffff'))
    return last?.startsWith(prefix) ? last : undefined
  }

  private insert(key: string): void {
    this.hasSurrogates ||= SURROGATE.test(key)
    const place = this.chunkOf(key)
    const chunk = this.chunks[place]!
    chunk.splice(this.firstNotBelow(chunk, key), 0, key)
    if (chunk.length <= CHUNK_KEYS_MAX) return
    this.chunks.splice(place + 1, 0, chunk.splice(chunk.length >>> 1))
  }

  /** The last chunk whose first key is not above `key`. */
  private chunkOf(key: string): number {
    let low = 0
    let high = this.chunks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.isBelow(key, this.chunks[middle]![0]!)) high = middle - 1
      else low = middle
    }
    return low
  }

  private firstNotBelow(chunk: readonly string[], key: string): number {
    let low = 0
    let high = chunk.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.isBelow(chunk[middle]!, key)) low = middle + 1
      else high = middle
    }
    return low
  }

  private isBelow(left: string, right: string): boolean {
    return this.hasSurrogates ? isBelowByCodePoint(left, right) : left < right
  }
}

function isBelowByCodePoint(left: string, right: string): boolean {
  const shorter = Math.min(left.length, right.length)
  for (let at = 0; at < shorter; at++) {
    const a = left.charCodeAt(at)
    const b = right.charCodeAt(at)
    if (a !== b) return ranked(a) < ranked(b)
  }
  return left.length < right.length
}

/** Surrogates stand for code points above every other unit, so they are moved behind U+FFFF. */
function ranked(unit: number): number {
  if (unit < 0xd800) return unit
  return unit > 0xdfff ? unit - 0x800 : unit + 0x2000
}
