import { EventHeap } from './event-heap.ts'

/** What an event is for. */
export interface EventTarget {
  /** Called when the clock has reached the event's time. */
  fire(argument: number): void
}

const NIL = -1
/** Words of a row: its key, then what is handed to the target. */
const TIME = 0
const SEQUENCE = 1
const ARGUMENT = 2
const ROW_SHIFT = 2

/** Near events that a sorted ring holds before the calendar takes over. */
const RING = 32
const RING_MASK = 31
/** Near events, at a look, with which the ring takes over again. */
const RING_AGAIN = 8

const MIN_BUCKETS = 4096
const MAX_BUCKETS = 2 ** 20
const MIN_WIDTH_BITS = 8
const MAX_WIDTH_BITS = 40
/** How many insertions pass between two looks at whether the calendar still suits the load. */
const TUNE_INTERVAL = 8192
const MAX_TUNE_INTERVAL = 2 ** 22
/** Steps along one list that are too many, and how often that may be until the next look. */
const LONG_WALK = 256
const LONG_WALKS = 64
/** Looks for which the calendar stays narrow after its lists were too long; doubled each time. */
const NARROW_LOOKS = 8
const MAX_NARROW_LOOKS = 1024

/**
 * The pending events, in order of (time, sequence). Those of the near future stand in a sorted ring
 * while they are few, and in a calendar of buckets when they are many; a heap holds what lies beyond.
 * Widths are powers of two of picoseconds, so that a bucket number is exact and two events can never
 * change places at a bucket's edge.
 */
export class EventQueue {
  size = 0
  private capacity = 1024
  private cells = new Float64Array(this.capacity << ROW_SHIFT)
  private next = new Int32Array(this.capacity)
  private targets: (EventTarget | null)[] = new Array(this.capacity).fill(null)
  private freeHead = 0

  /** Events in the ring or in the calendar. */
  private near = 0
  /** Where the calendar's window, and the ring's reach, begins: the time of the last event taken. */
  private windowTime = 0
  /** One bucket less than the calendar has, for the window begins anywhere in its first one. */
  private span = (MIN_BUCKETS - 1) * 2 ** 17
  private readonly heap = new EventHeap()

  private isRing = true
  private readonly ring = new Int32Array(RING)
  private ringHead = 0

  /** Last row of each bucket's list, which is a circle: its `next` is the first row. */
  private tails = new Int32Array(MIN_BUCKETS).fill(NIL)
  private occupied = new Int32Array(MIN_BUCKETS >>> 5)
  private bucketMask = MIN_BUCKETS - 1
  private widthBits = 17
  private inverseWidth = 2 ** -17

  private untilTune = TUNE_INTERVAL
  private tuneInterval = TUNE_INTERVAL
  private lastChange = 0
  private walked = 0
  private beyond = 0
  private longWalks = 0
  private narrowFor = 0
  private narrowNext = NARROW_LOOKS

  /** The event that `pop` took last. */
  poppedTime = 0
  poppedSequence = 0
  poppedArgument = 0

  constructor() {
    this.linkFree(0)
  }

  push(time: number, sequence: number, target: EventTarget, argument: number): void {
    if (this.freeHead === NIL) this.grow()
    const row = this.freeHead
    this.freeHead = this.next[row]!
    const { cells } = this
    const at = row << ROW_SHIFT
    cells[at + TIME] = time
    cells[at + SEQUENCE] = sequence
    cells[at + ARGUMENT] = argument
    this.targets[row] = target
    this.size++
    if (--this.untilTune === 0) this.tune()
    this.place(row, time, sequence)
  }

  private place(row: number, time: number, sequence: number): void {
    if (time - this.windowTime >= this.span) {
      this.beyond++
      this.heap.push(time, sequence, row)
    } else if (!this.isRing) this.insert(row, time, sequence)
    else if (this.near < RING) this.insertInRing(row, time, sequence)
    else {
      this.refill(false)
      this.insert(row, time, sequence)
    }
  }

