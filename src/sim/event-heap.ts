/** A binary heap of rows by (time, sequence): for events so far ahead that no calendar reaches them. */
export class EventHeap {
  size = 0
  /** Key of the first row; time is Infinity while the heap is empty. */
  firstTime = Infinity
  firstSequence = 0
  private rows = new Int32Array(256)
  /** Time and sequence of each place, side by side. */
  private keys = new Float64Array(512)

  push(time: number, sequence: number, row: number): void {
    if (this.size === this.rows.length) this.grow()
    const { keys, rows } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = keys[2 * parent]!
      if (above < time || (above === time && keys[2 * parent + 1]! < sequence)) break
      this.copy(parent, at)
      at = parent
    }
    keys[2 * at] = time
    keys[2 * at + 1] = sequence
    rows[at] = row
    if (at === 0) this.noteFirst()
  }

  /** Takes the first row; the heap must not be empty. */
  pop(): number {
    const { keys, rows } = this
    const first = rows[0]!
    const size = --this.size
    const time = keys[2 * size]!
    const sequence = keys[2 * size + 1]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.isBefore(child + 1, child)) child++
      const below = keys[2 * child]!
      if (time < below || (time === below && sequence < keys[2 * child + 1]!)) break
      this.copy(child, at)
      at = child
    }
    keys[2 * at] = time
    keys[2 * at + 1] = sequence
    rows[at] = rows[size]!
    this.noteFirst()
    return first
  }

  private isBefore(a: number, b: number): boolean {
    const { keys } = this
    const ta = keys[2 * a]!
    const tb = keys[2 * b]!
    return ta < tb || (ta === tb && keys[2 * a + 1]! < keys[2 * b + 1]!)
  }

  private copy(from: number, to: number): void {
    const { keys, rows } = this
    keys[2 * to] = keys[2 * from]!
    keys[2 * to + 1] = keys[2 * from + 1]!
    rows[to] = rows[from]!
  }

  private noteFirst(): void {
    this.firstTime = this.size === 0 ? Infinity : this.keys[0]!
    this.firstSequence = this.keys[1]!
  }

  private grow(): void {
    const { rows, keys } = this
    this.rows = new Int32Array(rows.length * 2)
    this.rows.set(rows)
    this.keys = new Float64Array(keys.length * 2)
    this.keys.set(keys)
  }
}
