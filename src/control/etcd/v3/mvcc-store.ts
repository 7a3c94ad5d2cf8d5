/** The multi-version key space (mvcc/kvstore.go and key_index.go of etcd 3.4). */
import { OrderedKeys } from './ordered-keys.ts'
import type { KeyRange, KeyValue } from './types.ts'

/**
 * One change of a key. Never changed itself: snapshots, results and watches share it. `sub` counts
 * the changes within a revision.
 */
export interface KeyRecord extends KeyValue {
  readonly sub: number
  readonly deleted: boolean
}

/** A plain JSON value; the records in the order of their revisions. */
export interface MvccSnapshot {
  readonly revision: number
  readonly compactRevision: number
  readonly dbSize: number
  readonly records: readonly KeyRecord[]
}

/** What a change takes in the file besides key and value: both headers and the other fields. */
const RECORD_OVERHEAD_BYTES = 64
/** An empty store's file (bbolt's first pages). */
const EMPTY_BYTES = 20_480

/** The end of a range as code wants it: undefined = the one key, null = no end. */
export function endOf(range: KeyRange): string | null | undefined {
  if (range.rangeEnd === '') return undefined
  return range.rangeEnd === '\0' ? null : range.rangeEnd
}

export class MvccStore {
  /** Of the last change; 1 when there was none, as etcd counts. */
  revision = 1
  /** Below it nothing can be read. -1 before the first compaction. */
  compactRevision = -1

  private readonly keys = new OrderedKeys()
  private readonly histories = new Map<string, KeyRecord[]>()
  /** All changes from the compacted revision on, in order. */
  private log: KeyRecord[] = []
  private bytes = EMPTY_BYTES
  private bytesMax = EMPTY_BYTES

  /** The file's size: pages that compaction frees are used again, never given back. */
  get dbSize(): number {
    return this.bytesMax
  }

  get dbSizeInUse(): number {
    return this.bytes
  }

  /** The key as it was at `revision`; undefined when it did not exist. */
  get(key: string, revision: number): KeyRecord | undefined {
    const history = this.histories.get(key)
    return history === undefined ? undefined : recordAt(history, revision)
  }

  /** The keys of a range as they were at `revision`, in their order. */
  range(range: KeyRange, revision: number): KeyRecord[] {
    const end = endOf(range)
    if (end === undefined) {
      const record = this.get(range.key, revision)
      return record === undefined ? [] : [record]
    }
    const found: KeyRecord[] = []
    this.keys.visit(range.key, end, (key) => {
      const record = recordAt(this.histories.get(key)!, revision)
      if (record !== undefined) found.push(record)
    })
    return found
  }

  /** Appends a change; the caller sets `revision` once all changes of a transaction are there. */
  append(record: KeyRecord): void {
    const history = this.histories.get(record.key)
    if (history === undefined) {
      this.keys.add(record.key)
      this.histories.set(record.key, [record])
    } else history.push(record)
    this.log.push(record)
    this.bytes += bytesOf(record)
    this.bytesMax = Math.max(this.bytesMax, this.bytes)
  }

  /** The changes from `revision` on, in order. */
  since(revision: number): readonly KeyRecord[] {
    return this.log.slice(firstFrom(this.log, revision))
  }

  /**
   * Forgets what was overwritten or deleted at or before `revision`. What a key was at that
   * revision stays readable, a deletion at it does not stay watchable.
   */
  compact(revision: number): void {
    this.compactRevision = revision
    const split = firstFrom(this.log, revision + 1)
    const touched = new Set<string>()
    for (let i = 0; i < split; i++) touched.add(this.log[i]!.key)
    for (const key of touched) this.compactKey(key, revision)
    const kept = this.log
      .slice(firstFrom(this.log, revision), split)
      .filter((record) => this.histories.get(record.key)?.includes(record))
    this.log = [...kept, ...this.log.slice(split)]
  }

  private compactKey(key: string, revision: number): void {
    const history = this.histories.get(key)!
    const last = lastUpTo(history, revision)
    const from = last >= 0 && history[last]!.deleted ? last + 1 : Math.max(0, last)
    for (let i = 0; i < from; i++) this.bytes -= bytesOf(history[i]!)
    if (from === history.length) {
      this.histories.delete(key)
      this.keys.delete(key)
    } else history.splice(0, from)
  }

  snapshot(): MvccSnapshot {
    const { revision, compactRevision, dbSize } = this
    const records = [...this.histories.values()].flat()
    records.sort((a, b) => a.modRevision - b.modRevision || a.sub - b.sub)
    return { revision, compactRevision, dbSize, records }
  }

  static restore(snapshot: MvccSnapshot): MvccStore {
    const store = new MvccStore()
    for (const record of snapshot.records) store.append(record)
    store.log = store.log.slice(firstFrom(store.log, snapshot.compactRevision))
    store.revision = snapshot.revision
    store.compactRevision = snapshot.compactRevision
    store.bytesMax = snapshot.dbSize
    return store
  }
}

function bytesOf(record: KeyRecord): number {
  return record.key.length + record.value.length + RECORD_OVERHEAD_BYTES
}

function recordAt(history: readonly KeyRecord[], revision: number): KeyRecord | undefined {
  const record = history[lastUpTo(history, revision)]
  return record === undefined || record.deleted ? undefined : record
}

/** Where the last record at or before `revision` stands; -1 when there is none. */
function lastUpTo(records: readonly KeyRecord[], revision: number): number {
  // Most reads are of the present.
  const last = records.length - 1
  if (records[last]!.modRevision <= revision) return last
  return firstFrom(records, revision + 1) - 1
}

/** Where the first record at or after `revision` stands. */
function firstFrom(records: readonly KeyRecord[], revision: number): number {
  let [low, high] = [0, records.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (records[middle]!.modRevision < revision) low = middle + 1
    else high = middle
  }
  return low
}
