import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { HttpResponse } from '../../http/client.ts'
import { encodeQuery, escapePath } from '../../http/query.ts'
import { parseAnswer } from './recent-json.ts'
import type { V2ClusterClient, V2Request } from './v2-cluster-client.ts'
import {
  isV2Failure,
  V2ClientError,
  type V2Failure,
  V2KeysError,
  type V2Response,
} from './v2-messages.ts'

export interface V2GetOptions {
  readonly recursive?: boolean
  readonly sort?: boolean
  /** Through the log, so that the answer is not stale. */
  readonly quorum?: boolean
}

export interface V2SetOptions {
  /** The key must exist, or must not. Default: either. */
  readonly prevExist?: boolean
  /** Not compared with when empty. */
  readonly prevValue?: string
  /** Not compared with when 0. */
  readonly prevIndex?: number
  /** Picoseconds; whole seconds of it are sent. 0 = for ever. */
  readonly ttl?: number
  /** Of a key that exists: a new TTL, the old value, and no event. */
  readonly refresh?: boolean
  readonly dir?: boolean
  /** Picoseconds. Default: none. */
  readonly timeout?: number
}

export interface V2DeleteOptions {
  readonly prevValue?: string
  readonly prevIndex?: number
  readonly dir?: boolean
  readonly recursive?: boolean
}

export interface V2WatcherOptions {
  /** Events after this index; 0 = from now on. */
  readonly afterIndex?: number
  readonly recursive?: boolean
}

const FORM = [['Content-Type', 'application/x-www-form-urlencoded']] as const

/** The keys of a cluster (keys.go). Keys are paths; a slash at the end stays. */
export class V2Keys {
  private readonly client: V2ClusterClient

  constructor(client: V2ClusterClient) {
    this.client = client
  }

  /** @param timeout picoseconds. */
  *get(
    key: string,
    options: V2GetOptions = {},
    timeout = Infinity,
  ): Process<V2Response | V2Failure> {
    const { recursive = false, sort = false, quorum = false } = options
    const path = keyPath(key, `quorum=${quorum}&recursive=${recursive}&sorted=${sort}`)
    return yield* this.ask({ method: 'GET', path }, timeout)
  }

  *set(key: string, value: string, options: V2SetOptions = {}): Process<V2Response | V2Failure> {
    const { dir = false, refresh = false, prevExist, ttl = 0 } = options
    const query = encodeQuery({
      dir: dir || undefined,
      prevExist,
      prevIndex: options.prevIndex || undefined,
      prevValue: dir ? undefined : options.prevValue || undefined,
    })
    const body = encodeQuery({
      refresh: refresh || undefined,
      ttl: ttl > 0 ? Math.floor(ttl / SECOND) : undefined,
      value: dir || refresh ? undefined : value,
    })
    const isOneShot = prevExist === false
    const path = keyPath(key, query)
    const request: V2Request = { method: 'PUT', path, headers: FORM, body, isOneShot }
    return yield* this.ask(request, options.timeout)
  }

  *create(key: string, value: string): Process<V2Response | V2Failure> {
    return yield* this.set(key, value, { prevExist: false })
  }

  *update(key: string, value: string): Process<V2Response | V2Failure> {
    return yield* this.set(key, value, { prevExist: true })
  }

  /** Makes a key in `dir` whose name is greater than those of all before. @param ttl picoseconds. */
  *createInOrder(dir: string, value: string, ttl = 0): Process<V2Response | V2Failure> {
    const body = encodeQuery({ ttl: ttl > 0 ? Math.floor(ttl / SECOND) : undefined, value })
    return yield* this.ask({ method: 'POST', path: keyPath(dir, ''), headers: FORM, body })
  }

  *delete(key: string, options: V2DeleteOptions = {}): Process<V2Response | V2Failure> {
    const query = encodeQuery({
      dir: options.dir || undefined,
      prevIndex: options.prevIndex || undefined,
      prevValue: options.prevValue || undefined,
      recursive: options.recursive || undefined,
    })
    return yield* this.ask({ method: 'DELETE', path: keyPath(key, query), headers: FORM })
  }

  watcher(key: string, options: V2WatcherOptions = {}): V2Watcher {
    return new V2Watcher(this.client, key, options)
  }

  private *ask(request: V2Request, timeout?: number): Process<V2Response | V2Failure> {
    const answer = yield* this.client.do(request, timeout)
    if (answer instanceof V2ClientError) return answer
    return responseOf(answer) ?? new V2ClientError('client: response body is empty', true)
  }
}

/** Follows the changes of a key by long polls, one event each. */
export class V2Watcher {
  private readonly client: V2ClusterClient
  private readonly key: string
  private readonly recursive: boolean
  private waitIndex: number

  constructor(client: V2ClusterClient, key: string, options: V2WatcherOptions) {
    const { afterIndex = 0, recursive = false } = options
    this.client = client
    this.key = key
    this.recursive = recursive
    this.waitIndex = afterIndex === 0 ? 0 : afterIndex + 1
  }

  /**
   * Waits for the next event. @param timeout picoseconds.
   * @returns a failure with code 401 when events were missed: read again and make another watcher.
   */
  *next(timeout = Infinity): Process<V2Response | V2Failure> {
    const { recursive, waitIndex } = this
    const path = keyPath(this.key, `recursive=${recursive}&wait=true&waitIndex=${waitIndex}`)
    const deadline = this.client.program.now + timeout
    for (;;) {
      const time = deadline - this.client.program.now
      const answer = yield* this.client.do({ method: 'GET', path, isWait: true }, time)
      if (answer instanceof V2ClientError) return answer
      const response = responseOf(answer)
      // A server that ends the poll has nothing to tell.
      if (response === null) continue
      if (!isV2Failure(response)) this.waitIndex = response.node.modifiedIndex + 1
      return response
    }
  }
}

/** What stands in a path as it is: to look is quicker than to escape nothing. */
const PLAIN_PATH = /^[\w\-.~$&+,/:;=@]*$/

function keyPath(key: string, query: string): string {
  const whole = `/v2/keys/${key}`
  const clean = whole.includes('//') ? whole.replace(/\/+/g, '/') : whole
  const path = PLAIN_PATH.test(clean) ? clean : escapePath(clean)
  return query === '' ? path : `${path}?${query}`
}

/** @returns null when the body is empty. */
function responseOf(answer: HttpResponse): V2Response | V2Failure | null {
  const isSuccess = answer.status === 200 || answer.status === 201
  if (isSuccess && answer.body.length === 0) return null
  const json = parseAnswer(answer.text)
  if (json === null) {
    const hint = 'The endpoint is probably not valid etcd cluster endpoint.'
    return new V2ClientError(`client: response is invalid json. ${hint}`, true)
  }
  if (!isSuccess) return errorOf(json)
  const index = Number(answer.headers.get('x-etcd-index') ?? 0)
  // The server's word: who answers 200 answers with these fields.
  const { action, node, prevNode } = json as unknown as V2Response
  return { action, node, ...(prevNode === undefined ? {} : { prevNode }), index }
}

function errorOf(json: Readonly<Record<string, unknown>>): V2KeysError {
  const { errorCode = 0, message = '', cause = '', index = 0 } = json
  return new V2KeysError(Number(errorCode), String(message), String(cause), Number(index))
}
