import { HttpClient, type HttpResponse } from '../../../control/http/client.ts'
import { HttpError } from '../../../control/http/http-error.ts'
import type { HttpStream } from '../../../control/http/http-stream.ts'
import type { Program } from '../../../control/program/program.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { ManagerPlace } from './manager.ts'
import { type Redirect, SWARM_PORT } from './records.ts'

/** Between attempts (session.go: from 100 ms on, doubled, up to 8 s). */
const BACKOFF_FIRST = 100 * MILLISECOND
const BACKOFF_MAX = 8 * SECOND
/** Of one request: a manager that is cut off does not answer. */
const REQUEST_TIMEOUT = 5 * SECOND
/** grpc's dial time-out of the agent. */
const DIAL_TIMEOUT = 5 * SECOND

/**
 * Asks the leader of the managers: whom it takes for it, or else one by chance. A real manager that does not
 * lead passes the question on; here it says who leads.
 */
export class ManagerClient {
  private readonly program: Program
  private readonly managers: readonly ManagerPlace[]
  private readonly http: HttpClient
  private current: ManagerPlace | null = null

  constructor(program: Program, managers: readonly ManagerPlace[]) {
    this.program = program
    this.managers = managers
    this.http = new HttpClient(program, { dialTimeout: DIAL_TIMEOUT })
  }

  private get target(): ManagerPlace {
    const { managers, program } = this
    this.current ??= managers[program.random.integer(0, managers.length - 1)]!
    return this.current
  }

  /** Asks until a leader has answered. @param patience picoseconds. @returns null when it is over. */
  *ask(path: string, question: object, patience: number): Process<HttpResponse | null> {
    const end = this.program.now + patience
    let backoff = BACKOFF_FIRST
    while (this.program.now < end) {
      const answer = yield* this.askOne(
        path,
        question,
        Math.min(REQUEST_TIMEOUT, end - this.program.now),
      )
      if (answer === 'redirected') continue
      if (answer !== null) return answer
      yield* sleep(Math.min(backoff, Math.max(0, end - this.program.now)))
      backoff = Math.min(2 * backoff, BACKOFF_MAX)
    }
    return null
  }

  /** @returns null when there is no leader, or nobody answered. */
  private *askOne(
    path: string,
    question: object,
    timeout: number,
  ): Process<HttpResponse | 'redirected' | null> {
    const answer = yield* this.http.request({ ...this.request(path, question), timeout })
    if (answer instanceof HttpError || answer.status === 503) {
      this.current = null
      return null
    }
    if (answer.status !== 307) return answer
    return this.follow(answer.text) ? 'redirected' : null
  }

  /** Asks for an answer that goes on. @returns null when there is none: try again later. */
  *stream(path: string, question: object): Process<HttpStream | null> {
    // Whom the first names may name another already.
    for (let hops = 0; hops <= this.managers.length; hops++) {
      const request = { ...this.request(path, question), headerTimeout: REQUEST_TIMEOUT }
      const stream = yield* this.http.stream(request)
      if (stream instanceof HttpError) {
        this.current = null
        return null
      }
      if (stream.status === 200) return stream
      const line = yield* stream.nextLine(REQUEST_TIMEOUT)
      stream.cancel()
      if (line === null || !this.follow(line)) return null
    }
    return null
  }

  /** It may be another's turn: next time any is asked. */
  forgetLeader(): void {
    this.current = null
  }

  private request(path: string, question: object) {
    const { address } = this.target
    return { address, port: SWARM_PORT, method: 'POST', path, body: JSON.stringify(question) }
  }

  /** @returns whether it is known who leads. */
  private follow(text: string): boolean {
    const { leader } = JSON.parse(text) as Redirect
    this.current = this.managers.find(({ name }) => name === leader) ?? null
    return this.current !== null
  }
}
