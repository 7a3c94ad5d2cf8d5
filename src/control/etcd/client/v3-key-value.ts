import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import {
  ClientFailure,
  type Consistency,
  type KeyValue,
  type KeyValueClient,
} from '../../cluster/key-value-client.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import type { Program } from '../../program/program.ts'
import { V3Client } from './v3-client.ts'
import { CODE_OUT_OF_RANGE, V3Error, type V3KeyValue } from './v3-messages.ts'

/** What etcdctl gives an operation: its default command timeout and a little. */
const TIMEOUT = 10 * SECOND

/** Only the revision of the answer matters; the API server of Kubernetes compacts by a key of this name. */
const COMPACT_KEY = 'compact_rev_key'

/** Keys and values of etcd v3: a client with its context of 10 s an operation. */
export class V3KeyValueClient implements KeyValueClient {
  private readonly client: V3Client

  constructor(program: Program, endpoints: readonly StoreAddress[]) {
    this.client = new V3Client(program, { endpoints, timeout: TIMEOUT })
  }

  *put(key: string, value: string): Process<ClientFailure | null> {
    const done = yield* this.client.put(key, value)
    return done instanceof V3Error ? failureOf(done) : null
  }

  *get(key: string, consistency: Consistency): Process<KeyValue | null | ClientFailure> {
    const serializable = consistency === 'stale'
    const found = yield* this.client.get(key, { serializable })
    if (found instanceof V3Error) return failureOf(found)
    const [kv] = found.kvs
    return kv === undefined ? null : keyValueOf(kv)
  }

  /** Begins again with what there is when the revisions that it needs have been compacted. */
  *watch(prefix: string, onChange: (changed: KeyValue) => void, onGap: () => void): Process {
    let revision = 0
    for (;;) {
      const watcher = this.client.watch(prefix, { isPrefix: true, revision })
      for (;;) {
        const batch = yield* watcher.next()
        if (batch === null) continue
        if (batch instanceof V3Error) break
        for (const { type, kv } of batch.events) if (type === 'PUT') onChange(keyValueOf(kv))
      }
      onGap()
      const found = yield* this.client.get(prefix, { isPrefix: true })
      if (found instanceof V3Error) continue
      for (const kv of found.kvs) onChange(keyValueOf(kv))
      revision = found.revision + 1
    }
  }

  *compact(): Process<ClientFailure | null> {
    const found = yield* this.client.get(COMPACT_KEY)
    const done = found instanceof V3Error ? found : yield* this.client.compact(found.revision)
    // Nothing has changed since the last time.
    if (done instanceof V3Error && done.code === CODE_OUT_OF_RANGE) return null
    return done instanceof V3Error ? failureOf(done) : null
  }
}

function keyValueOf({ key, value, modRevision }: V3KeyValue): KeyValue {
  return { key, value, revision: modRevision }
}

function failureOf({ text, mayBeDone }: V3Error): ClientFailure {
  return new ClientFailure(text, mayBeDone)
}
