/**
 * One interface to the stores for those who use either (libkv): keys and their values,
 * compare-and-swap by index, watches.
 */
import type { Process } from '../../sim/process.ts'

export interface KvPair {
  readonly key: string
  readonly value: string
  /** For `atomicPut` and `atomicDelete`: of the last change. */
  readonly lastIndex: number
}

export type KvErrorKind =
  /** ErrKeyNotFound. */
  | 'not-found'
  /** ErrKeyModified: the index is another. */
  | 'modified'
  /** ErrKeyExists: it was to be new. */
  | 'exists'
  /** Anything else: no answer, or one that refuses. */
  | 'failed'

export class KvError {
  readonly kind: KvErrorKind
  readonly text: string

  constructor(kind: KvErrorKind, text: string) {
    this.kind = kind
    this.text = text
  }
}

export const KEY_NOT_FOUND = new KvError('not-found', 'Key not found in store')
export const KEY_MODIFIED = new KvError(
  'modified',
  'Unable to complete atomic operation, key modified',
)
export const KEY_EXISTS = new KvError(
  'exists',
  'Previous K/V pair exists, cannot complete Atomic operation',
)

export interface KvPutOptions {
  /** Picoseconds; 0 = for ever. */
  readonly ttl?: number
  readonly isDirectory?: boolean
}

/** What a watch sends, in order: first what is there now, then what it becomes. */
export interface KvWatch<T> {
  /** The store does not answer, or was closed to it: nothing more comes. */
  readonly hasEnded: boolean
  /** @param timeout picoseconds. @returns null when the time is over or the watch has ended. */
  next(timeout?: number): Process<T | null>
  stop(): void
}

export interface KvStore {
  get(key: string): Process<KvPair | KvError>
  put(key: string, value: string, options?: KvPutOptions): Process<KvError | null>
  delete(key: string): Process<KvError | null>
  /** Children of a directory; of none is an error. */
  list(directory: string): Process<readonly KvPair[] | KvError>
  deleteTree(directory: string): Process<KvError | null>
  /** @param previous null = the key must be new. @returns the pair with its new index. */
  atomicPut(key: string, value: string, previous: KvPair | null): Process<KvPair | KvError>
  atomicDelete(key: string, previous: KvPair): Process<KvError | null>
  watch(key: string): KvWatch<KvPair>
  watchTree(directory: string): KvWatch<readonly KvPair[]>
}
