import type { Process } from '../../sim/process.ts'
import { SECOND } from '../../sim/units.ts'
import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { Fibre } from '../program/program.ts'
import type { Stream } from '../program/stream.ts'
import { httpDate } from '../program/wall-clock.ts'
import { type Body, chunkedHead, encodeChunk, encodeResponse, LAST_CHUNK } from './encode.ts'
import type { RequestHead } from './head.ts'
import { type HeaderList, type Headers, NO_HEADERS } from './headers.ts'
import { bytesOf, textOf } from './text.ts'

/** A request that a server has read whole. */
export class HttpRequest {
  readonly method: string
  /** Path and query as they were sent. */
  readonly target: string
  readonly headers: Headers
  readonly body: Uint8Array

  constructor(head: RequestHead, body: Uint8Array) {
    this.method = head.method
    this.target = head.target
    this.headers = head.headers
    this.body = body
  }

  /** The body as UTF-8. */
  get text(): string {
    return textOf(this.body)
  }
}

/** Most answers are written in the same second as the one before. */
const lastDate = { second: Number.NaN, text: '' }

/** What an exchange needs of its connection. */
export interface ExchangeHost {
  readonly stream: Stream
  /** Reads what comes next, so that the end of the connection is noticed. */
  readAhead(): Process<boolean>
}

type State = 'waiting' | 'streaming' | 'answered'

/** One request and the answer to it, at the server. A handler answers with `reply`, or `begin`, `chunk` and `end`. */
export class Exchange {
  /** Whether the client has gone: nothing that is written reaches it. */
  isGone = false
  private readonly host: ExchangeHost
  private readonly isHead: boolean
  private isLast: boolean
  private state: State = 'waiting'
  private watcher: Fibre<void> | null = null

  constructor(host: ExchangeHost, head: RequestHead) {
    this.host = host
    this.isHead = head.method === 'HEAD'
    this.isLast = !head.keepAlive
  }

  get peerAddress(): Ipv4Address {
    return this.host.stream.peerAddress
  }

  /** Whether the connection goes on after this answer. */
  get keepsAlive(): boolean {
    return !this.isLast && !this.isGone
  }

  /**
   * Calls `callback` on the thread when the client closes or breaks the connection before the answer is
   * complete. As with Go's server, it is not noticed behind a pipelined request.
   */
  whenGone(callback: () => void): void {
    const { program } = this.host.stream
    this.watcher?.cancel()
    this.watcher = program.spawn(this.watch(callback))
  }

  private *watch(callback: () => void): Process {
    if (yield* this.host.readAhead()) return
    this.isGone = true
    callback()
  }

  /** Answers with a body that is known. @returns whether the kernel took it. */
  *reply(status: number, headers: HeaderList = NO_HEADERS, body: Body = ''): Process<boolean> {
    if (this.state !== 'waiting') throw new Error('this exchange has its answer already')
    this.state = 'answered'
    const { date, isLast } = this
    const bytes = encodeResponse({ status, date, headers, isLast }, body, this.isHead)
    if (this.isGone) return false
    const taken = this.host.stream.offer(bytes)
    return taken === bytes.length || (yield* this.write(bytes, taken))
  }

  /** Sends the head of an answer that goes on in chunks. */
  *begin(status: number, headers: HeaderList = NO_HEADERS): Process<boolean> {
    if (this.state !== 'waiting') throw new Error('this exchange has its answer already')
    this.state = 'streaming'
    const { date, isLast } = this
    return yield* this.write(bytesOf(chunkedHead({ status, date, headers, isLast })))
  }

  /** @returns false when the client has gone. */
  *chunk(content: Body): Process<boolean> {
    if (this.state !== 'streaming') throw new Error('a chunk outside of a chunked answer')
    // An empty one would be taken for the end.
    if (content.length === 0) return !this.isGone
    return yield* this.write(encodeChunk(content))
  }

  *end(): Process<boolean> {
    if (this.state !== 'streaming') throw new Error('the end of no chunked answer')
    this.state = 'answered'
    return yield* this.write(LAST_CHUNK)
  }

  /** Breaks the connection: the client sees that the answer is not complete. */
  abort(): void {
    this.isLast = true
    this.state = 'answered'
    this.host.stream.abort()
  }

  /** Whether the answer is complete, and nobody waits for the client's end. */
  get isOver(): boolean {
    return this.state === 'answered' && this.watcher === null
  }

  /** Called when the handler has ended: what it left out is done as Go's server does. */
  *finish(): Process {
    this.watcher?.cancel()
    if (this.isGone) return
    if (this.state === 'waiting') yield* this.reply(200)
    else if (this.state === 'streaming') yield* this.end()
  }

  private get date(): string {
    const second = Math.floor(this.host.stream.program.wallClock / SECOND)
    if (second !== lastDate.second) {
      lastDate.second = second
      lastDate.text = httpDate(second * SECOND)
    }
    return lastDate.text
  }

  private *write(bytes: Uint8Array, from = 0): Process<boolean> {
    if (!this.isGone && !(yield* this.host.stream.write(bytes, from))) this.isGone = true
    return !this.isGone
  }
}
