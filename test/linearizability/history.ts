/** Histories of a key-value store: what clients asked, when, and what they were told. */
import { type Interval, isLinearizable, type Model } from './checker.ts'

/** What a compare-and-swap wants to find: the value, or the revision of the last change (0 = no such key). */
export type Expected = { readonly value: string } | { readonly revision: number }

export type Request =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string }
  | { readonly kind: 'cas'; readonly expected: Expected; readonly value: string }
  | { readonly kind: 'delete' }

/** A key as it was seen: null = it did not exist, with revision 0. */
export interface Seen {
  readonly value: string | null
  readonly revision: number
}

/** What the store told; what it did not tell is null. */
export interface Answer {
  /** Whether the swap was done, or the key was there to be deleted. */
  readonly isDone: boolean | null
  /** By a get, and by a swap that was refused. */
  readonly seen: Seen | null
  /** Of the change that was made. */
  readonly revision: number | null
  /** Of the whole store when it answered. */
  readonly storeRevision: number | null
}

/** Values written are unique in their history. */
export interface Operation extends Interval {
  readonly client: string
  readonly key: string
  readonly request: Request
  /** Null = the outcome is unknown. */
  readonly answer: Answer | null
}

/** The revision at which each value was written, as far as anybody was told. */
class Revisions {
  readonly of = new Map<string, number>()
  private readonly values = new Map<number, string>()
  readonly faults: string[] = []

  constructor(ops: readonly Operation[]) {
    for (const { request, answer } of ops) {
      if (answer === null) continue
      if (answer.seen !== null && answer.seen.value !== null) this.note(answer.seen)
      const { revision } = answer
      if (revision !== null && 'value' in request) this.note({ value: request.value, revision })
    }
  }

  private note({ value, revision }: Seen): void {
    const known = this.of.get(value!)
    if (known !== undefined && known !== revision) {
      this.faults.push(`${value} has revision ${known} and ${revision}`)
    }
    this.of.set(value!, revision)
    this.values.set(revision, value!)
  }

  /** Whether a key that holds `state` is what a swap expects. */
  matches(state: string | null, expected: Expected): boolean {
    if ('value' in expected) return state === expected.value
    // What nobody was told the revision of cannot be what somebody expects by its revision.
    return state === (this.values.get(expected.revision) ?? null)
  }
}

/** One key: its value, null when it does not exist. */
class KeyModel implements Model<string | null, Operation> {
  readonly initial = null
  private readonly revisions: Revisions

  constructor(revisions: Revisions) {
    this.revisions = revisions
  }

  step(state: string | null, { request, answer }: Operation): string | null | undefined {
    switch (request.kind) {
      case 'get':
        return answer === null || answer.seen!.value === state ? state : undefined
      case 'put':
        return this.write(state, request.value)
      case 'cas': {
        const isMatch = this.revisions.matches(state, request.expected)
        if (answer !== null && answer.isDone !== isMatch) return undefined
        if (isMatch) return this.write(state, request.value)
        const seen = answer?.seen ?? null
        return seen === null || seen.value === state ? state : undefined
      }
      case 'delete': {
        const isDone = answer?.isDone ?? null
        return isDone !== null && isDone !== (state !== null) ? undefined : null
      }
    }
  }

  private write(state: string | null, value: string): string | undefined {
    const before = state === null ? undefined : this.revisions.of.get(state)
    const after = this.revisions.of.get(value)
    const isOrdered = before === undefined || after === undefined || before < after
    return isOrdered ? value : undefined
  }
}

/** What is wrong with a history; empty = it is linearizable, and its revisions are those of one store. */
export function faultsOf(ops: readonly Operation[]): string[] {
  const keys = new Map<string, Operation[]>()
  for (const op of ops) {
    // An unanswered get has seen nothing and changed nothing.
    if (op.answer === null && op.request.kind === 'get') continue
    const of = keys.get(op.key)
    if (of === undefined) keys.set(op.key, [op])
    else of.push(op)
  }
  const faults = [...storeRevisionFaults(ops)]
  for (const [key, of] of keys) {
    const revisions = new Revisions(of)
    faults.push(...revisions.faults)
    if (!isLinearizable(new KeyModel(revisions), of)) faults.push(`${key} is not linearizable`)
  }
  return faults
}

/** The store's revision never goes back: who asks after an answer is told of no earlier one. */
function* storeRevisionFaults(ops: readonly Operation[]): Generator<string> {
  const answered = ops.filter(({ answer }) => (answer?.storeRevision ?? null) !== null)
  const byReturn = answered.toSorted((a, b) => a.returned - b.returned)
  const byCall = answered.toSorted((a, b) => a.called - b.called)
  let known = 0
  let next = 0
  for (const { called, answer, client } of byCall) {
    for (; next < byReturn.length && byReturn[next]!.returned < called; next++) {
      known = Math.max(known, byReturn[next]!.answer!.storeRevision!)
    }
    const { storeRevision, revision } = answer!
    const isOld = revision === null ? storeRevision! < known : storeRevision! <= known
    if (isOld) yield `${client} is told of revision ${storeRevision} after ${known}`
  }
}
