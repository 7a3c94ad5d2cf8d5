import type { Process } from '../../sim/process.ts'
import { Condition } from '../program/condition.ts'
import type { Stream } from '../program/stream.ts'
import { parseResponseHead, type ResponseHead } from './head.ts'
import { brokenError, HttpError, timeoutError } from './http-error.ts'
import { BodyCollector, MessageReader } from './message-reader.ts'
import { NO_BYTES } from './text.ts'

/** What waits unread before TCP's window is left to close; more than the longest head. */
const READ_AHEAD_BYTES = 2 << 20

/**
 * A client's connection. A process of its own reads it at all times, as Go's does: so the end of an idle one is
 * noticed at once.
 */
export class ClientConnection {
  readonly stream: Stream
  /** Whether a request went over it before. */
  isReused = false
  /** Called when it has ended while it was idle. */
  onIdleEnd: (() => void) | null = null
  private readonly changed: Condition
  private reader: MessageReader<ResponseHead>
  private isHeadRequest = false
  /** Of an answer that is wanted whole: who waits for it is woken at its end. */
  private collector: BodyCollector | null = null
  private isBusy = false
  private hasEnded = false

  constructor(stream: Stream) {
    const { program } = stream
    this.stream = stream
    this.changed = new Condition(program)
    this.reader = new MessageReader((text) => parseResponseHead(text, this.isHeadRequest))
    program.spawn(this.readAll())
  }

  get isUsable(): boolean {
    return !this.hasEnded && !this.stream.isBroken
  }

  private *readAll(): Process {
    for (;;) {
      const bytes = yield* this.stream.read()
      if (bytes === null) break
      // An answer that nobody asked for: Go gives the connection up.
      if (!this.isBusy) break
      this.reader.feed(bytes)
      if (this.collector !== null && !this.collect(this.collector)) continue
      this.changed.notify()
      while (this.reader.pending > READ_AHEAD_BYTES && !this.stream.isBroken) {
        yield* this.changed.wait()
      }
    }
    this.hasEnded = true
    this.changed.notify()
    if (!this.isBusy) this.close()
  }

  /** Sends a request. @returns false when nothing of it can be sent. */
  *send(bytes: Uint8Array, isHeadRequest: boolean): Process<boolean> {
    const { stream } = this
    this.isBusy = true
    this.isHeadRequest = isHeadRequest
    if (!this.isUsable) return false
    const taken = stream.offer(bytes)
    return taken === bytes.length || (yield* stream.write(bytes, taken))
  }

  /** @param deadline instant of the program's clock. */
  *readHead(deadline: number): Process<ResponseHead | HttpError> {
    for (;;) {
      const head = this.reader.readHead()
      // 100 and its like announce the answer.
      if (head !== null && head.status >= 200) return head
      if (head !== null) continue
      const error = this.failure() ?? this.lateness(deadline)
      if (error !== null) return error
      yield this.changed.until(deadline - this.stream.program.now)
    }
  }

  /** @returns the body, when all of it is there and its length was told. */
  wholeBody(): Uint8Array | null {
    const { reader } = this
    if (reader.isBodyComplete) return NO_BYTES
    const isOverdue = reader.pending > READ_AHEAD_BYTES
    const body = reader.readWhole()
    if (isOverdue) this.changed.notify()
    return body
  }

  /** @returns whether the body has ended, in order or not. */
  private collect(collector: BodyCollector): boolean {
    const { reader } = this
    for (let part = reader.readBody(); part !== null; part = reader.readBody()) collector.add(part)
    return reader.isBodyComplete || reader.error !== null
  }

  /** @returns the rest of the body, when all of it is there. */
  *readWhole(deadline: number): Process<Uint8Array | HttpError> {
    const { reader } = this
    const collector = new BodyCollector()
    this.collector = collector
    if (reader.pending > READ_AHEAD_BYTES) this.changed.notify()
    try {
      while (!this.collect(collector)) {
        if (this.hasEnded && reader.finish()) break
        const error = this.failure() ?? this.lateness(deadline)
        if (error !== null) return error
        yield this.changed.until(deadline - this.stream.program.now)
      }
      return reader.error === null ? collector.bytes : this.failure()!
    } finally {
      this.collector = null
    }
  }

  /** @returns the next part of the body; null at its end. */
  *readBody(deadline: number): Process<Uint8Array | null | HttpError> {
    const { reader } = this
    for (;;) {
      const pending = reader.pending
      const part = reader.readBody()
      if (pending > READ_AHEAD_BYTES) this.changed.notify()
      if (part !== null) return part
      if (reader.isBodyComplete) return null
      if (reader.error === null && this.hasEnded && reader.finish()) return null
      const error = this.failure() ?? this.lateness(deadline)
      if (error !== null) return error
      yield this.changed.until(deadline - this.stream.program.now)
    }
  }

  private failure(): HttpError | null {
    const { error } = this.reader
    if (error !== null) return new HttpError('malformed', error.text, true)
    if (!this.hasEnded && !this.stream.isBroken) return null
    return brokenError(this.stream.error)
  }

  private lateness(deadline: number): HttpError | null {
    return this.stream.program.now >= deadline ? timeoutError(true) : null
  }

  /** The answer has been read. @returns whether another request may follow. */
  release(): boolean {
    this.isBusy = false
    this.isReused = true
    return this.isUsable && this.reader.pending === 0
  }

  close(): void {
    this.hasEnded = true
    this.stream.close()
    this.changed.notify()
    const { onIdleEnd } = this
    this.onIdleEnd = null
    onIdleEnd?.()
  }
}
