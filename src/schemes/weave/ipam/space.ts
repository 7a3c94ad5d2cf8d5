import { type AddressRange, biggestBlock, type Offset, sizeOf } from './address-range.ts'

/** A set of addresses: starts and ends of its ranges in turn, ascending; neighbouring ranges are one. */
type Bounds = readonly Offset[]

/** The addresses of one peer, taken and free: weaveworks/weave, ipam/space. */
export class Space {
  private taken: Bounds = []
  private free: Bounds = []

  /** Takes the lowest free address of the range; null when there is none. */
  allocate(range: AddressRange): Offset | null {
    const first = this.freeIn(range)[0]
    if (first === undefined) return null
    this.take(first.start)
    return first.start
  }

  /** @returns false when it is not free. */
  claim(address: Offset): boolean {
    if (!has(this.free, address)) return false
    this.take(address)
    return true
  }

  /** Gives an address back that was taken. */
  release(address: Offset): void {
    if (!has(this.taken, address)) return
    this.taken = subtract(this.taken, address, address + 1)
    this.free = add(this.free, address, address + 1)
  }

  /**
   * Gives away the biggest free block in the range, or its upper half if it is more than half of what is free there.
   * @returns null when nothing is free.
   */
  donate(range: AddressRange): AddressRange | null {
    let best: AddressRange | null = null
    for (const chunk of this.freeIn(range)) {
      const block = biggestBlock(chunk)
      if (best === null || sizeOf(block) >= sizeOf(best)) best = block
    }
    if (best === null) return null
    let { start } = best
    if (sizeOf(best) > Math.floor(this.freeCount(range) / 2)) start += Math.floor(sizeOf(best) / 2)
    this.free = subtract(this.free, start, best.end)
    return { start, end: best.end }
  }

  freeCount(range: AddressRange): number {
    return this.freeIn(range).reduce((sum, chunk) => sum + sizeOf(chunk), 0)
  }

  get totalFree(): number {
    return countOf(this.free)
  }

  /** All that it has, free or not, in ranges as large as can be. */
  owned(): readonly AddressRange[] {
    return rangesOf(this.everything())
  }

  /** Takes in, as free, what of these ranges it has not, and gives up what it has free beside them. */
  update(ranges: readonly AddressRange[]): void {
    let added: Bounds = []
    for (const { start, end } of ranges) added = add(added, start, end)
    let lost = this.everything()
    for (const { start, end } of rangesOf(added)) lost = subtract(lost, start, end)
    for (const { start, end } of this.owned()) added = subtract(added, start, end)
    for (const { start, end } of rangesOf(added)) this.free = add(this.free, start, end)
    for (const { start, end } of rangesOf(lost)) this.free = subtract(this.free, start, end)
  }

  /** Has nothing any more. */
  clear(): void {
    this.taken = []
    this.free = []
  }

  private take(address: Offset): void {
    this.taken = add(this.taken, address, address + 1)
    this.free = subtract(this.free, address, address + 1)
  }

  private everything(): Bounds {
    let all = this.taken
    for (const { start, end } of rangesOf(this.free)) all = add(all, start, end)
    return all
  }

  private freeIn({ start, end }: AddressRange): readonly AddressRange[] {
    const chunks: AddressRange[] = []
    for (const chunk of rangesOf(this.free)) {
      const cut = { start: Math.max(chunk.start, start), end: Math.min(chunk.end, end) }
      if (cut.start < cut.end) chunks.push(cut)
    }
    return chunks
  }
}

function rangesOf(bounds: Bounds): readonly AddressRange[] {
  const ranges: AddressRange[] = []
  for (let i = 0; i < bounds.length; i += 2) ranges.push({ start: bounds[i]!, end: bounds[i + 1]! })
  return ranges
}

function countOf(bounds: Bounds): number {
  return rangesOf(bounds).reduce((sum, range) => sum + sizeOf(range), 0)
}

function has(bounds: Bounds, address: Offset): boolean {
  return firstFrom(bounds, address + 1) % 2 === 1
}

/** Index of the first bound at or behind `address`. */
function firstFrom(bounds: Bounds, address: Offset): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (bounds[middle]! >= address) high = middle
    else low = middle + 1
  }
  return low
}

function add(bounds: Bounds, start: Offset, end: Offset): Bounds {
  return splice(bounds, start, end, 0)
}

function subtract(bounds: Bounds, start: Offset, end: Offset): Bounds {
  return splice(bounds, start, end, 1)
}

/** Bounds within [start, end] go; the new ones come in where they lie outside (0) or inside (1) of a range. */
function splice(bounds: Bounds, start: Offset, end: Offset, sense: 0 | 1): Bounds {
  const from = firstFrom(bounds, start)
  const to = Math.max(firstFrom(bounds, end + 1), from)
  const result = bounds.slice(0, from)
  if (from % 2 === sense) result.push(start)
  if (to % 2 === sense) result.push(end)
  return result.concat(bounds.slice(to))
}
