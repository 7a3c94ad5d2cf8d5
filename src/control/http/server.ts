import type { Process } from '../../sim/process.ts'
import type { Program } from '../program/program.ts'
import { type Stream, StreamListener } from '../program/stream.ts'
import { encodeResponse } from './encode.ts'
import { Exchange, type ExchangeHost, HttpRequest } from './exchange.ts'
import { MalformedHead, parseRequestHead, type RequestHead } from './head.ts'
import { BodyCollector, MessageReader } from './message-reader.ts'
import { reasonOf } from './status.ts'
import { NO_BYTES } from './text.ts'

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
  /** Of the request that is being read. */
  private head: RequestHead | null = null
  private body: BodyCollector | null = null

  constructor(stream: Stream, handler: HttpHandler) {
    this.stream = stream
    this.handler = handler
  }

  *serve(): Process {
    const { stream, reader } = this
    for (;;) {
      const request = this.nextRequest()
      if (request !== null) {
        if (!(yield* this.answer(request))) break
      } else if (reader.error !== null) {
        yield* this.refuse(reader.error)
        break
      } else {
        const bytes = stream.poll() ?? (yield* stream.read())
        if (bytes === null) break
        reader.feed(bytes)
      }
    }
    stream.close()
  }

  /** @returns whether another request may follow. */
  private *answer(request: HttpRequest): Process<boolean> {
    const exchange = new Exchange(this, this.head!)
    this.head = null
    yield* this.handler(request, exchange)
    if (!exchange.isOver) yield* exchange.finish()
    return exchange.keepsAlive
  }

  /** @returns null while bytes of it are missing. */
  private nextRequest(): HttpRequest | null {
    const { reader } = this
    this.head ??= reader.readHead()
    if (this.head === null) return null
    const body = reader.isBodyComplete ? NO_BYTES : (this.wholeBody() ?? this.collectBody())
    return body === null ? null : new HttpRequest(this.head, body)
  }

  private wholeBody(): Uint8Array | null {
    return this.body === null ? this.reader.readWhole() : null
  }

  private collectBody(): Uint8Array | null {
    const { reader } = this
    this.body ??= new BodyCollector()
    const { body } = this
    for (let part = reader.readBody(); part !== null; part = reader.readBody()) body.add(part)
    if (body.length > BODY_BYTES_MAX) {
      reader.error = new MalformedHead('http: request body too large', 413)
    }
    if (!reader.isBodyComplete || reader.error !== null) return null
    this.body = null
    return body.bytes
  }

  *readAhead(): Process<boolean> {
    const bytes = yield* this.stream.read()
    if (bytes === null) return false
    this.reader.feed(bytes)
    return true
  }

  /** Go's answer to what it cannot read. */
  private *refuse(error: MalformedHead): Process {
    const text = `${error.status} ${reasonOf(error.status)}`
    const headers = [['Content-Type', 'text/plain; charset=utf-8']] as const
    const response = { status: error.status, date: null, headers, isLast: true }
    yield* this.stream.write(encodeResponse(response, `${text}: ${error.text}`))
  }
}