  /** Time of the earliest event, or Infinity. */
  peekTime(): number {
    const { firstTime } = this.heap
    if (this.near === 0) return firstTime
    const row = this.isRing
      ? this.ring[this.ringHead]!
      : this.next[this.tails[this.firstBucket()]!]!
    return Math.min(firstTime, this.cells[(row << ROW_SHIFT) + TIME]!)
  }

  /** Takes the earliest event if it is not later than `limit`; null otherwise. */
  pop(limit: number): EventTarget | null {
    if (this.near === 0) return this.popBeyond(limit)
    const { cells, heap } = this
    let bucket = NIL
    let row: number
    if (this.isRing) row = this.ring[this.ringHead]!
    else {
      bucket = this.firstBucket()
      row = this.next[this.tails[bucket]!]!
    }
    const at = row << ROW_SHIFT
    const time = cells[at + TIME]!
    if (heap.firstTime <= time) {
      if (heap.firstTime < time || heap.firstSequence < cells[at + SEQUENCE]!) {
        return this.popBeyond(limit)
      }
    }
    if (time > limit) return null
    this.near--
    if (bucket === NIL) this.ringHead = (this.ringHead + 1) & RING_MASK
    else this.unlinkFirst(bucket, row)
    return this.take(row, time)
  }

  private popBeyond(limit: number): EventTarget | null {
    const { heap } = this
    const time = heap.firstTime
    if (heap.size === 0 || time > limit) return null
    return this.take(heap.pop(), time)
  }

  private take(row: number, time: number): EventTarget {
    const { cells } = this
    const at = row << ROW_SHIFT
    const target = this.targets[row]!
    this.targets[row] = null
    this.poppedTime = time
    this.poppedSequence = cells[at + SEQUENCE]!
    this.poppedArgument = cells[at + ARGUMENT]!
    this.windowTime = time
    this.next[row] = this.freeHead
    this.freeHead = row
    this.size--
    return target
  }

  private insertInRing(row: number, time: number, sequence: number): void {
    const { ring, cells, ringHead } = this
    let place = ringHead + this.near++
    while (place !== ringHead) {
      const before = ring[(place - 1) & RING_MASK]!
      const beforeTime = cells[(before << ROW_SHIFT) + TIME]!
      if (beforeTime < time) break
      if (beforeTime === time && cells[(before << ROW_SHIFT) + SEQUENCE]! < sequence) break
      ring[place & RING_MASK] = before
      place--
    }
    ring[place & RING_MASK] = row
  }

  private bucketOf(time: number): number {
    return Math.floor(time * this.inverseWidth) & this.bucketMask
  }

