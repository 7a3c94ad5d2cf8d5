import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import {
  KEY_EXISTS,
  KEY_MODIFIED,
  KEY_NOT_FOUND,
  KvError,
  type KvPair,
  type KvPutOptions,
  type KvStore,
  type KvWatch,
} from '../../kv/store.ts'
import { FedWatch } from '../../kv/watch.ts'
import type { Program } from '../../program/program.ts'
import { V2ClusterClient } from './v2-cluster-client.ts'
import { V2Keys, type V2SetOptions } from './v2-keys.ts'
import {
  isV2Failure,
  V2_KEY_NOT_FOUND,
  V2_NODE_EXISTS,
  V2_NOT_DIRECTORY,
  V2_NOT_FILE,
  V2_TEST_FAILED,
  type V2Failure,
  type V2KeyNode,
  V2KeysError,
} from './v2-messages.ts'

/** libkv's store/etcd. */
const HEADER_TIMEOUT = 3 * SECOND
const SYNC_INTERVAL = 300 * SECOND

/** etcd's v2 keys behind the common interface: all reads go through the log. */
export class EtcdKvStore implements KvStore {
  private readonly program: Program
  private readonly keys: V2Keys

  constructor(program: Program, endpoints: readonly StoreAddress[]) {
    this.program = program
    const client = new V2ClusterClient(program, { endpoints, headerTimeout: HEADER_TIMEOUT })
    this.keys = new V2Keys(client)
    // Ends with the first failure, as the original does.
    program.spawn(client.autoSync(SYNC_INTERVAL))
  }

  *get(key: string): Process<KvPair | KvError> {
    const found = yield* this.keys.get(key, { quorum: true })
    if (isV2Failure(found)) return readError(found)
    return pairOf(key, found.node)
  }

  *put(key: string, value: string, options: KvPutOptions = {}): Process<KvError | null> {
    const { ttl = 0, isDirectory = false } = options
    const done = yield* this.keys.set(key, value, { ttl, dir: isDirectory })
    return isV2Failure(done) ? new KvError('failed', done.text) : null
  }

  *delete(key: string): Process<KvError | null> {
    const done = yield* this.keys.delete(key)
    return isV2Failure(done) ? readError(done) : null
  }

  *list(directory: string): Process<readonly KvPair[] | KvError> {
    const found = yield* this.keys.get(directory, { quorum: true, recursive: true, sort: true })
    if (isV2Failure(found)) return readError(found)
    return pairsIn(found.node)
  }

  *deleteTree(directory: string): Process<KvError | null> {
    const done = yield* this.keys.delete(directory, { recursive: true })
    return isV2Failure(done) ? readError(done) : null
  }

  *atomicPut(key: string, value: string, previous: KvPair | null): Process<KvPair | KvError> {
    const condition: V2SetOptions =
      previous === null ? { prevExist: false } : { prevExist: true, prevIndex: previous.lastIndex }
    const done = yield* this.keys.set(key, value, condition)
    if (isV2Failure(done)) return writeError(done)
    return { key, value, lastIndex: done.node.modifiedIndex }
  }

  *atomicDelete(key: string, previous: KvPair): Process<KvError | null> {
    const done = yield* this.keys.delete(key, { prevIndex: previous.lastIndex })
    return isV2Failure(done) ? writeError(done) : null
  }

  watch(key: string): KvWatch<KvPair> {
    return new FedWatch(this.program, (send) => this.feed(key, send))
  }

  private *feed(key: string, send: (pair: KvPair) => void): Process {
    const watcher = this.keys.watcher(key)
    const now = yield* this.get(key)
    if (now instanceof KvError) return
    send(now)
    for (;;) {
      const event = yield* watcher.next()
      if (isV2Failure(event)) return
      send(pairOf(key, event.node))
    }
  }

  watchTree(directory: string): KvWatch<readonly KvPair[]> {
    return new FedWatch(this.program, (send) => this.feedTree(directory, send))
  }

  private *feedTree(directory: string, send: (pairs: readonly KvPair[]) => void): Process {
    const watcher = this.keys.watcher(directory, { recursive: true })
    for (;;) {
      const pairs = yield* this.list(directory)
      if (pairs instanceof KvError) return
      send(pairs)
      if (isV2Failure(yield* watcher.next())) return
    }
  }
}

function pairOf(key: string, node: V2KeyNode): KvPair {
  return { key, value: node.value ?? '', lastIndex: node.modifiedIndex }
}

/** Of the answers that are kept: many clients are told the same. */
const pairsOf = new WeakMap<V2KeyNode, readonly KvPair[]>()

function pairsIn(directory: V2KeyNode): readonly KvPair[] {
  const known = pairsOf.get(directory)
  if (known !== undefined) return known
  const pairs = (directory.nodes ?? []).map((node) => pairOf(node.key, node))
  pairsOf.set(directory, pairs)
  return pairs
}

const NOT_FOUND = new Set([V2_KEY_NOT_FOUND, V2_NOT_FILE, V2_NOT_DIRECTORY])

function readError(failure: V2Failure): KvError {
  const isMissing = failure instanceof V2KeysError && NOT_FOUND.has(failure.code)
  return isMissing ? KEY_NOT_FOUND : new KvError('failed', failure.text)
}

function writeError(failure: V2Failure): KvError {
  const code = failure instanceof V2KeysError ? failure.code : null
  if (code === V2_TEST_FAILED) return KEY_MODIFIED
  if (code === V2_NODE_EXISTS) return KEY_EXISTS
  if (code === V2_KEY_NOT_FOUND) return KEY_NOT_FOUND
  return new KvError('failed', failure.text)
}
