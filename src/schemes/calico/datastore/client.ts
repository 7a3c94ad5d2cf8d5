import type { Process } from '../../../sim/process.ts'
import type { Kind, Update, Values } from './model.ts'

/** What a key holds, and the revision of its last change. */
export interface Entry<K extends Kind> {
  readonly key: string
  readonly value: Values[K]
  readonly revision: number
}

/** Why there is no result. `conflict`: somebody else has changed it since it was read. */
export class DatastoreError {
  readonly kind: 'exists' | 'not-found' | 'conflict' | 'failed'
  readonly text: string

  constructor(kind: DatastoreError['kind'], text: string) {
    this.kind = kind
    this.text = text
  }
}

/** Calico's datastore, whatever keys of whatever store it lies in. */
export interface Datastore {
  get<K extends Kind>(kind: K, key: string): Process<Entry<K> | DatastoreError>
  /** @param under the beginning of the keys, which ends with a slash; '' = all. */
  list<K extends Kind>(kind: K, under?: string): Process<readonly Entry<K>[] | DatastoreError>
  /** Fails with `exists`. */
  create<K extends Kind>(kind: K, key: string, value: Values[K]): Process<Entry<K> | DatastoreError>
  /** @param revision fails with `conflict` if it has changed since, with `not-found` if it is gone. */
  update<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    revision: number,
  ): Process<Entry<K> | DatastoreError>
  /** Writes it, whatever is there. @param ttl seconds; 0 = for good. */
  apply<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    ttl?: number,
  ): Process<DatastoreError | null>
  /** @param revision null = whatever is there. */
  delete(kind: Kind, key: string, revision: number | null): Process<DatastoreError | null>
  /** Lists what is there and then tells of changes, for ever. */
  follow(roots: readonly WatchRoot[], receiver: Receiver): Process
}

/** A part of the datastore: one kind, or everything of the API at once. */
export interface WatchRoot {
  readonly kind: Kind | 'any resource'
  readonly under?: string
}

export interface Receiver {
  /** Changes in their order. */
  onUpdates(updates: readonly Update[]): void
  /** Every root has been read whole for the first time. */
  onInSync(): void
}
