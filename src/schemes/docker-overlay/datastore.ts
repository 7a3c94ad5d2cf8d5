import {
  KEY_NOT_FOUND,
  KvError,
  type KvPair,
  type KvStore,
  type KvWatch,
} from '../../control/kv/store.ts'
import type { Process } from '../../sim/process.ts'

/** libnetwork/datastore: where its keys begin. */
const ROOT = 'docker/network/v1.0'

function keyOf(path: string): string {
  return `${ROOT}/${path}/`
}

/** The cluster's store as libnetwork uses it: all writes compare, and a directory is made to be listed. */
export class Datastore {
  private readonly kv: KvStore

  constructor(kv: KvStore) {
    this.kv = kv
  }

  *get(path: string): Process<KvPair | KvError> {
    return yield* this.kv.get(keyOf(path))
  }

  /** Values in a directory, which is made when it is not there. */
  *list(path: string): Process<readonly KvPair[] | KvError> {
    const key = keyOf(path)
    const directory = yield* this.kv.get(key)
    if (directory === KEY_NOT_FOUND) {
      const refusal = yield* this.kv.put(key, '', { isDirectory: true })
      // Another may have made it meanwhile.
      if (refusal === null) return []
    } else if (directory instanceof KvError) return directory
    const pairs = yield* this.kv.list(key)
    if (pairs === KEY_NOT_FOUND) return []
    return pairs instanceof KvError ? pairs : pairs.filter(({ value }) => value !== '')
  }

  /** @param previous null = the key must be new. */
  *put(path: string, value: string, previous: KvPair | null): Process<KvPair | KvError> {
    return yield* this.kv.atomicPut(keyOf(path), value, previous)
  }

  *delete(path: string, previous: KvPair): Process<KvError | null> {
    return yield* this.kv.atomicDelete(keyOf(path), previous)
  }

  /**
   * Reads and writes until nobody has come between (`goto retry`, without a pause).
   * @param change of the value, null = there is no such key; a KvError of it ends all.
   */
  *update(
    path: string,
    change: (value: string | null) => string | KvError,
  ): Process<KvPair | KvError> {
    for (;;) {
      const found = yield* this.get(path)
      if (found instanceof KvError && found !== KEY_NOT_FOUND) return found
      const previous = found instanceof KvError ? null : found
      const value = change(previous?.value ?? null)
      if (value instanceof KvError) return value
      const written = yield* this.put(path, value, previous)
      if (!(written instanceof KvError) || written.kind === 'failed') return written
    }
  }

  watch(path: string): KvWatch<KvPair> {
    return this.kv.watch(keyOf(path))
  }
}
