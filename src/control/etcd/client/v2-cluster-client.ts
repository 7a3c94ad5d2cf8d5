import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import { HttpClient, type HttpResponse } from '../../http/client.ts'
import { type HeaderList, NO_HEADERS } from '../../http/headers.ts'
import { HttpError } from '../../http/http-error.ts'
import type { Program } from '../../program/program.ts'
import { endpointUrl, parseEndpoint } from './endpoint.ts'
import { V2ClientError } from './v2-messages.ts'

export interface V2ClientOptions {
  readonly endpoints: readonly StoreAddress[]
  /** HeaderTimeoutPerRequest: until a member's answer begins, connecting included. Default: none. */
  readonly headerTimeout?: number
}

export interface V2Request {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers?: HeaderList
  readonly body?: string
  /** A long poll: the header's time-out does not hold for it. */
  readonly isWait?: boolean
  /** Not to be asked of a second member: it may have been done by the first. */
  readonly isOneShot?: boolean
}

const UNAVAILABLE = 'client: etcd cluster is unavailable or misconfigured'

/**
 * A client of an etcd cluster (client.go): it asks one member, and goes on to the next, once round, when that one
 * does not answer or answers with a server error. It stays with the one that answered. The order is drawn.
 */
export class V2ClusterClient {
  readonly program: Program
  private readonly http: HttpClient
  private readonly headerTimeout: number
  private members: readonly StoreAddress[] = []
  private pinned = 0

  constructor(program: Program, options: V2ClientOptions) {
    this.program = program
    this.http = new HttpClient(program)
    this.headerTimeout = options.headerTimeout ?? Infinity
    this.setEndpoints(options.endpoints)
  }

  /** In the order in which they are asked. */
  get endpoints(): readonly StoreAddress[] {
    return this.members
  }

  private setEndpoints(endpoints: readonly StoreAddress[]): void {
    const { random } = this.program
    const shuffled = [...endpoints]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = random.integer(0, i)
      ;[shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]
    }
    this.members = shuffled
    this.pinned = 0
  }

  /** @param timeout of it all, picoseconds: the deadline of Go's context. */
  *do(request: V2Request, timeout = Infinity): Process<HttpResponse | V2ClientError> {
    const { members, pinned } = this
    const deadline = this.program.now + timeout
    const failures: Failure[] = []
    for (let i = 0; i < members.length; i++) {
      const at = (pinned + i) % members.length
      const answer = yield* this.ask(members[at]!, request, deadline)
      if (!isFailure(answer)) {
        this.pinned = at
        return answer
      }
      failures.push(answer)
      if (this.program.now >= deadline) {
        return new V2ClientError('context deadline exceeded', failures.some(mayBeDone))
      }
      if (request.isOneShot) return new V2ClientError(answer.text, answer.mayBeDone)
    }
    const texts = failures.map(({ text }, i) => `; error #${i}: ${text}\n`)
    return new V2ClientError(UNAVAILABLE + texts.join(''), failures.some(mayBeDone))
  }

  private *ask(
    member: StoreAddress,
    request: V2Request,
    deadline: number,
  ): Process<HttpResponse | Failure> {
    const timeout = deadline - this.program.now
    const headerTimeout = request.isWait ? Infinity : this.headerTimeout
    const { address, port } = member
    const { method, path, headers = NO_HEADERS, body = '' } = request
    // One plain literal: spread together from parts it costs ten times as much.
    const asked = { address, port, method, path, headers, body, timeout, headerTimeout }
    const answer = yield* this.http.request(asked)
    if (answer instanceof HttpError) return this.failureOf(answer, member)
    if (answer.status < 500) return answer
    const isLeaderless = answer.status === 500 || answer.status === 503
    const text = isLeaderless ? 'has no leader' : `returns server error [${answer.status}]`
    return { text: `client: etcd member ${endpointUrl(member)} ${text}`, mayBeDone: true }
  }

  private failureOf(error: HttpError, member: StoreAddress): Failure {
    const isHeaderLate = error.kind === 'timeout' && !error.text.startsWith('dial')
    const text = isHeaderLate
      ? `client: endpoint ${endpointUrl(member)} exceeded header timeout`
      : error.text
    return { text, mayBeDone: error.wasSent }
  }

  /** Asks for the members, and takes them if they are others than before. */
  *sync(): Process<V2ClientError | null> {
    const answer = yield* this.do({ method: 'GET', path: '/v2/members' })
    if (answer instanceof V2ClientError) return answer
    const endpoints = endpointsOf(answer.text)
    if (endpoints === null || endpoints.length === 0) {
      return new V2ClientError('client: no endpoints available', false)
    }
    if (namesOf(endpoints) !== namesOf(this.members)) this.setEndpoints(endpoints)
    return null
  }

  /** Does so again and again until it fails. @param interval picoseconds. */
  *autoSync(interval = 10 * SECOND): Process<V2ClientError> {
    for (;;) {
      const error = yield* this.sync()
      if (error !== null) return error
      yield* sleep(interval)
    }
  }
}

interface Failure {
  readonly text: string
  readonly mayBeDone: boolean
}

function isFailure(answer: HttpResponse | Failure): answer is Failure {
  return 'mayBeDone' in answer
}

function mayBeDone(failure: Failure): boolean {
  return failure.mayBeDone
}

function namesOf(endpoints: readonly StoreAddress[]): string {
  return endpoints.map(endpointUrl).sort().join(' ')
}

/** Client URLs in the answer of `/v2/members`; null when it is none. */
function endpointsOf(text: string): StoreAddress[] | null {
  try {
    const { members } = JSON.parse(text) as { members: { clientURLs: string[] }[] }
    const urls = members.flatMap(({ clientURLs }) => clientURLs)
    return urls.map(parseEndpoint).filter((endpoint) => endpoint !== null)
  } catch {
    return null
  }
}
