export const IN_ORDER = 0
export const REORDERED = 1
export const DUPLICATE = 2

/** Which packets of a flow have arrived: one bit each, so that every late copy is known as such. */
export class SequenceTracker {
  private highest = -1
  private seen = new Int32Array(2)

  /**
   * Notes an arrival. @returns IN_ORDER, REORDERED when a later packet came before (RFC 4737 3.2),
   * or DUPLICATE, which is never reordered as well.
   */
  record(sequence: number): typeof IN_ORDER | typeof REORDERED | typeof DUPLICATE {
    const word = sequence >>> 5
    if (word >= this.seen.length) this.grow(word)
    const bit = 1 << (sequence & 31)
    const bits = this.seen[word]!
    if ((bits & bit) !== 0) return DUPLICATE
    this.seen[word] = bits | bit
    if (sequence < this.highest) return REORDERED
    this.highest = sequence
    return IN_ORDER
  }

  private grow(word: number): void {
    let size = this.seen.length * 2
    while (size <= word) size *= 2
    const larger = new Int32Array(size)
    larger.set(this.seen)
    this.seen = larger
  }
}
