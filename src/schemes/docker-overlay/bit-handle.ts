import { KvError } from '../../control/kv/store.ts'
import type { Process } from '../../sim/process.ts'
import { BitSequence } from './bit-sequence.ts'
import type { Datastore } from './datastore.ts'
import { goJson } from './go-json.ts'

/** Why no bit was set: none is free, or the wanted one is not. */
export type BitRefusal = 'none free' | 'taken'

const TAKEN = new KvError('failed', 'taken')
const NONE_FREE = new KvError('failed', 'none free')

/** A bit sequence in the store that several daemons change (bitseq's Handle). */
export class BitHandle {
  private readonly datastore: Datastore
  private readonly path: string
  private readonly id: string
  private readonly bits: number

  constructor(datastore: Datastore, path: string, id: string, bits: number) {
    this.datastore = datastore
    this.path = path
    this.id = id
    this.bits = bits
  }

  /** Makes the sequence, with no bit set, unless it is there. */
  *create(): Process<KvError | null> {
    const found = yield* this.datastore.get(this.path)
    if (!(found instanceof KvError)) return null
    if (found.kind !== 'not-found') return found
    const made = yield* this.datastore.put(this.path, this.text(BitSequence.empty(this.bits)), null)
    return made instanceof KvError && made.kind === 'failed' ? made : null
  }

  *set(ordinal: number): Process<BitRefusal | KvError | null> {
    const done = yield* this.change((sequence) =>
      sequence.has(ordinal) ? TAKEN : sequence.with(ordinal, true),
    )
    if (done === TAKEN) return 'taken'
    return done instanceof KvError ? done : null
  }

  /**
   * Sets the lowest free bit of a range, both ends included.
   * @param after begin the search behind this bit, and go round.
   */
  *setAny(start: number, end: number, after = start - 1): Process<number | 'none free' | KvError> {
    let chosen = 0
    const done = yield* this.change((sequence) => {
      const free = sequence.firstFree(after + 1, end) ?? sequence.firstFree(start, after)
      if (free === null) return NONE_FREE
      chosen = free
      return sequence.with(free, true)
    })
    if (done === NONE_FREE) return 'none free'
    return done instanceof KvError ? done : chosen
  }

  *unset(ordinal: number): Process<KvError | null> {
    const done = yield* this.change((sequence) => sequence.with(ordinal, false))
    return done instanceof KvError ? done : null
  }

  private *change(work: (sequence: BitSequence) => BitSequence | KvError) {
    return yield* this.datastore.update(this.path, (value) => {
      const sequence = value === null ? BitSequence.empty(this.bits) : sequenceOf(value)
      if (sequence === null) return new KvError('failed', `invalid bit sequence in ${this.path}`)
      const changed = work(sequence)
      return changed instanceof KvError ? changed : this.text(changed)
    })
  }

  private text(sequence: BitSequence): string {
    return goJson({ id: this.id, sequence: sequence.encode() })
  }
}

function sequenceOf(value: string): BitSequence | null {
  const { sequence } = JSON.parse(value) as { sequence: string }
  return BitSequence.decode(sequence)
}
