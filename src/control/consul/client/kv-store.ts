import type { Process } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
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
import { type ConsulAnswer, ConsulClient, ConsulError, type ConsulPair } from './consul-client.ts'
import { ConsulLock, LOCK_FLAG } from './lock.ts'
import { createSession, renewSession } from './sessions.ts'

/** libkv's store/consul. */
const WATCH_WAIT = 15 * SECOND
const RENEW_ATTEMPTS = 5
const LOCK_DELAY = MILLISECOND

/** Consul's keys behind the common interface, by way of one agent. */
export class ConsulKvStore implements KvStore {
  private readonly program: Program
  private readonly client: ConsulClient

  constructor(program: Program, agent: StoreAddress) {
    this.program = program
    this.client = new ConsulClient(program, { agent })
  }

  /** The index is that of the answer: not of this key alone, if the server's is greater. */
  *get(key: string): Process<KvPair | KvError> {
    const path = normalized(key)
    const found = yield* this.client.get(path, { consistency: 'consistent' })
    if (found instanceof ConsulError) return failed(found)
    if (found.value === null) return KEY_NOT_FOUND
    return { key: found.value.key, value: found.value.value, lastIndex: found.index }
  }

  *put(key: string, value: string, options: KvPutOptions = {}): Process<KvError | null> {
    const path = normalized(key)
    const { ttl = 0 } = options
    if (ttl > 0 && !(yield* this.holdSession(path, ttl))) {
      const text = 'cannot set or renew session for ttl, unable to operate on sessions'
      return new KvError('failed', text)
    }
    const error = yield* this.client.put(path, value, LOCK_FLAG)
    return error === null ? null : failed(error)
  }

  /** A key with a TTL is locked by a session, with whose end it is deleted. */
  private *holdSession(path: string, ttl: number): Process<boolean> {
    for (let attempt = 0; attempt < RENEW_ATTEMPTS; attempt++) {
      if (yield* this.tryHoldSession(path, ttl)) return true
    }
    return false
  }

  private *tryHoldSession(path: string, ttl: number): Process<boolean> {
    const { client } = this
    const found = yield* client.get(path)
    if (found instanceof ConsulError) return false
    let session = found.value?.session ?? ''
    if (session === '') {
      // The server waits for twice the TTL.
      const entry = { behavior: 'delete', ttl: ttl / 2, lockDelay: LOCK_DELAY } as const
      const created = yield* createSession(client, entry)
      if (created instanceof ConsulError) return false
      session = created
      // Whether it has the lock is not asked: the value follows in any case.
      yield* new ConsulLock(client, { key: path, session }).lock()
    }
    return !((yield* renewSession(client, session)) instanceof ConsulError)
  }

  *delete(key: string): Process<KvError | null> {
    const found = yield* this.get(key)
    if (found instanceof KvError) return found
    const done = yield* this.client.delete(normalized(key))
    return done instanceof ConsulError ? failed(done) : null
  }

  *list(directory: string): Process<KvPair[] | KvError> {
    const found = yield* this.client.list(normalized(directory))
    if (found instanceof ConsulError) return failed(found)
    return found.value.length === 0 ? KEY_NOT_FOUND : childrenOf(found.value, directory)
  }

  *deleteTree(directory: string): Process<KvError | null> {
    const found = yield* this.list(directory)
    if (found instanceof KvError) return found
    const error = yield* this.client.deleteTree(normalized(directory))
    return error === null ? null : failed(error)
  }

  /** Two round trips: another may write between them, and the pair returned is then the other's. */
  *atomicPut(key: string, value: string, previous: KvPair | null): Process<KvPair | KvError> {
    const index = previous?.lastIndex ?? 0
    const done = yield* this.client.checkAndSet(normalized(key), value, index, LOCK_FLAG)
    if (done instanceof ConsulError) return failed(done)
    if (!done) return previous === null ? KEY_EXISTS : KEY_MODIFIED
    return yield* this.get(key)
  }

  *atomicDelete(key: string, previous: KvPair): Process<KvError | null> {
    const found = yield* this.get(key)
    if (found === KEY_NOT_FOUND) return KEY_NOT_FOUND
    const done = yield* this.client.delete(normalized(key), previous.lastIndex)
    if (done instanceof ConsulError) return failed(done)
    return done ? null : KEY_MODIFIED
  }

  /** The deletion of the key is not told. */
  watch(key: string): KvWatch<KvPair> {
    const read = (index: number) => this.client.get(key, { index, wait: WATCH_WAIT })
    return new FedWatch(this.program, (send) =>
      follow(read, (pair) => {
        if (pair !== null) send(pairOf(pair))
      }),
    )
  }

  watchTree(directory: string): KvWatch<readonly KvPair[]> {
    const read = (index: number) => this.client.list(directory, { index, wait: WATCH_WAIT })
    return new FedWatch<readonly KvPair[]>(this.program, (send) =>
      follow(read, (pairs) => send(childrenOf(pairs, directory))),
    )
  }
}

/** Blocking queries until one fails. An index that goes backwards is taken like any other. */
function* follow<T>(
  read: (index: number) => Process<ConsulAnswer<T> | ConsulError>,
  tell: (value: T) => void,
): Process {
  let index = 0
  for (;;) {
    const answer = yield* read(index)
    if (answer instanceof ConsulError) return
    if (answer.index === index) continue
    index = answer.index
    tell(answer.value)
  }
}

function normalized(key: string): string {
  return key.startsWith('/') ? key.slice(1) : key
}

function childrenOf(pairs: readonly ConsulPair[], directory: string): KvPair[] {
  return pairs.filter(({ key }) => key !== directory).map(pairOf)
}

function pairOf({ key, value, modifyIndex }: ConsulPair): KvPair {
  return { key, value, lastIndex: modifyIndex }
}

function failed({ text }: ConsulError): KvError {
  return new KvError('failed', text)
}
