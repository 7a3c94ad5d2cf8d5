const BITS = 32
/** Events younger than the first by more than this are not kept: no node's bits take more than 128 kB. */
const SPAN = 1 << 20

/**
 * The events by which a node has its rows, a bit each by their number. Most news that a node hears it has had:
 * to see that here takes one look at memory that is near, where the row itself is far.
 */
export class EventSet {
  private bits = new Int32Array(BITS)
  /** Number of the first that was added. */
  private first = -1

  /** @returns false also for one that was too young or too old to be kept. */
  has(number: number): boolean {
    const at = number - this.first
    return at >= 0 && ((this.bits[at >>> 5] ?? 0) & (1 << at)) !== 0
  }

  add(number: number): void {
    if (this.first < 0) this.first = number
    const at = number - this.first
    if (at < 0 || at >= SPAN) return
    const word = at >>> 5
    if (word >= this.bits.length) this.grow(word)
    this.bits[word]! |= 1 << at
  }

  delete(number: number): void {
    const at = number - this.first
    if (at >= 0 && at >>> 5 < this.bits.length) this.bits[at >>> 5]! &= ~(1 << at)
  }

  private grow(word: number): void {
    const larger = new Int32Array(2 * word)
    larger.set(this.bits)
    this.bits = larger
  }
}
