import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import {
  ClientFailure,
  type Consistency,
  type KeyValue,
  type KeyValueClient,
} from '../../cluster/key-value-client.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import type { Program } from '../../program/program.ts'
import { V2ClusterClient } from './v2-cluster-client.ts'
import { V2Keys, type V2Watcher } from './v2-keys.ts'
import {
  isV2Failure,
  V2_EVENT_INDEX_CLEARED,
  V2_KEY_NOT_FOUND,
  type V2Failure,
  type V2KeyNode,
  V2KeysError,
} from './v2-messages.ts'

/** client.DefaultRequestTimeout, until the head of an answer is there. */
const HEADER_TIMEOUT = 5 * SECOND
/** After a poll that failed. */
const RETRY_PAUSE = SECOND

/** Keys and values of etcd v2, by paths. */
export class V2KeyValueClient implements KeyValueClient {
  private readonly keys: V2Keys

  constructor(program: Program, endpoints: readonly StoreAddress[]) {
    this.keys = new V2Keys(
      new V2ClusterClient(program, { endpoints, headerTimeout: HEADER_TIMEOUT }),
    )
  }

  *put(key: string, value: string): Process<ClientFailure | null> {
    const done = yield* this.keys.set(key, value)
    return isV2Failure(done) ? failureOf(done) : null
  }

  *get(key: string, consistency: Consistency): Process<KeyValue | null | ClientFailure> {
    const found = yield* this.keys.get(key, { quorum: consistency === 'linearizable' })
    if (!isV2Failure(found)) return keyValueOf(found.node)
    return hasCode(found, V2_KEY_NOT_FOUND) ? null : failureOf(found)
  }

  /** One event a poll. When events were missed it reads all, and goes on from there. */
  *watch(prefix: string, onChange: (changed: KeyValue) => void, onGap: () => void): Process {
    const directory = prefix.replace(/\/$/, '')
    let watcher: V2Watcher = this.keys.watcher(directory, { recursive: true })
    for (;;) {
      const event = yield* watcher.next()
      if (!isV2Failure(event)) {
        if (event.node.value !== undefined) onChange(keyValueOf(event.node))
        continue
      }
      if (!hasCode(event, V2_EVENT_INDEX_CLEARED)) {
        yield* sleep(RETRY_PAUSE)
        continue
      }
      onGap()
      const found = yield* this.keys.get(directory, { recursive: true, quorum: true })
      if (isV2Failure(found)) continue
      for (const node of leavesOf(found.node)) onChange(keyValueOf(node))
      watcher = this.keys.watcher(directory, { recursive: true, afterIndex: found.index })
    }
  }
}

function leavesOf(node: V2KeyNode): V2KeyNode[] {
  return node.nodes === undefined ? [node] : node.nodes.flatMap(leavesOf)
}

/** A key as its user wrote it: without the slash that stands before all. */
function keyValueOf({ key, value = '', modifiedIndex }: V2KeyNode): KeyValue {
  return { key: key.slice(1), value, revision: modifiedIndex }
}

function hasCode(failure: V2Failure, code: number): boolean {
  return failure instanceof V2KeysError && failure.code === code
}

function failureOf(failure: V2Failure): ClientFailure {
  const mayBeDone = failure instanceof V2KeysError ? failure.code >= 300 : failure.mayBeDone
  return new ClientFailure(failure.text, mayBeDone)
}
