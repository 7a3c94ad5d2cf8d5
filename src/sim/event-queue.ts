/**
 * The pending events, in order of (time, sequence): a calendar of buckets for the near future and
 * a binary heap for what lies beyond it. Widths are powers of two of picoseconds, so that a bucket
 * number is exact and two events can never change places at a bucket's edge.
 *
 * An event is a row in typed arrays: time, sequence, target (an object with `fire`) and an argument.
 */
export interface EventTarget {
  /** Called when the clock has reached the event's time. */
  fire(argument: number): void
}

const BUCKETS = 4096
const BUCKET_MASK = BUCKETS - 1
const WORDS = BUCKETS / 32
const NIL = -1
/** How many insertions pass between two looks at whether the bucket width still suits the load. */
const TUNE_INTERVAL = 8192
const MIN_WIDTH_BITS = 8
const MAX_WIDTH_BITS = 40

export class EventQueue {
  size = 0
  private capacity = 1024
  private times = new Float64Array(this.capacity)
  private sequences = new Float64Array(this.capacity)
  private args = new Float64Array(this.capacity)
  private next = new Int32Array(this.capacity)
  private targets: (EventTarget | null)[] = new Array(this.capacity).fill(null)
  private freeHead = 0

  private readonly head = new Int32Array(BUCKETS).fill(NIL)
  private readonly tail = new Int32Array(BUCKETS).fill(NIL)
  private readonly occupied = new Int32Array(WORDS)
  private widthBits = 17
  private inverseWidth = 2 ** -17
  /** Bucket number (time / width) of the first bucket of the calendar's window. */
  private windowStart = 0
  private near = 0

  private heap = new Int32Array(256)
  private heapSize = 0

  private inserted = 0
  private walked = 0
  private beyond = 0

  /** The row that `pop` took last: its fields stay readable until the next `push`. */
  poppedTime = 0
  poppedArgument = 0

  constructor() {
    this.linkFree(0)
  }

  push(time: number, sequence: number, target: EventTarget, argument: number): void {
    if (this.freeHead === NIL) this.grow()
    const row = this.freeHead
    this.freeHead = this.next[row]!
    this.times[row] = time
    this.sequences[row] = sequence
    this.args[row] = argument
    this.targets[row] = target
    this.size++
    this.place(row, time)
    if (++this.inserted === TUNE_INTERVAL) this.tune()
  }

  /** Time of the earliest event, or Infinity. */
  peekTime(): number {
    if (this.near !== 0) return this.times[this.first()]!
    return this.heapSize === 0 ? Infinity : this.times[this.heap[0]!]!
  }

  /** Takes the earliest event if it is not later than `limit`; null otherwise. */
  pop(limit: number): EventTarget | null {
    if (this.near === 0) {
      if (this.heapSize === 0) return null
      const earliest = this.times[this.heap[0]!]!
      // The window moves only for an event that is taken, so it never runs ahead of the clock.
      if (earliest > limit) return null
      this.windowStart = Math.floor(earliest * this.inverseWidth)
      this.drainHeap()
    }
    const row = this.first()
    const time = this.times[row]!
    if (time > limit) return null
    this.unlinkFirst(row)
    const target = this.targets[row]!
    this.targets[row] = null
    this.poppedTime = time
    this.poppedArgument = this.args[row]!
    this.next[row] = this.freeHead
    this.freeHead = row
    this.size--
    return target
  }

  private firstBucket = NIL

  /** The earliest near row: the head of the first occupied bucket, which `firstBucket` then names. */
  private first(): number {
    const start = this.windowStart & BUCKET_MASK
    let word = start >>> 5
    let bits = this.occupied[word]! & (-1 << (start & 31))
    for (let i = 0; i <= WORDS; i++) {
      if (bits !== 0) {
        const bucket = (word << 5) + (31 - Math.clz32(bits & -bits))
        this.firstBucket = bucket
        return this.head[bucket]!
      }
      word = (word + 1) & (WORDS - 1)
      bits = this.occupied[word]!
    }
    throw new Error('event queue: near events are counted but none is found')
  }

  private unlinkFirst(row: number): void {
    const bucket = this.firstBucket
    const following = this.next[row]!
    this.head[bucket] = following
    if (following === NIL) {
      this.tail[bucket] = NIL
      this.occupied[bucket >>> 5] = this.occupied[bucket >>> 5]! & ~(1 << (bucket & 31))
    }
    this.near--
    const number = Math.floor(this.times[row]! * this.inverseWidth)
    // The window slides with the clock; what the slide brings within reach leaves the heap.
    if (number !== this.windowStart) {
      this.windowStart = number
      if (this.heapSize !== 0) this.drainHeap()
    }
  }

