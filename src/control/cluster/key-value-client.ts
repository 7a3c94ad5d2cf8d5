import type { Process } from '../../sim/process.ts'

/** Why an operation gave no result, in the words of the client or the store. */
export class ClientFailure {
  readonly text: string
  /** Whether it may have taken place all the same. */
  readonly isUnknown: boolean

  constructor(text: string, isUnknown: boolean) {
    this.text = text
    this.isUnknown = isUnknown
  }
}

/** A value and what changed it last: etcd's revision or index, Consul's ModifyIndex. */
export interface KeyValue {
  readonly key: string
  readonly value: string
  readonly revision: number
}

export type Consistency = 'linearizable' | 'stale'

/** What clients of every kind of store can do: keys and values of text. */
export interface KeyValueClient {
  put(key: string, value: string): Process<ClientFailure | null>
  /** @returns null when there is no such key. */
  get(key: string, consistency: Consistency): Process<KeyValue | null | ClientFailure>
  /**
   * Follows the keys that begin with `prefix` as the library does, through failures, until its program
   * ends. Stores that tell states and not events may leave out what was overwritten at once.
   * @param onGap called when the store no longer has the history that it needs, before all that there is
   *   now comes as changes.
   */
  watch(prefix: string, onChange: (changed: KeyValue) => void, onGap: () => void): Process
  /** Drops the history of changes up to now (`etcdctl compact`); absent where nobody can ask for that. */
  compact?(): Process<ClientFailure | null>
}
