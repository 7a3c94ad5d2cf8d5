import type { V3Client } from '../../../control/etcd/client/v3-client.ts'
import { V3Error, type V3Event } from '../../../control/etcd/client/v3-messages.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Receiver, WatchRoot } from './client.ts'
import type { Update } from './model.ts'
import { rootPath, updateOf } from './v3-keys.ts'

/** Between attempts to list (libcalico-go/lib/backend/watchersyncer: ListRetryInterval). */
const LIST_RETRY = SECOND

/**
 * Lists parts of the datastore and follows them (watchersyncer). Where a watch cannot go on, as after a
 * compaction, the part is listed again, and only what differs is told.
 */
export class V3Syncer {
  private readonly program: Program
  private readonly client: V3Client
  private readonly receiver: Receiver
  /** Roots that have not been listed yet. */
  private unsynced = 0

  constructor(program: Program, client: V3Client, receiver: Receiver) {
    this.program = program
    this.client = client
    this.receiver = receiver
  }

  /** One process a root; returns when all have been started. */
  *run(roots: readonly WatchRoot[]): Process {
    this.unsynced = roots.length
    for (const root of roots) this.program.spawn(this.follow(rootPath(root)))
  }

  private *follow(path: string): Process {
    /** Revisions by key. */
    const known = new Map<string, number>()
    let isFirst = true
    for (;;) {
      const revision = yield* this.list(path, known)
      if (isFirst) this.noteSynced()
      isFirst = false
      yield* this.watch(path, known, revision + 1)
    }
  }

  private noteSynced(): void {
    this.unsynced--
    if (this.unsynced === 0) this.receiver.onInSync()
  }

  /** @returns the store's revision at the time. */
  private *list(path: string, known: Map<string, number>): Process<number> {
    for (;;) {
      const found = yield* this.client.get(path, { isPrefix: true })
      if (!(found instanceof V3Error)) {
        this.takeList(found.kvs, known)
        return found.revision
      }
      this.program.log.push(`Failed to perform list of current data: ${found.text}`)
      yield* sleep(LIST_RETRY)
    }
  }

  private takeList(
    kvs: readonly { readonly key: string; readonly value: string; readonly modRevision: number }[],
    known: Map<string, number>,
  ): void {
    const changed = kvs.filter(({ key, modRevision }) => known.get(key) !== modRevision)
    const present = new Set(kvs.map(({ key }) => key))
    const gone = [...known.keys()].filter((key) => !present.has(key))
    for (const { key, modRevision } of changed) known.set(key, modRevision)
    for (const key of gone) known.delete(key)
    this.tell([
      ...gone.map((key) => updateOf(key, null)),
      ...changed.map(({ key, value }) => updateOf(key, value)),
    ])
  }

  /** Until the watch fails. */
  private *watch(path: string, known: Map<string, number>, revision: number): Process {
    const watcher = this.client.watch(path, { isPrefix: true, revision })
    for (;;) {
      const batch = yield* watcher.next()
      if (batch === null) continue
      if (batch instanceof V3Error) {
        this.program.log.push(`Watch error received from Upstream: ${batch.text}`)
        return
      }
      this.takeEvents(batch.events, known)
    }
  }

  private takeEvents(events: readonly V3Event[], known: Map<string, number>): void {
    const updates = events.map(({ type, kv }) => {
      if (type === 'DELETE') known.delete(kv.key)
      else known.set(kv.key, kv.modRevision)
      return updateOf(kv.key, type === 'DELETE' ? null : kv.value)
    })
    this.tell(updates)
  }

  private tell(updates: readonly (Update | null)[]): void {
    const own = updates.filter((update) => update !== null)
    if (own.length > 0) this.receiver.onUpdates(own)
  }
}
