import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import { HttpClient, type HttpRequestOptions, HttpResponse } from '../../http/client.ts'
import { HttpError } from '../../http/http-error.ts'
import type { HttpStream } from '../../http/http-stream.ts'
import type { Program } from '../../program/program.ts'
import { Balancer } from './v3-balancer.ts'
import {
  CODE_DEADLINE_EXCEEDED,
  CODE_INTERNAL,
  CODE_UNAVAILABLE,
  type Json,
  numberOf,
  parseObject,
  V3Error,
} from './v3-messages.ts'

export interface V3ClientOptions {
  readonly endpoints: readonly StoreAddress[]
  /** Of one attempt to connect, picoseconds. Default: gRPC's 20 s. */
  readonly dialTimeout?: number
  /** Of a request with all its attempts, picoseconds: the deadline of Go's context. Default: none. */
  readonly timeout?: number
}

/** Of clientv3 (options.go). */
const ATTEMPTS_MAX = 100
const BACKOFF = 25 * MILLISECOND
const BACKOFF_JITTER = 0.1

const DIAL_TIMEOUT = 20 * SECOND
/** Of gRPC all requests share a connection; here each needs its own. */
const IDLE_MAX = 64

/** Which failures may be answered with another attempt (retry.go). */
export type RetryPolicy =
  /** Reads: whenever no member could answer. */
  | 'repeatable'
  /** Writes: never, once it may have been done. */
  | 'once'

/** Requests of a client to the members of a cluster. */
export class V3Transport {
  readonly program: Program
  private readonly http: HttpClient
  private readonly balancer: Balancer
  private readonly timeout: number

  constructor(program: Program, options: V3ClientOptions) {
    const { endpoints, dialTimeout = DIAL_TIMEOUT, timeout = Infinity } = options
    this.program = program
    this.http = new HttpClient(program, { dialTimeout, idleMax: IDLE_MAX })
    this.balancer = new Balancer(program, endpoints)
    this.timeout = timeout
  }

  /** @param timeout picoseconds. */
  *call(
    path: string,
    body: Json,
    policy: RetryPolicy,
    timeout = this.timeout,
  ): Process<Json | V3Error> {
    const { program } = this
    const deadline = program.now + timeout
    const text = JSON.stringify(body)
    let mayBeDone = false
    for (let attempt = 0; ; attempt++) {
      const answer = yield* this.attempt(path, text, deadline)
      if (!(answer instanceof V3Error)) return answer
      mayBeDone ||= answer.mayBeDone
      if (program.now >= deadline) return deadlineError(mayBeDone)
      const isLast = attempt + 1 === ATTEMPTS_MAX
      if (policy === 'once' || answer.code !== CODE_UNAVAILABLE || isLast) return answer
      yield* sleep(Math.min(this.backoffAfter(attempt), deadline - program.now))
    }
  }

  /** Waits once the attempt has been round a quorum (roundRobinQuorumBackoff). */
  private backoffAfter(attempt: number): number {
    const quorum = Math.floor(this.balancer.size / 2) + 1
    if ((attempt + 1) % quorum !== 0) return 0
    const jitter = 1 + BACKOFF_JITTER * (2 * this.program.random.next() - 1)
    return Math.round(BACKOFF * jitter)
  }

  private *attempt(path: string, body: string, deadline: number): Process<Json | V3Error> {
    const answer = yield* this.send((request) => this.http.request(request), path, body, deadline)
    if (!(answer instanceof HttpResponse)) return answer
    const json = parseObject(answer.text)
    if (answer.status === 200 && json !== null) return json
    return errorOf(answer.status, json)
  }

  /** Opens a stream of lines. @param headerTimeout until it is open, picoseconds. */
  *open(path: string, body: Json, headerTimeout: number): Process<HttpStream | V3Error> {
    const begin = (request: HttpRequestOptions) => this.http.stream({ ...request, headerTimeout })
    return yield* this.send(begin, path, JSON.stringify(body), Infinity)
  }

  /** A member without a connection has not seen the request: it goes to the next. */
  private *send<T extends object>(
    exchange: (request: HttpRequestOptions) => Process<T | HttpError>,
    path: string,
    body: string,
    deadline: number,
  ): Process<T | V3Error> {
    const { program, balancer } = this
    let reason = 'last connection error: connection refused'
    for (let i = 0; i < balancer.size; i++) {
      const endpoint = balancer.pick()
      if (endpoint === null) break
      const timeout = deadline - program.now
      const request = { ...endpoint.address, method: 'POST', path, body, timeout }
      const answer = yield* exchange(request)
      if (!(answer instanceof HttpError)) {
        endpoint.noteSuccess()
        return answer
      }
      if (program.now >= deadline) return deadlineError(answer.wasSent)
      if (answer.wasSent) return new V3Error(CODE_UNAVAILABLE, answer.text, true)
      reason = answer.text
      endpoint.noteDown(program)
    }
    return new V3Error(CODE_UNAVAILABLE, `connection error: desc = "${reason}"`, false)
  }
}

function deadlineError(mayBeDone: boolean): V3Error {
  return new V3Error(CODE_DEADLINE_EXCEEDED, 'context deadline exceeded', mayBeDone)
}

/** @param json of the gateway: code and text of the server's error. */
function errorOf(status: number, json: Json | null): V3Error {
  if (json === null || json['code'] === undefined) {
    return new V3Error(CODE_INTERNAL, `unexpected HTTP status code ${status}`, true)
  }
  const code = numberOf(json['code'])
  // Of what was refused nothing was done; who was not in time may yet be.
  return new V3Error(code, String(json['message'] ?? json['error']), code === CODE_UNAVAILABLE)
}
