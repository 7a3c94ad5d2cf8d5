import type { Process } from '../../sim/process.ts'
import type { ClientConnection } from './client-connection.ts'
import type { ResponseHead } from './head.ts'
import type { Headers } from './headers.ts'
import { HttpError } from './http-error.ts'
import { textOfLine } from './recent-lines.ts'
import { concatBytes, textOf } from './text.ts'

const LF = 10

/** An answer whose body is read bit by bit. */
export class HttpStream {
  readonly status: number
  readonly headers: Headers
  /** Why the body is not complete; null while it goes on, and when it ended in order. */
  error: HttpError | null = null
  private readonly connection: ClientConnection
  private readonly deadline: number
  private readonly release: () => void
  private isOver = false
  /** The line that is not complete yet. */
  private rest: Uint8Array[] = []

  constructor(
    connection: ClientConnection,
    head: ResponseHead,
    deadline: number,
    release: () => void,
  ) {
    this.status = head.status
    this.headers = head.headers
    this.connection = connection
    this.deadline = deadline
    this.release = release
  }

  /** Whether nothing more comes. */
  get hasEnded(): boolean {
    return this.isOver
  }

  /**
   * @param timeout picoseconds; when it is over the answer goes on.
   * @returns what is there of the body; null when the time is over or at the end: see `hasEnded`, `error`.
   */
  *nextChunk(timeout = Infinity): Process<Uint8Array | null> {
    if (this.isOver) return null
    const { program } = this.connection.stream
    const until = program.now + timeout
    const part = yield* this.connection.readBody(Math.min(until, this.deadline))
    if (part instanceof HttpError) {
      const isOnlyLate = part.kind === 'timeout' && program.now < this.deadline
      if (!isOnlyLate && !this.isOver) this.fail(part)
      return null
    }
    if (part === null) this.finish()
    return part
  }

  /** The next line without its line feed, or what follows the last one; null as with `nextChunk`. */
  *nextLine(timeout = Infinity): Process<string | null> {
    for (;;) {
      const last = this.rest.pop()
      const at = last === undefined ? -1 : last.indexOf(LF)
      if (last !== undefined && at >= 0) return this.takeLine(last, at)
      if (last !== undefined) this.rest.push(last)
      const part = yield* this.nextChunk(timeout)
      if (part !== null) this.rest.push(part)
      else return this.error === null && this.isOver ? this.takeRest() : null
    }
  }

  private takeLine(last: Uint8Array, at: number): string {
    this.rest.push(last.subarray(0, at))
    const line = concatBytes(this.rest)
    this.rest = at + 1 < last.length ? [last.subarray(at + 1)] : []
    return textOfLine(line)
  }

  private takeRest(): string | null {
    if (this.rest.length === 0) return null
    const line = textOf(concatBytes(this.rest))
    this.rest = []
    return line
  }

  private finish(): void {
    this.isOver = true
    this.release()
  }

  private fail(error: HttpError): void {
    this.error = error
    this.cancel()
  }

  /** Gives the answer up: the connection is closed. */
  cancel(): void {
    if (this.isOver) return
    this.isOver = true
    this.connection.close()
  }
}
