import type { Process } from '../../../sim/process.ts'
import { Mailbox } from '../../program/mailbox.ts'
import type { Program } from '../../program/program.ts'
import { LamportClock } from './lamport-clock.ts'
import type { QueryMessage, QueryResponseMessage } from './messages.ts'

export interface QueryResponse {
  readonly from: string
  readonly payload: Uint8Array
}

/** The answers to a query of one's own, each node's first only, for as long as it lasts. */
export class QueryResponses {
  private readonly program: Program
  private readonly deadline: number
  private readonly arrived: Mailbox<QueryResponse>
  private readonly seen = new Set<string>()

  /** @param timeout picoseconds. */
  constructor(program: Program, timeout: number) {
    this.program = program
    this.deadline = program.now + timeout
    this.arrived = new Mailbox(program)
  }

  put({ from, payload }: QueryResponse): void {
    if (this.seen.has(from)) return
    this.seen.add(from)
    this.arrived.put({ from, payload })
  }

  /** @returns the next answer; null when the query's time, or this one, is over. */
  *take(timeout = Infinity): Process<QueryResponse | null> {
    const left = Math.min(timeout, this.deadline - this.program.now)
    return left > 0 ? yield* this.arrived.take(left) : this.arrived.poll()
  }
}

/** Queries that were seen, and those of one's own that still last. */
export class Queries {
  readonly clock = new LamportClock()
  private readonly program: Program
  private readonly seen: { readonly time: number; readonly ids: number[] }[] = []
  private readonly size: number
  private readonly open = new Map<number, { id: number; responses: QueryResponses }>()

  constructor(program: Program, size: number) {
    this.program = program
    this.size = size
  }

  /** Waits for answers to a query that is about to be sent. */
  start({ id, time, timeout }: QueryMessage): QueryResponses {
    const responses = new QueryResponses(this.program, timeout)
    this.open.set(time, { id, responses })
    this.program.after(timeout, () => this.open.delete(time))
    return responses
  }

  /** @returns whether it is news: too old ones count as known. */
  add({ id, time }: QueryMessage): boolean {
    this.clock.witness(time)
    if (this.clock.time > this.size && time < this.clock.time - this.size) return false
    const at = time % this.size
    const slot = this.seen[at]
    if (slot?.time !== time) this.seen[at] = { time, ids: [id] }
    else if (slot.ids.includes(id)) return false
    else slot.ids.push(id)
    return true
  }

  answered({ from, id, payload, time }: QueryResponseMessage): void {
    const query = this.open.get(time)
    if (query?.id === id) query.responses.put({ from, payload })
  }
}