  /** The first occupied bucket from the window's beginning on; there must be one. */
  private firstBucket(): number {
    const { occupied } = this
    const start = this.bucketOf(this.windowTime)
    let word = start >>> 5
    let bits = occupied[word]! & (-1 << (start & 31))
    while (bits === 0) {
      word = (word + 1) & (this.bucketMask >>> 5)
      bits = occupied[word]!
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits))
  }

  private unlinkFirst(bucket: number, row: number): void {
    const { next, tails, occupied } = this
    const last = tails[bucket]!
    if (last === row) {
      tails[bucket] = NIL
      occupied[bucket >>> 5] = occupied[bucket >>> 5]! & ~(1 << (bucket & 31))
    } else next[last] = next[row]!
  }

  private insert(row: number, time: number, sequence: number): void {
    const { next, tails, occupied } = this
    const bucket = this.bucketOf(time)
    const last = tails[bucket]!
    this.near++
    if (last === NIL) {
      next[row] = row
      tails[bucket] = row
      occupied[bucket >>> 5] = occupied[bucket >>> 5]! | (1 << (bucket & 31))
      return
    }
    let previous = last
    if (this.isBefore(last, time, sequence)) tails[bucket] = row
    else {
      const before = this.walked
      while (this.isBefore(next[previous]!, time, sequence)) {
        previous = next[previous]!
        this.walked++
      }
      if (this.walked - before > LONG_WALK && ++this.longWalks > LONG_WALKS) this.untilTune = 1
    }
    next[row] = next[previous]!
    next[previous] = row
  }

  private isBefore(row: number, time: number, sequence: number): boolean {
    const { cells } = this
    const at = row << ROW_SHIFT
    const rowTime = cells[at + TIME]!
    return rowTime < time || (rowTime === time && cells[at + SEQUENCE]! < sequence)
  }

  /**
   * Looks whether the shape suits the load: wider buckets where many events fall beyond, the ring where
   * few are near, more buckets where there are many events, narrower ones where their lists are long. A
   * load for which one change undoes another is looked at ever more seldom. Where both hold, of bursts
   * that are far apart, it stays narrow: the heap takes the logarithm of what lies beyond, a list all of it.
   */
  private tune(): void {
    const { beyond, near, tuneInterval } = this
    const buckets = this.bucketMask + 1
    const isSlow = this.walked > 4 * tuneInterval || this.longWalks > LONG_WALKS
    this.walked = 0
    this.longWalks = 0
    this.beyond = 0
    if (this.narrowFor > 0) this.narrowFor--
    if (isSlow && !this.isRing) this.narrow(buckets)
    else if (beyond > tuneInterval / 8 && this.heap.size > RING && this.narrowFor === 0) {
      this.reshape(2, buckets)
    } else if (this.isRing) this.lastChange = 0
    else if (near <= RING_AGAIN) this.refill(true)
    else if (near > 2 * buckets && buckets < MAX_BUCKETS) this.reshape(-2, buckets * 4)
    else if (near < buckets / 64 && buckets > MIN_BUCKETS) this.reshape(2, buckets / 4)
    this.untilTune = this.tuneInterval
  }

  private narrow(buckets: number): void {
    this.narrowFor = this.narrowNext
    this.narrowNext = Math.min(this.narrowNext * 2, MAX_NARROW_LOOKS)
    this.reshape(-2, buckets)
  }

  private reshape(widthChange: number, buckets: number): void {
    const bits = this.widthBits + widthChange
    if (bits < MIN_WIDTH_BITS || bits > MAX_WIDTH_BITS) return
    if (widthChange === -this.lastChange && this.tuneInterval < MAX_TUNE_INTERVAL) {
      this.tuneInterval *= 2
    }
    this.lastChange = widthChange
    const rows = this.takeNear()
    while (this.heap.size > 0) rows.push(this.heap.pop())
    this.widthBits = bits
    this.inverseWidth = 2 ** -bits
    this.span = (buckets - 1) * 2 ** bits
    if (buckets !== this.tails.length) {
      this.tails = new Int32Array(buckets).fill(NIL)
      this.occupied = new Int32Array(buckets >>> 5)
      this.bucketMask = buckets - 1
    }
    for (const row of rows) this.replace(row)
    this.beyond = 0
    this.walked = 0
  }

  /** Moves what is near into the ring, or out of it into the calendar. */
  private refill(isRing: boolean): void {
    const rows = this.takeNear()
    this.isRing = isRing
    for (const row of rows) this.replace(row)
  }

  private replace(row: number): void {
    const at = row << ROW_SHIFT
    this.place(row, this.cells[at + TIME]!, this.cells[at + SEQUENCE]!)
  }

  /** Empties ring and calendar. @returns their rows in order, so that putting them back walks no list. */
  private takeNear(): number[] {
    const rows: number[] = []
    while (this.near > 0) {
      this.near--
      if (this.isRing) {
        rows.push(this.ring[this.ringHead]!)
        this.ringHead = (this.ringHead + 1) & RING_MASK
      } else {
        const bucket = this.firstBucket()
        const row = this.next[this.tails[bucket]!]!
        this.unlinkFirst(bucket, row)
        rows.push(row)
      }
    }
    return rows
  }

  private grow(): void {
    const from = this.capacity
    const { cells, next } = this
    this.capacity = from * 2
    this.cells = new Float64Array(this.capacity << ROW_SHIFT)
    this.cells.set(cells)
    this.next = new Int32Array(this.capacity)
    this.next.set(next)
    for (let row = from; row < this.capacity; row++) this.targets.push(null)
    this.linkFree(from)
  }

  private linkFree(from: number): void {
    for (let row = from; row < this.capacity - 1; row++) this.next[row] = row + 1
    this.next[this.capacity - 1] = NIL
    this.freeHead = from
  }
}
