import type { StoreAddress } from '../../../control/cluster/store.ts'
import { V2ClusterClient } from '../../../control/etcd/client/v2-cluster-client.ts'
import { V2Keys, type V2SetOptions } from '../../../control/etcd/client/v2-keys.ts'
import {
  isV2Failure,
  V2_KEY_NOT_FOUND,
  V2_NODE_EXISTS,
  V2_TEST_FAILED,
  type V2Failure,
  type V2KeyNode,
  V2KeysError,
} from '../../../control/etcd/client/v2-messages.ts'
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
import { decodeValue } from './v2-decode.ts'
import { type Write, writesOf } from './v2-encode.ts'
import { deletesOf, emptiedBy, parsePath, readsOf, rootPath } from './v2-keys.ts'
import { V2Syncer } from './v2-syncer.ts'
import { filesOf } from './v2-tree.ts'

/** clientTimeout of libcalico-go/lib/backend/etcd, for the head of each answer. */
const HEADER_TIMEOUT = 30 * SECOND

const NOT_FOUND = new DatastoreError('not-found', 'resource does not exist')

function errorOf(failure: V2Failure): DatastoreError {
  if (!(failure instanceof V2KeysError)) return new DatastoreError('failed', failure.text)
  switch (failure.code) {
    case V2_KEY_NOT_FOUND:
      return NOT_FOUND
    case V2_TEST_FAILED:
      return new DatastoreError('conflict', `update conflict: ${failure.cause}`)
    case V2_NODE_EXISTS:
      return new DatastoreError('exists', `resource already exists: ${failure.cause}`)
    default:
      return new DatastoreError('failed', failure.text)
  }
}

/**
 * The datastore on etcd v2 (libcalico-go 1.7, lib/backend/etcd and lib/backend/compat). A value in several
 * keys is written key by key, the deciding one first: no reader is kept from seeing the half of it.
 */
export class V2Datastore implements Datastore {
  private readonly program: Program
  private readonly keys: V2Keys

  constructor(program: Program, endpoints: readonly StoreAddress[]) {
    this.program = program
    this.keys = new V2Keys(
      new V2ClusterClient(program, { endpoints, headerTimeout: HEADER_TIMEOUT }),
    )
  }

  *get<K extends Kind>(kind: K, key: string): Process<Entry<K> | DatastoreError> {
    const found: V2KeyNode[] = []
    for (const path of readsOf(kind, key)) {
      const answer = yield* this.keys.get(path, { quorum: true, recursive: true })
      if (!isV2Failure(answer)) found.push(...filesOf(answer.node))
      else {
        const error = errorOf(answer)
        const isOptional = error === NOT_FOUND && found.length > 0
        if (!isOptional) return error
      }
    }
    return this.entriesOf(kind, found)[0] ?? NOT_FOUND
  }

  *list<K extends Kind>(kind: K, under = ''): Process<readonly Entry<K>[] | DatastoreError> {
    const path = rootPath({ kind, under })
    const options = { quorum: true, recursive: true, sort: true }
    const answer = yield* this.keys.get(path, options)
    if (!isV2Failure(answer)) return this.entriesOf(kind, filesOf(answer.node))
    const error = errorOf(answer)
    return error === NOT_FOUND ? [] : error
  }

  /** Values out of keys: the first of each that is read gives the revision. */
  private entriesOf<K extends Kind>(kind: K, leaves: readonly V2KeyNode[]): Entry<K>[] {
    const found = new Map<string, { parts: Map<string, string>; revision: number }>()
    for (const { key: path, value = '', modifiedIndex } of leaves) {
      const place = parsePath(path)
      if (place?.kind !== kind) continue
      const entry = found.get(place.key) ?? { parts: new Map(), revision: modifiedIndex }
      found.set(place.key, entry)
      entry.parts.set(place.part, value)
    }
    return [...found].flatMap(([key, { parts, revision }]) => {
      const value = decodeValue(kind, key, parts) as Values[K] | null
      return value === null ? [] : [{ key, value, revision }]
    })
  }

  *create<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
  ): Process<Entry<K> | DatastoreError> {
    const revision = yield* this.write(writesOf(kind, key, value), { prevExist: false })
    return revision instanceof DatastoreError ? revision : { key, value, revision }
  }

  *update<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    revision: number,
  ): Process<Entry<K> | DatastoreError> {
    // An affinity has no states: there is nothing to write.
    if (kind === 'BlockAffinity') return { key, value, revision }
    const writes = writesOf(kind, key, value)
    // Of what lies in several keys no revision is known.
    const same = writes.length === 1 ? { prevIndex: revision } : {}
    const done = yield* this.write(writes, { prevExist: true, ...same })
    return done instanceof DatastoreError ? done : { key, value, revision: done }
  }

  *apply<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    ttl = 0,
  ): Process<DatastoreError | null> {
    const done = yield* this.write(writesOf(kind, key, value), { ttl: ttl * SECOND })
    return done instanceof DatastoreError ? done : null
  }

  /** @param options of the first key. @returns its new revision. */
  private *write(
    writes: readonly Write[],
    options: V2SetOptions,
  ): Process<number | DatastoreError> {
    let revision = 0
    for (const [i, { path, text }] of writes.entries()) {
      if (text === null) {
        const error = yield* this.remove(path, null)
        if (error !== null && error !== NOT_FOUND) return error
        continue
      }
      const answer = yield* this.keys.set(path, text, i === 0 ? options : {})
      if (isV2Failure(answer)) return errorOf(answer)
      if (i === 0) revision = answer.node.modifiedIndex
    }
    return revision
  }

  private *remove(path: string, revision: number | null): Process<DatastoreError | null> {
    const same = revision === null ? {} : { prevIndex: revision }
    const answer = yield* this.keys.delete(path, { recursive: true, ...same })
    return isV2Failure(answer) ? errorOf(answer) : null
  }

  *delete(kind: Kind, key: string, revision: number | null): Process<DatastoreError | null> {
    const paths = deletesOf(kind, key)
    let last: DatastoreError | null = NOT_FOUND
    for (const path of paths) {
      last = yield* this.remove(path, paths.length === 1 ? revision : null)
      if (last !== null && last.kind !== 'not-found') return last
    }
    if (last === null) yield* this.removeEmptied(emptiedBy(kind, key))
    return last
  }

  private *removeEmptied(directories: readonly string[]): Process {
    for (const path of directories) {
      if (isV2Failure(yield* this.keys.delete(path, { dir: true }))) return
    }
  }

  *follow(roots: readonly WatchRoot[], receiver: Receiver): Process {
    yield* new V2Syncer(this.program, this.keys, receiver).run(roots)
  }
}
