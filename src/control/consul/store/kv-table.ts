import type { ConsulVersion, KvArguments, KvEntry } from './commands.ts'
import { OrderedMap } from './ordered-map.ts'

const NO_KEYS: ReadonlySet<string> = new Set()

/**
 * The tables `kvs` and `tombstones`. Tombstones keep a prefix's index from going back when its newest
 * key is deleted. Semantics: consul agent/consul/state/kvs.go.
 */
export class KvTable {
  readonly entries = new OrderedMap<KvEntry>()
  readonly tombstones = new OrderedMap<number>()
  kvsIndex = 0
  tombstonesIndex = 0
  /** The keys that changed since the store last looked. */
  touched: string[] = []

  private readonly bySession = new Map<string, Set<string>>()
  private undo: (() => void)[] | null = null
  private readonly keepsUnchanged: boolean

  constructor(version: ConsulVersion) {
    // Since #5885 (2019) a put that changes nothing leaves ModifyIndex and wakes nobody.
    this.keepsUnchanged = version === '1.8'
  }

  get tableIndex(): number {
    return Math.max(this.kvsIndex, this.tombstonesIndex)
  }

  /** Stores the key; `owner` is the session that then holds it, undefined leaves it as it is. */
  set(at: number, entry: KvArguments, lockIndex = 0, owner?: string): KvEntry {
    const existing = this.entries.get(entry.key)
    const next: KvEntry = {
      key: entry.key,
      value: entry.value ?? null,
      flags: entry.flags ?? '0',
      session: owner ?? existing?.session ?? '',
      // A plain put does not carry the lock index over, and neither does the real one's.
      lockIndex,
      createIndex: existing?.createIndex ?? at,
      modifyIndex: at,
    }
    if (this.keepsUnchanged && existing !== undefined && isSame(existing, next)) return existing
    this.put(next, existing)
    this.kvsIndex = at
    return next
  }

  /** Undefined when `entry.index` does not fit: 0 = the key must not exist. */
  setCas(at: number, entry: KvArguments): KvEntry | undefined {
    const held = this.entries.get(entry.key)?.modifyIndex ?? 0
    return held === (entry.index ?? 0) ? this.set(at, entry) : undefined
  }

  delete(at: number, key: string): void {
    const existing = this.entries.get(key)
    if (existing === undefined) return
    this.bury(key, at)
    this.remove(existing)
    this.kvsIndex = at
  }

  deleteCas(at: number, key: string, index: number): boolean {
    const existing = this.entries.get(key)
    if (existing === undefined) return true
    if (existing.modifyIndex !== index) return false
    this.delete(at, key)
    return true
  }

  /** One tombstone stands for the whole tree; without a prefix the table's own index does. */
  deleteTree(at: number, prefix: string): void {
    const keys = this.entries.keysWithPrefix(prefix)
    if (keys.length === 0) return
    for (const key of keys) this.remove(this.entries.get(key)!)
    if (prefix !== '') this.bury(prefix, at)
    this.kvsIndex = at
  }

  /** Undefined when another session holds the key. The caller has checked the session. */
  lock(at: number, entry: KvArguments, session: string): KvEntry | undefined {
    const existing = this.entries.get(entry.key)
    if (existing === undefined) return this.set(at, entry, 1, session)
    if (existing.session === session) return this.set(at, entry, existing.lockIndex, session)
    if (existing.session !== '') return undefined
    return this.set(at, entry, existing.lockIndex + 1, session)
  }

  /** Undefined unless the session holds the key. */
  unlock(at: number, entry: KvArguments, session: string): KvEntry | undefined {
    const existing = this.entries.get(entry.key)
    if (existing === undefined || existing.session !== session) return undefined
    return this.set(at, entry, existing.lockIndex, '')
  }

  /** Takes the key from its session and leaves everything else. */
  release(at: number, key: string): void {
    const existing = this.entries.get(key)
    if (existing !== undefined) this.set(at, existing, existing.lockIndex, '')
  }

  keysHeldBy(session: string): string[] {
    const held = this.bySession.get(session) ?? NO_KEYS
    return held.size < 2 ? [...held] : [...held].sort((a, b) => (a < b ? -1 : 1))
  }

  list(prefix: string): KvEntry[] {
    return this.entries.keysWithPrefix(prefix).map((key) => this.entries.get(key)!)
  }

  /** The newest change below the prefix that is still known, else the table's index. */
  prefixIndex(prefix: string, entries: readonly KvEntry[]): number {
    if (prefix === '') return this.tableIndex
    let newest = 0
    for (const entry of entries) newest = Math.max(newest, entry.modifyIndex)
    for (const key of this.tombstones.keysWithPrefix(prefix)) {
      newest = Math.max(newest, this.tombstones.get(key)!)
    }
    return newest === 0 ? this.tableIndex : newest
  }

  reap(index: number): void {
    for (const key of this.tombstones.keysWithPrefix('')) {
      if (this.tombstones.get(key)! <= index) this.tombstones.delete(key)
    }
  }

  /** Changes from here on can be taken back until `commit`. */
  begin(): void {
    const { kvsIndex, tombstonesIndex } = this
    const touched = this.touched.length
    this.undo = [
      () => {
        this.kvsIndex = kvsIndex
        this.tombstonesIndex = tombstonesIndex
        this.touched.length = touched
      },
    ]
  }

  commit(): void {
    this.undo = null
  }

  rollback(): void {
    const steps = this.undo ?? []
    this.undo = null
    for (const step of steps.reverse()) step()
  }

  restore(entries: readonly KvEntry[], tombstones: readonly (readonly [string, number])[]): void {
    this.entries.clear()
    this.tombstones.clear()
    this.bySession.clear()
    for (const entry of entries) this.put(entry, undefined)
    for (const [key, index] of tombstones) this.tombstones.set(key, index)
    this.touched = []
  }

  private put(next: KvEntry, existing: KvEntry | undefined): void {
    this.undo?.push(existing ? () => this.put(existing, next) : () => this.remove(next))
    this.entries.set(next.key, next)
    this.touched.push(next.key)
    if (existing?.session === next.session) return
    if (existing) this.disown(existing)
    if (next.session === '') return
    const held = this.bySession.get(next.session)
    if (held) held.add(next.key)
    else this.bySession.set(next.session, new Set([next.key]))
  }

  private remove(existing: KvEntry): void {
    this.undo?.push(() => this.put(existing, undefined))
    this.entries.delete(existing.key)
    this.touched.push(existing.key)
    this.disown(existing)
  }

  private disown(existing: KvEntry): void {
    const held = this.bySession.get(existing.session)
    if (held === undefined) return
    held.delete(existing.key)
    if (held.size === 0) this.bySession.delete(existing.session)
  }

  private bury(key: string, at: number): void {
    const before = this.tombstones.get(key)
    this.undo?.push(() => {
      if (before === undefined) this.tombstones.delete(key)
      else this.tombstones.set(key, before)
    })
    this.tombstones.set(key, at)
    this.tombstonesIndex = at
  }
}

function isSame(left: KvEntry, right: KvEntry): boolean {
  return (
    left.value === right.value &&
    left.flags === right.flags &&
    left.session === right.session &&
    left.lockIndex === right.lockIndex
  )
}
