import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { fromNanoseconds, parseDuration } from '../store/duration.ts'
import { type ConsulClient, ConsulError } from './consul-client.ts'
import { durationText } from './duration-text.ts'

export interface SessionOptions {
  readonly name?: string
  /** What becomes of its keys when it ends. Default: they are released. */
  readonly behavior?: 'release' | 'delete'
  /** Picoseconds; the server waits twice as long. */
  readonly ttl: number
  /** Picoseconds. Default: the server's 15 s. */
  readonly lockDelay?: number
}

/** Between attempts after a failure (api/session.go). */
const RENEW_RETRY = SECOND

/** @returns its id. */
export function* createSession(
  client: ConsulClient,
  options: SessionOptions,
): Process<string | ConsulError> {
  const { behavior, lockDelay, name, ttl } = options
  const body = JSON.stringify({
    Behavior: behavior,
    LockDelay: lockDelay === undefined ? undefined : `${Math.floor(lockDelay / MILLISECOND)}ms`,
    Name: name,
    TTL: durationText(ttl),
  })
  const answer = yield* client.expectOk('PUT', '/v1/session/create', {}, `${body}\n`)
  if (answer instanceof ConsulError) return answer
  const id = firstMember(answer.text, 'ID')
  return id ?? new ConsulError('invalid JSON', answer.status)
}

export function* destroySession(client: ConsulClient, id: string): Process<ConsulError | null> {
  const answer = yield* client.expectOk('PUT', `/v1/session/destroy/${id}`)
  return answer instanceof ConsulError ? answer : null
}

/** @returns the TTL by the server, picoseconds. */
export function* renewSession(client: ConsulClient, id: string): Process<number | ConsulError> {
  const answer = yield* client.expectOk('PUT', `/v1/session/renew/${id}`)
  if (answer instanceof ConsulError) return answer
  const ttl = parseDuration(firstMember(answer.text, 'TTL') ?? '')
  return ttl === undefined
    ? new ConsulError('No SessionEntry returned', answer.status)
    : fromNanoseconds(ttl)
}

/** Renews each half of the TTL, until that has failed for a whole TTL. Ended from without by cancelling it. */
export function* renewPeriodically(
  client: ConsulClient,
  id: string,
  initialTtl: number,
): Process<ConsulError> {
  const { program } = client
  let ttl = initialTtl
  let wait = ttl / 2
  let renewedAt = program.now
  let lastError = new ConsulError('No SessionEntry returned', 0)
  while (program.now - renewedAt <= ttl) {
    yield* sleep(wait)
    const renewed = yield* renewSession(client, id)
    if (renewed instanceof ConsulError) {
      wait = RENEW_RETRY
      lastError = renewed
      continue
    }
    ttl = renewed
    wait = ttl / 2
    renewedAt = program.now
  }
  return lastError
}

/** A text of an object, or of the first object of a list. */
function firstMember(text: string, name: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const first = (Array.isArray(value) ? value[0] : value) as Record<string, unknown> | undefined
    const member = first?.[name]
    return typeof member === 'string' ? member : undefined
  } catch {
    return undefined
  }
}
