import {
  type Datastore,
  DatastoreError,
  type Entry,
} from '../../src/schemes/calico/datastore/client.ts'
import type { Kind, Values } from '../../src/schemes/calico/datastore/model.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import type { RandomStream } from '../../src/sim/random.ts'
import { MICROSECOND } from '../../src/sim/units.ts'

const LOST = new DatastoreError('failed', 'context deadline exceeded')
const NOT_FOUND = new DatastoreError('not-found', 'resource does not exist')

/** What all clients share. */
export class SharedKeys {
  readonly entries = new Map<string, { readonly text: string; readonly revision: number }>()
  revision = 0

  value<K extends Kind>(kind: K, key: string): Values[K] | null {
    const found = this.entries.get(`${kind} ${key}`)
    return found === undefined ? null : (JSON.parse(found.text) as Values[K])
  }

  all<K extends Kind>(kind: K): [key: string, value: Values[K]][] {
    const prefix = `${kind} `
    return [...this.entries]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { text }]): [string, Values[K]] => [
        key.slice(prefix.length),
        JSON.parse(text) as Values[K],
      ])
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }

  set(kind: Kind, key: string, value: unknown): number {
    this.entries.set(`${kind} ${key}`, { text: JSON.stringify(value), revision: ++this.revision })
    return this.revision
  }
}

/** A datastore without a store: calls take time, and a partition loses questions or answers. */
export class MemoryDatastore implements Datastore {
  private readonly keys: SharedKeys
  private readonly random: RandomStream
  private readonly isCut: () => boolean

  constructor(keys: SharedKeys, random: RandomStream, isCut: () => boolean) {
    this.keys = keys
    this.random = random
    this.isCut = isCut
  }

  private *call<T>(effect: () => T): Process<T | DatastoreError> {
    yield* this.pause()
    if (this.isCut()) return LOST
    const result = effect()
    yield* this.pause()
    return this.isCut() ? LOST : result
  }

  private pause(): Process {
    return sleep(Math.round((1 + this.random.next() * 50) * MICROSECOND))
  }

  private entry<K extends Kind>(kind: K, key: string): Entry<K> | DatastoreError {
    const value = this.keys.value(kind, key)
    if (value === null) return NOT_FOUND
    return { key, value, revision: this.keys.entries.get(`${kind} ${key}`)!.revision }
  }

  get<K extends Kind>(kind: K, key: string): Process<Entry<K> | DatastoreError> {
    return this.call(() => this.entry(kind, key))
  }

  list<K extends Kind>(kind: K, under = ''): Process<readonly Entry<K>[] | DatastoreError> {
    return this.call(() =>
      this.keys
        .all(kind)
        .filter(([key]) => key.startsWith(under))
        .map(([key]) => this.entry(kind, key) as Entry<K>),
    )
  }

  create<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
  ): Process<Entry<K> | DatastoreError> {
    return this.call(() => {
      if (this.keys.value(kind, key) !== null) return new DatastoreError('exists', 'exists')
      return { key, value, revision: this.keys.set(kind, key, value) }
    })
  }

  update<K extends Kind>(
    kind: K,
    key: string,
    value: Values[K],
    revision: number,
  ): Process<Entry<K> | DatastoreError> {
    return this.call(() => {
      const fault = this.fault(kind, key, revision)
      return fault ?? { key, value, revision: this.keys.set(kind, key, value) }
    })
  }

  apply<K extends Kind>(kind: K, key: string, value: Values[K]): Process<DatastoreError | null> {
    return this.call(() => {
      this.keys.set(kind, key, value)
      return null
    })
  }

  delete(kind: Kind, key: string, revision: number | null): Process<DatastoreError | null> {
    return this.call(() => {
      const fault = this.fault(kind, key, revision)
      if (fault === null) this.keys.entries.delete(`${kind} ${key}`)
      return fault
    })
  }

  private fault(kind: Kind, key: string, revision: number | null): DatastoreError | null {
    const known = this.entry(kind, key)
    if (known instanceof DatastoreError) return known
    const isOther = revision !== null && known.revision !== revision
    return isOther ? new DatastoreError('conflict', 'conflict') : null
  }

  follow(): Process {
    throw new Error('IPAM follows nothing')
  }
}
