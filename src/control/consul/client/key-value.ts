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
import { ConsulClient, ConsulError, type ConsulPair } from './consul-client.ts'

/** watch.Plan: pause after a query that failed, for the first time; it grows with the square of the failures. */
const RETRY_PAUSE = 5 * SECOND
const RETRY_PAUSE_MAX = 180 * SECOND

/** Keys and values of Consul, by one agent. */
export class ConsulKeyValueClient implements KeyValueClient {
  private readonly client: ConsulClient

  constructor(program: Program, agent: StoreAddress) {
    this.client = new ConsulClient(program, { agent })
  }

  *put(key: string, value: string): Process<ClientFailure | null> {
    const failure = yield* this.client.put(key, value)
    return failure === null ? null : failureOf(failure)
  }

  *get(key: string, consistency: Consistency): Process<KeyValue | null | ClientFailure> {
    const mode = consistency === 'linearizable' ? 'consistent' : 'stale'
    const found = yield* this.client.get(key, { consistency: mode })
    if (found instanceof ConsulError) return failureOf(found)
    return found.value === null ? null : keyValueOf(found.value)
  }

  /** Blocking queries, which tell what there is and not what happened. There is no history to lose. */
  *watch(prefix: string, onChange: (changed: KeyValue) => void): Process {
    let index = 0
    let failures = 0
    for (;;) {
      const found = yield* this.client.list(prefix, { index })
      if (found instanceof ConsulError) {
        failures++
        yield* sleep(Math.min(RETRY_PAUSE * failures * failures, RETRY_PAUSE_MAX))
        continue
      }
      failures = 0
      for (const pair of found.value) if (pair.modifyIndex > index) onChange(keyValueOf(pair))
      // An index that goes backwards means another history: all is read anew.
      index = found.index < index ? 0 : found.index
    }
  }
}

function keyValueOf({ key, value, modifyIndex }: ConsulPair): KeyValue {
  return { key, value, revision: modifyIndex }
}

/** Of an answer that refuses nothing is known either: a leader may have been lost on the way. */
function failureOf({ text, status }: ConsulError): ClientFailure {
  return new ClientFailure(text, status === 0 || status >= 500)
}