  private drainHeap(): void {
    const limit = this.windowStart + BUCKETS
    while (this.heapSize !== 0) {
      const row = this.heap[0]!
      const number = Math.floor(this.times[row]! * this.inverseWidth)
      if (number >= limit) return
      this.heapPop()
      this.insert(row, number & BUCKET_MASK)
    }
  }

  private place(row: number, time: number): void {
    const number = Math.floor(time * this.inverseWidth)
    if (number - this.windowStart < BUCKETS) this.insert(row, number & BUCKET_MASK)
    else {
      this.beyond++
      this.heapPush(row)
    }
  }

  private insert(row: number, bucket: number): void {
    const { next } = this
    const last = this.tail[bucket]!
    this.near++
    if (last === NIL) {
      this.head[bucket] = row
      this.tail[bucket] = row
      next[row] = NIL
      this.occupied[bucket >>> 5] = this.occupied[bucket >>> 5]! | (1 << (bucket & 31))
      return
    }
    if (this.before(last, row)) {
      next[last] = row
      next[row] = NIL
      this.tail[bucket] = row
      return
    }
    let previous = NIL
    let at = this.head[bucket]!
    while (this.before(at, row)) {
      previous = at
      at = next[at]!
      this.walked++
    }
    next[row] = at
    if (previous === NIL) this.head[bucket] = row
    else next[previous] = row
  }

  private before(a: number, b: number): boolean {
    const ta = this.times[a]!
    const tb = this.times[b]!
    return ta < tb || (ta === tb && this.sequences[a]! < this.sequences[b]!)
  }

  /** Halves the width where buckets hold long lists, quadruples it where most events fall beyond. */
  private tune(): void {
    const { walked, beyond } = this
    this.inserted = 0
    this.walked = 0
    this.beyond = 0
    if (walked > 4 * TUNE_INTERVAL && this.widthBits > MIN_WIDTH_BITS)
      this.rebuild(this.widthBits - 2)
    else if (beyond > TUNE_INTERVAL / 2 && this.widthBits < MAX_WIDTH_BITS) {
      this.rebuild(this.widthBits + 2)
    }
  }

  private rebuild(widthBits: number): void {
    const rows = this.takeAll()
    const startTime = this.windowStart / this.inverseWidth
    this.widthBits = widthBits
    this.inverseWidth = 2 ** -widthBits
    this.windowStart = Math.floor(startTime * this.inverseWidth)
    for (const row of rows) this.place(row, this.times[row]!)
    this.beyond = 0
    this.walked = 0
  }

  private takeAll(): number[] {
    const rows: number[] = []
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      for (let row = this.head[bucket]!; row !== NIL; row = this.next[row]!) rows.push(row)
    }
    for (let i = 0; i < this.heapSize; i++) rows.push(this.heap[i]!)
    this.head.fill(NIL)
    this.tail.fill(NIL)
    this.occupied.fill(0)
    this.near = 0
    this.heapSize = 0
    return rows.sort((a, b) => (this.before(a, b) ? -1 : 1))
  }

  private heapPush(row: number): void {
    if (this.heapSize === this.heap.length) {
      const larger = new Int32Array(this.heap.length * 2)
      larger.set(this.heap)
      this.heap = larger
    }
    const { heap } = this
    let at = this.heapSize++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.before(heap[parent]!, row)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = row
  }

  private heapPop(): void {
    const { heap } = this
    const size = --this.heapSize
    if (size === 0) return
    const row = heap[size]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.before(heap[child + 1]!, heap[child]!)) child++
      if (this.before(row, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = row
  }

  private grow(): void {
    const from = this.capacity
    this.capacity = from * 2
    this.times = copyInto(new Float64Array(this.capacity), this.times)
    this.sequences = copyInto(new Float64Array(this.capacity), this.sequences)
    this.args = copyInto(new Float64Array(this.capacity), this.args)
    this.next = copyInto(new Int32Array(this.capacity), this.next)
    for (let row = from; row < this.capacity; row++) this.targets.push(null)
    this.linkFree(from)
  }

  private linkFree(from: number): void {
    for (let row = from; row < this.capacity - 1; row++) this.next[row] = row + 1
    this.next[this.capacity - 1] = NIL
    this.freeHead = from
  }
}

function copyInto<T extends Float64Array | Int32Array>(larger: T, smaller: T): T {
  larger.set(smaller)
  return larger
}
