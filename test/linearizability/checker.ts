/**
 * Linearizability of a history (Herlihy and Wing), checked by Wing and Gong's search with Lowe's memory of
 * what was tried, the way Porcupine does it.
 */

/** An object's sequential behaviour. States are compared by `===`. */
export interface Model<State, Op> {
  readonly initial: State
  /** The state after the operation, or undefined when its answer cannot be in this state. */
  step(state: State, op: Op): State | undefined
}

/** Times in any one unit. `returned` is Infinity when the outcome is unknown: it takes effect late or never. */
export interface Interval {
  readonly called: number
  readonly returned: number
}

/** Of one check; a history that needs more has too much going on at once. */
const STEPS_MAX = 5_000_000

/**
 * Whether the operations can be put in an order that the model allows and that has no operation before
 * one that ended before it began.
 */
export function isLinearizable<State, Op extends Interval>(
  model: Model<State, Op>,
  ops: readonly Op[],
): boolean {
  const ended = ops.filter(({ returned }) => returned !== Infinity)
  const open = ops.filter(({ returned }) => returned === Infinity)
  return new Search(model, ended, open).run()
}

/** Calls and returns in the order of time, from which operations are taken and to which they go back. */
class EventList {
  /** Of event e: the operation, and whether this is its return. Event 0 is the head. */
  readonly op: Int32Array
  readonly isReturn: Uint8Array
  readonly next: Int32Array
  private readonly previous: Int32Array
  /** Of an operation. */
  private readonly returnOf: Int32Array

  constructor(ops: readonly Interval[]) {
    const events = ops.flatMap(({ called, returned }, op) => [
      { op, time: called, isReturn: 0 },
      { op, time: returned, isReturn: 1 },
    ])
    // A call at the very moment of a return: they overlap.
    events.sort((a, b) => a.time - b.time || a.isReturn - b.isReturn)
    const size = events.length + 1
    this.op = new Int32Array(size)
    this.isReturn = new Uint8Array(size)
    this.next = Int32Array.from({ length: size }, (_, e) => (e + 1) % size)
    this.previous = Int32Array.from({ length: size }, (_, e) => (e + size - 1) % size)
    this.returnOf = new Int32Array(ops.length)
    for (const [i, { op, isReturn }] of events.entries()) {
      this.op[i + 1] = op
      this.isReturn[i + 1] = isReturn
      if (isReturn === 1) this.returnOf[op] = i + 1
    }
  }

  /** Of what is left. */
  firstReturn(): number {
    let event = this.next[0]!
    while (this.isReturn[event] === 0) event = this.next[event]!
    return event
  }

  /** Takes an operation out, by its call. */
  take(call: number): void {
    this.unlink(call)
    this.unlink(this.returnOf[this.op[call]!]!)
  }

  /** Undoes the last `take` that was not undone yet. */
  putBack(call: number): void {
    this.link(this.returnOf[this.op[call]!]!)
    this.link(call)
  }

  private unlink(event: number): void {
    const before = this.previous[event]!
    const after = this.next[event]!
    this.next[before] = after
    this.previous[after] = before
  }

  private link(event: number): void {
    this.next[this.previous[event]!] = event
    this.previous[this.next[event]!] = event
  }
}

/** A set of operations, with a hash that follows each change. */
class OpSet {
  readonly words: Int32Array
  hash = 0

  constructor(size: number) {
    this.words = new Int32Array((size + 31) >>> 5)
  }

  flip(op: number): void {
    this.words[op >>> 5]! ^= 1 << (op & 31)
    let mixed = Math.imul(op + 1, 0x9e3779b1)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77)
    this.hash ^= mixed ^ (mixed >>> 13)
  }

  equals(words: Int32Array): boolean {
    return this.words.every((word, i) => word === words[i])
  }
}

/** The state that operations led to, and which open ones (a bit each) are among them. */
interface Reached<State> {
  readonly state: State
  readonly open: bigint
}

/** The same state with fewer open operations placed leaves more to choose from: nothing is out of its reach. */
function isCovered<State>(known: readonly Reached<State>[], { state, open }: Reached<State>) {
  return known.some((each) => each.state === state && (each.open & ~open) === 0n)
}

/** Where the search has been, by the ended operations that had a place. */
class Tried<State> {
  private readonly byHash = new Map<number, { words: Int32Array; reached: Reached<State>[] }[]>()

  /** @returns false when nothing new can come from there. */
  add(ended: OpSet, reached: Reached<State>): boolean {
    let sameHash = this.byHash.get(ended.hash)
    if (sameHash === undefined) {
      sameHash = []
      this.byHash.set(ended.hash, sameHash)
    }
    const known = sameHash.find(({ words }) => ended.equals(words))
    if (known === undefined) {
      sameHash.push({ words: ended.words.slice(), reached: [reached] })
      return true
    }
    if (isCovered(known.reached, reached)) return false
    known.reached.push(reached)
    return true
  }
}

/** To let an ended operation take effect next, with open ones before it where they help. */
interface Choice<State> extends Reached<State> {
  readonly call: number
}

class Search<State, Op extends Interval> {
  private readonly model: Model<State, Op>
  private readonly ended: readonly Op[]
  private readonly open: readonly Op[]
  private readonly list: EventList
  private readonly placed: OpSet
  private readonly tried = new Tried<State>()
  private steps = 0

  constructor(model: Model<State, Op>, ended: readonly Op[], open: readonly Op[]) {
    this.model = model
    this.ended = ended
    this.open = open
    this.list = new EventList(ended)
    this.placed = new OpSet(ended.length)
  }

  run(): boolean {
    const { list, placed, ended } = this
    const path: { call: number; choices: Generator<Choice<State>> }[] = []
    let choices = this.choices({ state: this.model.initial, open: 0n })
    while (path.length < ended.length) {
      const choice = choices.next()
      if (choice.done === true) {
        const last = path.pop()
        if (last === undefined) return false
        list.putBack(last.call)
        placed.flip(list.op[last.call]!)
        choices = last.choices
        continue
      }
      const { call } = choice.value
      placed.flip(list.op[call]!)
      if (this.tried.add(placed, choice.value)) {
        path.push({ call, choices })
        list.take(call)
        choices = this.choices(choice.value)
      } else placed.flip(list.op[call]!)
    }
    return true
  }

  /** Those with few open operations come first. */
  private *choices(from: Reached<State>): Generator<Choice<State>> {
    const { list, model, ended } = this
    const reached = [from]
    for (const { state, open } of reached) {
      // Whatever begins after an end that has no place yet must wait.
      for (let call = list.next[0]!; list.isReturn[call] === 0; call = list.next[call]!) {
        if (++this.steps > STEPS_MAX) throw new Error(`gave up on ${ended.length} operations`)
        const after = model.step(state, ended[list.op[call]!]!)
        if (after !== undefined) yield { call, state: after, open }
      }
      this.extend({ state, open }, reached)
    }
  }

  /** Adds what one more open operation leads to. */
  private extend({ state, open }: Reached<State>, reached: Reached<State>[]): void {
    const { list, model } = this
    if (this.open.length === 0) return
    const until = this.ended[list.op[list.firstReturn()]!]!.returned
    for (const [i, op] of this.open.entries()) {
      const bit = 1n << BigInt(i)
      if (op.called > until || (open & bit) !== 0n) continue
      const after = model.step(state, op)
      if (after === undefined) continue
      const next = { state: after, open: open | bit }
      if (!isCovered(reached, next)) reached.push(next)
    }
  }
}
