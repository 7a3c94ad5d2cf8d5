import type { Process } from '../../sim/process.ts'
import type { Program } from '../program/program.ts'
import { type Stream, StreamListener } from '../program/stream.ts'
import { encodeResponse } from './encode.ts'
import { Exchange, type ExchangeHost, HttpRequest } from './exchange.ts'
import { MalformedHead, parseRequestHead, type RequestHead } from './head.ts'
import { BodyCollector, MessageReader } from './message-reader.ts'
import { reasonOf } from './status.ts'

/** Answers one request; the next of the connection waits for its end. */
export type HttpHandler = (request: HttpRequest, exchange: Exchange) => Process

/** Larger bodies are refused with 413. */
const BODY_BYTES_MAX = 64 << 20

/**
 * Serves HTTP/1.1 on `port` as long as the program runs.
 * @returns false when the port is taken (EADDRINUSE).
 */
export function serveHttp(program: Program, port: number, handler: HttpHandler): boolean {
  const listener = StreamListener.open(program, port)
  if (listener === null) return false
  program.spawn(acceptAll(program, listener, handler))
  return true
}

function* acceptAll(program: Program, listener: StreamListener, handler: HttpHandler): Process {
  for (;;) {
    const stream = yield* listener.accept()
    if (stream === null) return
    program.spawn(new ServerConnection(stream, handler).serve())
  }
}

class ServerConnection implements ExchangeHost {
  readonly stream: Stream
  private readonly handler: HttpHandler
  private readonly reader = new MessageReader(parseRequestHead)

  constructor(stream: Stream, handler: HttpHandler) {
    this.stream = stream
    this.handler = handler
  }

  *serve(): Process {
    while (yield* this.serveNext());
    this.stream.close()
  }

  /** @returns whether another request may follow. */
  private *serveNext(): Process<boolean> {
    const head = yield* this.readHead()
    if (head === null) return yield* this.refuse()
    const body = yield* this.readBody()
    if (body === null) return yield* this.refuse()
    const exchange = new Exchange(this, head)
    yield* this.handler(new HttpRequest(head, body), exchange)
    yield* exchange.finish()
    return exchange.keepsAlive
  }

  private *readHead(): Process<RequestHead | null> {
    for (;;) {
      const head = this.reader.readHead()
      if (head !== null) return head
      if (this.reader.error !== null || !(yield* this.readAhead())) return null
    }
  }

  private *readBody(): Process<Uint8Array | null> {
    const { reader } = this
    const body = new BodyCollector()
    while (!reader.isBodyComplete) {
      const part = reader.readBody()
      if (part !== null) body.add(part)
      if (body.length > BODY_BYTES_MAX) {
        reader.error = new MalformedHead('http: request body too large', 413)
      }
      if (reader.error !== null) return null
      if (part === null && !reader.isBodyComplete && !(yield* this.readAhead())) return null
    }
    return body.bytes
  }

  *readAhead(): Process<boolean> {
    const bytes = yield* this.stream.read()
    if (bytes === null) return false
    this.reader.feed(bytes)
    return true
  }

  /** Go's answer to what it cannot read; after the end of the connection there is none. */
  private *refuse(): Process<boolean> {
    const { error } = this.reader
    if (error === null) return false
    const text = `${error.status} ${reasonOf(error.status)}`
    const headers = [['Content-Type', 'text/plain; charset=utf-8']] as const
    const response = { status: error.status, date: null, headers, isLast: true }
    yield* this.stream.write(encodeResponse(response, `${text}: ${error.text}`))
    return false
  }
}
