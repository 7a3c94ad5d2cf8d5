import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import { Deferred } from '../../program/deferred.ts'
import type { Fibre } from '../../program/program.ts'
import { type ConsulClient, ConsulError } from './consul-client.ts'
import { createSession, destroySession, renewPeriodically } from './sessions.ts'

/** Of api/lock.go. */
const SESSION_NAME = 'Consul API Lock'
const SESSION_TTL = 15 * SECOND
const WAIT_TIME = 15 * SECOND
/** While a lock-delay holds, the key looks free and is not. */
const RETRY_TIME = 5 * SECOND
/** Marks the keys of locks: 0x2ddccbc058a50c18. */
export const LOCK_FLAG = '3304740253564472344'

export interface LockOptions {
  readonly key: string
  readonly value?: string
  /** Default: one of its own, with 15 s, that is renewed as long as the lock is held. */
  readonly session?: string
}

/** A lock on a key, held by a session. */
export class ConsulLock {
  /** Settled when the lock is lost; of each time that it is held. */
  lost: Deferred<'lost'>
  private readonly client: ConsulClient
  private readonly options: LockOptions
  private session = ''
  private isHeld = false
  private renewal: Fibre<ConsulError> | null = null
  private monitor: Fibre<void> | null = null

  constructor(client: ConsulClient, options: LockOptions) {
    this.client = client
    this.options = options
    this.lost = new Deferred(client.program)
  }

  /** Waits until it has the lock. @returns why it gives up. */
  *lock(): Process<ConsulError | null> {
    if (this.isHeld) return new ConsulError('Lock already held', 0)
    const error = (yield* this.prepareSession()) ?? (yield* this.acquire())
    if (error !== null) {
      yield* this.endSession()
      return error
    }
    this.isHeld = true
    this.lost = new Deferred(this.client.program)
    this.monitor = this.client.program.spawn(this.watchOver(this.session, this.lost))
    return null
  }

  private *prepareSession(): Process<ConsulError | null> {
    const { client, options } = this
    this.session = options.session ?? ''
    if (this.session !== '') return null
    const id = yield* createSession(client, { name: SESSION_NAME, ttl: SESSION_TTL })
    if (id instanceof ConsulError) {
      return new ConsulError(`failed to create session: ${id.text}`, id.status)
    }
    this.session = id
    this.renewal = client.program.spawn(renewPeriodically(client, id, SESSION_TTL))
    return null
  }

  private *acquire(): Process<ConsulError | null> {
    const { client, session } = this
    const { key, value = '' } = this.options
    let index = 0
    for (;;) {
      const answer = yield* client.get(key, { index, wait: WAIT_TIME })
      if (answer instanceof ConsulError) {
        return new ConsulError(`failed to read lock: ${answer.text}`, answer.status)
      }
      const pair = answer.value
      if (pair !== null && pair.flags !== LOCK_FLAG) {
        return new ConsulError('Existing key does not match lock use', 0)
      }
      if (pair?.session === session) return null
      if (pair !== null && pair.session !== '') {
        index = answer.index
        continue
      }
      const isDone = yield* client.acquire(key, value, session, LOCK_FLAG)
      if (isDone instanceof ConsulError) {
        return new ConsulError(`failed to acquire lock: ${isDone.text}`, isDone.status)
      }
      if (isDone) return null
      yield* sleep(RETRY_TIME)
    }
  }

  /** An error counts as loss: liveness before safety. */
  private *watchOver(session: string, lost: Deferred<'lost'>): Process {
    let index = 0
    for (;;) {
      const answer = yield* this.client.get(this.options.key, { index, consistency: 'consistent' })
      if (answer instanceof ConsulError || answer.value?.session !== session) break
      index = answer.index
    }
    lost.settle('lost')
  }

  /** @returns why the key may still be locked. */
  *unlock(): Process<ConsulError | null> {
    if (!this.isHeld) return new ConsulError('Lock not held', 0)
    this.isHeld = false
    this.monitor?.cancel()
    const { key, value = '' } = this.options
    const done = yield* this.client.release(key, value, this.session, LOCK_FLAG)
    yield* this.endSession()
    return done instanceof ConsulError
      ? new ConsulError(`failed to release lock: ${done.text}`, done.status)
      : null
  }

  private *endSession(): Process {
    if (this.renewal === null) return
    this.renewal.cancel()
    this.renewal = null
    yield* destroySession(this.client, this.session)
  }
}
