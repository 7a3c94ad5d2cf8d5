import type { StoreAddress } from '../../../control/cluster/store.ts'
import { V3Client } from '../../../control/etcd/client/v3-client.ts'
import { V3Error, type V3KeyValue } from '../../../control/etcd/client/v3-messages.ts'
import type { V3Compare, V3Operation } from '../../../control/etcd/client/v3-requests.ts'
import type { Program } from '../../../control/program/program.ts'
import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import {
  type Datastore,
  DatastoreError,
  type Entry,
  type Receiver,
  type WatchRoot,
} from './client.ts'
import type { Kind, Values } from './model.ts'
import { parsePath, pathOf, rootPath } from './v3-keys.ts'
import { V3Syncer } from './v3-syncer.ts'

/** Timeout of clients (libcalico-go/lib/backend/etcdv3). */
const TIMEOUT = 30 * SECOND

const NOT_FOUND = new DatastoreError('not-found', 'resource does not exist')

function entryOf<K extends Kind>(kv: V3KeyValue): Entry<K> {
  const { key } = parsePath(kv.key)!
  return { key, value: JSON.parse(kv.value) as Values[K], revision: kv.modRevision }
}

function failed({ text }: V3Error): DatastoreError {
  return new DatastoreError('failed', text)
}

/** A value's JSON; a block does not say whether its affinity is strict. */
function textOf(value: Values[Kind]): string {
  if (!('strictAffinity' in value)) return JSON.stringify(value)
  const { strictAffinity: _, ...block } = value
  return JSON.stringify(block)
}

/** The datastore on etcd v3 (libcalico-go/lib/backend/etcdv3). */
export class V3Datastore implements Datastore {
  private readonly program: Program
  private readonly client: V3Client

  constructor(program: Program, endpoints: readonly StoreAddress[]) {
    this.program = program
    this.client = new V3Client(program, { endpoints, timeout: TIMEOUT })
  }

  *get<K extends Kind>(kind: K, key: string): Process<Entry<K> | DatastoreError> {
    const found = yield* this.client.get(pathOf(kind, key))
    if (found instanceof V3Error) return failed(found)
    const [kv] = found.kvs
    return kv === undefined ? NOT_FOUND : entryOf<K>(kv)
  }

  *list<K extends Kind>(kind: K, under = ''): Process<readonly Entry<K>[] | DatastoreError> {
    const found = yield* this.client.get(rootPath({ kind, under }), { isPrefix: true })
    if (found instanceof V3Error) return failed(found)
    return found.kvs.filter((kv) => parsePath(kv.key)?.kind === kind).map((kv) => entryOf<K>(kv))
  }

  *create<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
  ): Process<Entry<K> | DatastoreError> {
    const path = pathOf(kind, key)
    const isNew: V3Compare = { key: path, target: 'VERSION', result: 'EQUAL', value: 0 }
    const done = yield* this.client.txn([isNew], [{ put: path, value: textOf(value) }])
    if (done instanceof V3Error) return failed(done)
    if (!done.succeeded) return new DatastoreError('exists', 'resource already exists')
    return { key, value, revision: done.revision }
  }

  *update<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    revision: number,
  ): Process<Entry<K> | DatastoreError> {
    const operation = { put: pathOf(kind, key), value: textOf(value) }
    const done = yield* this.compareAndDo(kind, key, revision, operation)
    return done instanceof DatastoreError ? done : { key, value, revision: done }
  }

  *apply<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    ttl = 0,
  ): Process<DatastoreError | null> {
    const text = textOf(value)
    if (ttl === 0) {
      const done = yield* this.client.put(pathOf(kind, key), text)
      return done instanceof V3Error ? failed(done) : null
    }
    const granted = yield* this.client.grant(ttl)
    if (granted instanceof V3Error) return failed(granted)
    const done = yield* this.client.put(pathOf(kind, key), text, { lease: granted.id })
    return done instanceof V3Error ? failed(done) : null
  }

  *delete(kind: Kind, key: string, revision: number | null): Process<DatastoreError | null> {
    const path = pathOf(kind, key)
    if (revision !== null) {
      const done = yield* this.compareAndDo(kind, key, revision, { delete: path })
      return done instanceof DatastoreError ? done : null
    }
    const done = yield* this.client.delete(path)
    if (done instanceof V3Error) return failed(done)
    return done.deleted === 0 ? NOT_FOUND : null
  }

  /** @returns the store's revision. */
  private *compareAndDo(
    kind: Kind,
    key: string,
    revision: number,
    operation: V3Operation,
  ): Process<number | DatastoreError> {
    const path = pathOf(kind, key)
    const isSame: V3Compare = { key: path, target: 'MOD', result: 'EQUAL', value: revision }
    const done = yield* this.client.txn([isSame], [operation], [{ get: path }])
    if (done instanceof V3Error) return failed(done)
    if (done.succeeded) return done.revision
    const [found] = done.results
    if (found !== undefined && 'kvs' in found && found.kvs.length === 0) return NOT_FOUND
    return new DatastoreError('conflict', `update conflict: ${kind}(${key})`)
  }

  *follow(roots: readonly WatchRoot[], receiver: Receiver): Process {
    yield* new V3Syncer(this.program, this.client, receiver).run(roots)
  }
}
