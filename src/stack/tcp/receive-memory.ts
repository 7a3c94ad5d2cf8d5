/** A range beyond a hole. */
interface Range {
  start: number
  end: number
  truesize: number
}

/** Entries of the ring that marks where the memory of what is in order ends. */
const RING = 64

/**
 * What has arrived and was not read: in order up to `rcvNxt`, and ranges beyond holes. The frames
 * themselves are gone; what they cost (truesize) is held until their last byte has been read.
 */
export class ReceiveMemory {
  /** Bytes of truesize (sk_rmem_alloc). */
  allocated = 0
  /** In order of the stream; they do not touch each other. */
  readonly ranges: Range[] = []
  /** Of the data in order: end offset and truesize of each frame. */
  private cells = new Float64Array(2 * RING)
  private mask = RING - 1
  private head = 0
  private tail = 0

  /** Data in order up to `end`. */
  push(end: number, truesize: number): void {
    if (this.tail - this.head > this.mask) this.grow()
    const at = (this.tail++ & this.mask) << 1
    this.cells[at] = end
    this.cells[at + 1] = truesize
    this.allocated += truesize
  }

  private grow(): void {
    const size = 2 * (this.mask + 1)
    const cells = new Float64Array(2 * size)
    for (let i = this.head; i < this.tail; i++) {
      const from = (i & this.mask) << 1
      const to = (i & (size - 1)) << 1
      cells[to] = this.cells[from]!
      cells[to + 1] = this.cells[from + 1]!
    }
    this.cells = cells
    this.mask = size - 1
  }

  /** All before `copied` has been read. */
  release(copied: number): void {
    while (this.head < this.tail) {
      const at = (this.head & this.mask) << 1
      if (this.cells[at]! > copied) break
      this.allocated -= this.cells[at + 1]!
      this.head++
    }
    if (this.head !== this.tail) return
    this.head = 0
    this.tail = 0
  }

  /** Whether anything lies beyond a hole. */
  get hasHole(): boolean {
    return this.ranges.length > 0
  }

  /** Index of the first range that ends at `start` or later; the newest are at the end. */
  find(start: number): number {
    let at = this.ranges.length
    while (at > 0 && this.ranges[at - 1]!.end >= start) at--
    return at
  }

  /** Keeps [start, end), which lies beyond a hole, and joins the ranges that it touches. */
  insert(start: number, end: number, truesize: number): void {
    const { ranges } = this
    const at = this.find(start)
    this.allocated += truesize
    const first = ranges[at]
    if (first === undefined || first.start > end) {
      ranges.splice(at, 0, { start, end, truesize })
      return
    }
    first.start = Math.min(first.start, start)
    first.end = Math.max(first.end, end)
    first.truesize += truesize
    while (at + 1 < ranges.length && ranges[at + 1]!.start <= first.end) {
      const next = ranges[at + 1]!
      first.end = Math.max(first.end, next.end)
      first.truesize += next.truesize
      ranges.splice(at + 1, 1)
    }
  }

  /** Moves what `rcvNxt` has reached to the data in order. @returns up to where that goes. */
  advance(rcvNxt: number): number {
    const { ranges } = this
    while (ranges.length > 0 && ranges[0]!.start <= rcvNxt) {
      const { end, truesize } = ranges.shift()!
      this.allocated -= truesize
      if (end > rcvNxt) {
        rcvNxt = end
        this.push(end, truesize)
      }
    }
    return rcvNxt
  }

  /** Gives up the last range, whose sender must repeat it (tcp_prune_ofo_queue). */
  dropLast(): void {
    const last = this.ranges.pop()
    if (last !== undefined) this.allocated -= last.truesize
  }

  clear(): void {
    this.ranges.length = 0
    this.head = 0
    this.tail = 0
    this.allocated = 0
  }
}
