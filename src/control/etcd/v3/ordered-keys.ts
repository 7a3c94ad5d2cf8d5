/** A set of strings in the order of their characters, for many keys that come and go. */

const CHUNK_MAX = 512

/**
 * Sorted chunks of at most 512 keys: insertion and removal move half a chunk on average and find it
 * by halving, whatever the number of keys.
 */
export class OrderedKeys {
  private readonly chunks: string[][] = []

  /** Adds a key that is not there. */
  add(key: string): void {
    const { chunks } = this
    if (chunks.length === 0) {
      chunks.push([key])
      return
    }
    const at = this.chunkOf(key)
    const chunk = chunks[at]!
    chunk.splice(lowerBound(chunk, key), 0, key)
    if (chunk.length > CHUNK_MAX) chunks.splice(at + 1, 0, chunk.splice(CHUNK_MAX / 2))
  }

  /** Removes a key that is there. */
  delete(key: string): void {
    const at = this.chunkOf(key)
    const chunk = this.chunks[at]!
    chunk.splice(lowerBound(chunk, key), 1)
    if (chunk.length === 0) this.chunks.splice(at, 1)
  }

  /** Calls `visit` for the keys from `from` up to, not including, `end`; all of them if null. */
  visit(from: string, end: string | null, visit: (key: string) => void): void {
    const { chunks } = this
    if (chunks.length === 0) return
    let at = this.chunkOf(from)
    let i = lowerBound(chunks[at]!, from)
    for (; at < chunks.length; at++, i = 0) {
      const chunk = chunks[at]!
      for (; i < chunk.length; i++) {
        const key = chunk[i]!
        if (end !== null && key >= end) return
        visit(key)
      }
    }
  }

  /** The last chunk that begins at or before `key`, or the first. */
  private chunkOf(key: string): number {
    let [low, high] = [0, this.chunks.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.chunks[middle]![0]! <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Where the first key that is not below `key` stands. */
function lowerBound(chunk: readonly string[], key: string): number {
  let [low, high] = [0, chunk.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (chunk[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
