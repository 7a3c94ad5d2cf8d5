const SEQUENCES = 2 ** 32

/** Sequence numbers of an inbound state that have come (net/xfrm/xfrm_replay.c). */
export class ReplayWindow {
  private readonly size: number
  private readonly isExtended: boolean
  /** The highest that has come, with its upper half when there is one. */
  private highest = 0
  private readonly seen = new Set<number>()

  /** @param size packets; 0 looks at nothing. @param isExtended 64-bit sequence numbers (ESN). */
  constructor(size: number, isExtended: boolean) {
    this.size = size
    this.isExtended = isExtended
  }

  /** Whether a packet is new: neither repeated nor too old. @param low as the packet has it. */
  admits(low: number): boolean {
    if (this.size === 0) return true
    const sequence = this.wholeOf(low)
    if (sequence === 0) return false
    if (sequence > this.highest) return true
    return this.highest - sequence < this.size && !this.seen.has(sequence)
  }

  /** Notes a packet whose integrity was right. */
  advance(low: number): void {
    if (this.size === 0) return
    const sequence = this.wholeOf(low)
    this.seen.add(sequence)
    if (sequence <= this.highest) return
    this.highest = sequence
    if (this.seen.size <= 2 * this.size) return
    for (const old of this.seen) if (sequence - old >= this.size) this.seen.delete(old)
  }

  /** The upper half, which is not sent, is guessed from where the window stands (xfrm_replay_seqhi). */
  private wholeOf(low: number): number {
    if (!this.isExtended) return low
    const { highest, size } = this
    const bottom = highest % SEQUENCES
    const high = highest - bottom
    if (bottom >= size - 1) return low >= bottom - size + 1 ? high + low : high + SEQUENCES + low
    const isOfBefore = low >= bottom - size + 1 + SEQUENCES
    return isOfBefore && high >= SEQUENCES ? high - SEQUENCES + low : high + low
  }
}
