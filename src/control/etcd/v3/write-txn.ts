/** The changes of one revision (mvcc/kvstore_txn.go of etcd 3.4). */
import type { Lessor } from './lessor.ts'
import type { KeyRecord, MvccStore } from './mvcc-store.ts'
import { type KeyRange, NO_LEASE } from './types.ts'

export class WriteTxn {
  /** In order; their revision is the store's next one. */
  readonly changes: KeyRecord[] = []
  private readonly store: MvccStore
  private readonly lessor: Lessor

  constructor(store: MvccStore, lessor: Lessor) {
    this.store = store
    this.lessor = lessor
  }

  /** What reads within the transaction see: its own changes too. */
  get revision(): number {
    return this.store.revision + (this.changes.length > 0 ? 1 : 0)
  }

  put(key: string, value: string, lease: string): void {
    const { store, lessor } = this
    const modRevision = store.revision + 1
    const before = store.get(key, modRevision)
    if (before !== undefined && before.lease !== NO_LEASE) lessor.detach(before.lease, key)
    this.append({
      key,
      createRevision: before?.createRevision ?? modRevision,
      modRevision,
      version: (before?.version ?? 0) + 1,
      value,
      lease,
      sub: this.changes.length,
      deleted: false,
    })
    if (lease !== NO_LEASE) lessor.attach(lease, key)
  }

  /** @returns how many keys were deleted. */
  deleteRange(range: KeyRange): number {
    const { store, lessor } = this
    const found = store.range(range, this.revision)
    for (const { key, lease } of found) {
      this.append({
        key,
        createRevision: 0,
        modRevision: store.revision + 1,
        version: 0,
        value: '',
        lease: NO_LEASE,
        sub: this.changes.length,
        deleted: true,
      })
      if (lease !== NO_LEASE) lessor.detach(lease, key)
    }
    return found.length
  }

  private append(record: KeyRecord): void {
    this.store.append(record)
    this.changes.push(record)
  }

  /** Makes the changes visible as one revision. */
  end(): void {
    this.store.revision = this.revision
  }
}
