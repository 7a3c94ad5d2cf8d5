/** Who watches which keys, and how far each has come (mvcc/watchable_store.go of etcd 3.4). */
import { endOf, type KeyRecord, type MvccStore } from './mvcc-store.ts'
import type { KeyRange } from './types.ts'

/** So many watchers are caught up at a time, with the events of so many revisions each. */
const WATCHERS_PER_SYNC = 512
const REVISIONS_PER_BATCH = 1000

/** What a watcher is told. `revision` is the store's when the batch was made. */
export interface WatchBatch {
  readonly changes: readonly KeyRecord[]
  readonly revision: number
}

export interface WatcherOptions extends KeyRange {
  /** The first revision whose changes it wants; one past the present for "from now on". */
  readonly startRevision: number
  readonly wants: (change: KeyRecord) => boolean
  /** False when it cannot take the batch now: it will be offered from there again. */
  readonly onBatch: (batch: WatchBatch) => boolean
  /** Its next revision is compacted; it gets nothing more. */
  readonly onCompacted: (compactRevision: number) => boolean
}

export class Watcher {
  readonly options: WatcherOptions
  private readonly end: string | null | undefined
  /** Everything before it has been told. */
  next: number

  constructor(options: WatcherOptions) {
    this.options = options
    this.end = endOf(options)
    this.next = options.startRevision
  }

  covers(key: string): boolean {
    if (this.end === undefined) return key === this.options.key
    return key >= this.options.key && (this.end === null || key < this.end)
  }

  /** Offers a batch; one of which it wants nothing counts as taken. */
  offer(changes: readonly KeyRecord[], revision: number): boolean {
    const wanted = changes.filter((change) => this.options.wants(change))
    return wanted.length === 0 || this.options.onBatch({ changes: wanted, revision })
  }
}

/**
 * Synced watchers hear of every change as it happens; unsynced ones are behind and are caught up
 * by `sync`, which the member calls every 100 ms.
 */
export class WatchHub {
  private readonly store: () => MvccStore
  /** Synced watchers of one key each, by key, and those of ranges. */
  private readonly byKey = new Map<string, Set<Watcher>>()
  private readonly ofRanges = new Set<Watcher>()
  private readonly unsynced = new Set<Watcher>()

  constructor(store: () => MvccStore) {
    this.store = store
  }

  get unsyncedCount(): number {
    return this.unsynced.size
  }

  add(options: WatcherOptions): Watcher {
    const watcher = new Watcher(options)
    if (watcher.next > this.store().revision) this.addSynced(watcher)
    else this.unsynced.add(watcher)
    return watcher
  }

  private addSynced(watcher: Watcher): void {
    const { key, rangeEnd } = watcher.options
    if (rangeEnd !== '') {
      this.ofRanges.add(watcher)
      return
    }
    const watchers = this.byKey.get(key)
    if (watchers === undefined) this.byKey.set(key, new Set([watcher]))
    else watchers.add(watcher)
  }

  delete(watcher: Watcher): void {
    const { key } = watcher.options
    this.unsynced.delete(watcher)
    this.ofRanges.delete(watcher)
    const watchers = this.byKey.get(key)
    if (watchers?.delete(watcher) && watchers.size === 0) this.byKey.delete(key)
  }

  isSynced(watcher: Watcher): boolean {
    return this.ofRanges.has(watcher) || this.byKey.get(watcher.options.key)?.has(watcher) === true
  }

  /** Tells the synced watchers of one revision's changes. */
  notify(changes: readonly KeyRecord[]): void {
    if (this.byKey.size === 0 && this.ofRanges.size === 0) return
    const revision = changes[0]!.modRevision
    for (const watcher of this.concernedBy(changes)) {
      if (watcher.next > revision) continue
      const own = changes.filter(({ key }) => watcher.covers(key))
      if (watcher.offer(own, revision)) {
        watcher.next = revision + 1
        continue
      }
      this.delete(watcher)
      watcher.next = revision
      this.unsynced.add(watcher)
    }
  }

  private concernedBy(changes: readonly KeyRecord[]): Set<Watcher> {
    const concerned = new Set<Watcher>()
    for (const { key } of changes) {
      for (const watcher of this.byKey.get(key) ?? []) concerned.add(watcher)
      for (const watcher of this.ofRanges) if (watcher.covers(key)) concerned.add(watcher)
    }
    return concerned
  }

  /** Catches some watchers up. @returns how many are still behind. */
  sync(): number {
    const store = this.store()
    const chosen = [...this.unsynced].slice(0, WATCHERS_PER_SYNC)
    for (const watcher of chosen) {
      // To the back of the line, so that a full sink does not keep others from their turn.
      this.unsynced.delete(watcher)
      if (watcher.next < store.compactRevision) {
        if (!watcher.options.onCompacted(store.compactRevision)) this.unsynced.add(watcher)
      } else this.catchUp(watcher, store)
    }
    return this.unsynced.size
  }

  private catchUp(watcher: Watcher, store: MvccStore): void {
    const { changes, next } = batchOf(watcher, store)
    if (!watcher.offer(changes, store.revision)) {
      this.unsynced.add(watcher)
      return
    }
    watcher.next = Math.max(watcher.next, next)
    if (next > store.revision) this.addSynced(watcher)
    else this.unsynced.add(watcher)
  }

  /** The store was replaced by an older or newer one: all have to be caught up. */
  restore(): void {
    const synced = [...this.ofRanges, ...[...this.byKey.values()].flatMap((set) => [...set])]
    for (const watcher of synced) {
      this.delete(watcher)
      this.unsynced.add(watcher)
    }
  }
}

/** The changes that a watcher has not heard of, of at most 1000 revisions, and where to go on. */
function batchOf(watcher: Watcher, store: MvccStore): { changes: KeyRecord[]; next: number } {
  const changes: KeyRecord[] = []
  let [revisions, last] = [0, 0]
  for (const change of store.since(watcher.next)) {
    if (!watcher.covers(change.key)) continue
    if (change.modRevision > last) {
      if (revisions === REVISIONS_PER_BATCH) return { changes, next: change.modRevision }
      revisions++
      last = change.modRevision
    }
    changes.push(change)
  }
  return { changes, next: store.revision + 1 }
}
