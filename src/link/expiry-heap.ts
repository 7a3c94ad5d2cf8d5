/**
 * Rows of a table in order of a lower bound of their expiry: a binary heap with the place of each row,
 * so that a row can be taken out. A row that is refreshed stays where it stands (its bound is then too
 * low, never too high): refreshing costs nothing here, and reaching the bound costs one look.
 */
export class ExpiryHeap {
  size = 0
  private heap: Int32Array
  private places: Int32Array
  private bounds: Float64Array

  constructor(rows: number) {
    this.heap = new Int32Array(rows)
    this.places = new Int32Array(rows)
    this.bounds = new Float64Array(rows)
  }

  grow(rows: number): void {
    const { heap, places, bounds } = this
    this.heap = new Int32Array(rows)
    this.places = new Int32Array(rows)
    this.bounds = new Float64Array(rows)
    this.heap.set(heap)
    this.places.set(places)
    this.bounds.set(bounds)
  }

  /** The lowest bound, or Infinity. */
  get nextBound(): number {
    return this.size === 0 ? Infinity : this.bounds[this.heap[0]!]!
  }

  /** The row with the lowest bound. */
  get first(): number {
    return this.heap[0]!
  }

  add(row: number, bound: number): void {
    this.bounds[row] = bound
    this.rise(this.size++, row)
  }

  /** Gives the first row its new, later bound. */
  postponeFirst(bound: number): void {
    const row = this.heap[0]!
    this.bounds[row] = bound
    this.sink(0, row)
  }

  remove(row: number): void {
    const at = this.places[row]!
    const last = this.heap[--this.size]!
    if (last === row) return
    if (this.bounds[last]! < this.bounds[row]!) this.rise(at, last)
    else this.sink(at, last)
  }

  private rise(at: number, row: number): void {
    const { heap, bounds } = this
    const bound = bounds[row]!
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]!
      if (bounds[above]! <= bound) break
      this.put(at, above)
      at = parent
    }
    this.put(at, row)
  }

  private sink(at: number, row: number): void {
    const { heap, bounds, size } = this
    const bound = bounds[row]!
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && bounds[heap[child + 1]!]! < bounds[heap[child]!]!) child++
      const below = heap[child]!
      if (bound <= bounds[below]!) break
      this.put(at, below)
      at = child
    }
    this.put(at, row)
  }

  private put(at: number, row: number): void {
    this.heap[at] = row
    this.places[row] = at
  }
}
