import type { Process } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Program } from '../program/program.ts'
import type { ClientConnection } from './client-connection.ts'
import { ConnectionPool, type PoolOptions } from './connection-pool.ts'
import { type Body, encodeRequest } from './encode.ts'
import type { ResponseHead } from './head.ts'
import { type HeaderList, type Headers, NO_HEADERS } from './headers.ts'
import { brokenError, HttpError } from './http-error.ts'
import { HttpStream } from './http-stream.ts'
import { textOf } from './text.ts'

export interface HttpClientOptions extends Partial<PoolOptions> {
  readonly userAgent?: string
}

export interface HttpRequestOptions {
  readonly address: Ipv4Address
  readonly port: number
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers?: HeaderList
  readonly body?: Body
  /** Until the whole answer is there (http.Client.Timeout), picoseconds. Default: none. */
  readonly timeout?: number
  /** Until the head of the answer is there, connecting included, picoseconds. Default: none. */
  readonly headerTimeout?: number
}

export class HttpResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array

  constructor(head: ResponseHead, body: Uint8Array) {
    this.status = head.status
    this.headers = head.headers
    this.body = body
  }

  /** The body as UTF-8. */
  get text(): string {
    return textOf(this.body)
  }
}

/** http.DefaultTransport. */
const DEFAULTS: PoolOptions = { dialTimeout: 30 * SECOND, idleMax: 2, idleTimeout: 90 * SECOND }

const PORTS = 65536

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** A request that is under way. */
interface Begun {
  readonly connection: ClientConnection
  readonly head: ResponseHead
  readonly pool: ConnectionPool
}

/** An HTTP/1.1 client with kept connections, as Go's http.Client with its Transport. */
export class HttpClient {
  private readonly program: Program
  private readonly userAgent: string
  private readonly options: PoolOptions
  /** By address and port. */
  private readonly pools = new Map<number, ConnectionPool>()

  constructor(program: Program, options: HttpClientOptions = {}) {
    this.program = program
    this.userAgent = options.userAgent ?? 'Go-http-client/1.1'
    this.options = { ...DEFAULTS, ...options }
  }

  /** Does a request and reads the answer whole. */
  *request(request: HttpRequestOptions): Process<HttpResponse | HttpError> {
    const deadline = this.program.now + (request.timeout ?? Infinity)
    const begun = yield* this.begin(request, deadline)
    if (begun instanceof HttpError) return begun
    const { connection, head, pool } = begun
    let isComplete = false
    try {
      const body = connection.wholeBody() ?? (yield* connection.readWhole(deadline))
      if (body instanceof HttpError) return body
      isComplete = true
      return new HttpResponse(head, body)
    } finally {
      if (isComplete && connection.release() && head.keepAlive) pool.put(connection)
      else connection.close()
    }
  }

  /** Does a request and leaves the body of the answer to be read bit by bit. */
  *stream(request: HttpRequestOptions): Process<HttpStream | HttpError> {
    const deadline = this.program.now + (request.timeout ?? Infinity)
    const begun = yield* this.begin(request, deadline)
    if (begun instanceof HttpError) return begun
    const { connection, head, pool } = begun
    return new HttpStream(connection, head, deadline, () => {
      if (connection.release() && head.keepAlive) pool.put(connection)
      else connection.close()
    })
  }

  private *begin(request: HttpRequestOptions, deadline: number): Process<Begun | HttpError> {
    const headDeadline = Math.min(deadline, this.program.now + (request.headerTimeout ?? Infinity))
    const pool = this.poolOf(request.address, request.port)
    const bytes = this.encode(request, pool.host)
    for (;;) {
      const connection = pool.poll() ?? (yield* pool.take(headDeadline))
      if (connection instanceof HttpError) return connection
      const { isReused } = connection
      const head = yield* exchange(connection, bytes, request.method, headDeadline)
      if (!(head instanceof HttpError)) return { connection, head, pool }
      if (!isReused || !mayRepeat(head, request.method)) return head
    }
  }

  private encode(request: HttpRequestOptions, host: string): Uint8Array {
    const { method, path, headers = NO_HEADERS, body = '' } = request
    const { userAgent } = this
    return encodeRequest({ method, target: path, host, userAgent, headers, body })
  }

  private poolOf(address: Ipv4Address, port: number): ConnectionPool {
    const place = address * PORTS + port
    let pool = this.pools.get(place)
    if (pool === undefined) {
      pool = new ConnectionPool(this.program, address, port, this.options)
      this.pools.set(place, pool)
    }
    return pool
  }
}

/** A kept connection may have been closed by the server just then (persistConn.shouldRetryRequest). */
function mayRepeat(error: HttpError, method: string): boolean {
  return error.kind === 'closed' && (!error.wasSent || IDEMPOTENT.has(method))
}

function* exchange(
  connection: ClientConnection,
  bytes: Uint8Array,
  method: string,
  deadline: number,
): Process<ResponseHead | HttpError> {
  let head: ResponseHead | HttpError | null = null
  try {
    if (!(yield* connection.send(bytes, method === 'HEAD'))) {
      return new HttpError('closed', brokenError(connection.stream.error).text, false)
    }
    head = yield* connection.readHead(deadline)
    return head
  } finally {
    if (head === null || head instanceof HttpError) connection.close()
  }
}
