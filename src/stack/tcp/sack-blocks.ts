const BLOCKS_MAX = 4

/** What of the stream beyond `rcvNxt` has arrived, the latest first, as the SACK option says it (RFC 2018). */
export class SackBlocks {
  count = 0
  readonly starts = new Float64Array(BLOCKS_MAX)
  readonly ends = new Float64Array(BLOCKS_MAX)
  /** A duplicate to report as the first block (RFC 2883); nothing while the end is 0. */
  dsackStart = 0
  dsackEnd = 0

  get hasDsack(): boolean {
    return this.dsackEnd !== 0
  }

  clearDsack(): void {
    this.dsackEnd = 0
  }

  setDsack(start: number, end: number): void {
    this.dsackStart = start
    this.dsackEnd = end
  }

  /** One more duplicate; where it touches the first both are reported as one (tcp_dsack_extend). */
  extendDsack(start: number, end: number): void {
    if (!this.hasDsack) this.setDsack(start, end)
    else if (start <= this.dsackEnd && end >= this.dsackStart) {
      this.dsackStart = Math.min(this.dsackStart, start)
      this.dsackEnd = Math.max(this.dsackEnd, end)
    }
  }

  /** A range has arrived: it, or the block that it is part of now, becomes the first. */
  add(start: number, end: number): void {
    for (let i = 0; i < this.count; i++) {
      if (start > this.ends[i]! || end < this.starts[i]!) continue
      const first = Math.min(start, this.starts[i]!)
      const last = Math.max(end, this.ends[i]!)
      this.removeAt(i)
      return this.add(first, last)
    }
    if (this.count === BLOCKS_MAX) this.count--
    this.starts.copyWithin(1, 0, this.count)
    this.ends.copyWithin(1, 0, this.count)
    this.starts[0] = start
    this.ends[0] = end
    this.count++
  }

  /** Drops the blocks that `rcvNxt` has come to cover. */
  removeCovered(rcvNxt: number): void {
    let i = 0
    while (i < this.count) {
      if (this.starts[i]! <= rcvNxt) this.removeAt(i)
      else i++
    }
  }

  clear(): void {
    this.count = 0
  }

  private removeAt(at: number): void {
    this.starts.copyWithin(at, at + 1, this.count)
    this.ends.copyWithin(at, at + 1, this.count)
    this.count--
  }
}
