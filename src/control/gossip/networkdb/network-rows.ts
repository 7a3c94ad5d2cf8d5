import { SECOND } from '../../../sim/units.ts'
import { BroadcastQueue } from '../memberlist/broadcast-queue.ts'
import { type TableEvent, tableEvent } from './messages.ts'

/** A row as its last news had it. */
export interface Row {
  readonly event: TableEvent
  readonly isDeleted: boolean
  /** When a deleted row is forgotten, picoseconds. */
  readonly reapAt: number
}

/** The tables of one network at one node, and what of it is to be passed on. */
export class NetworkRows {
  readonly id: string
  readonly queue: BroadcastQueue
  /** The node has had the rows of all others: what it hears from now on is news. */
  inSync = false
  /** The node has left the network; it is forgotten then, picoseconds. */
  reapAt = Infinity
  private readonly tables = new Map<string, Map<string, Row>>()

  /** @param nodes how many are in the network. */
  constructor(id: string, retransmitMult: number, nodes: () => number) {
    this.id = id
    this.queue = new BroadcastQueue(retransmitMult, nodes)
  }

  get isLeaving(): boolean {
    return this.reapAt !== Infinity
  }

  get(table: string, key: string): Row | undefined {
    return this.tables.get(table)?.get(key)
  }

  put(row: Row): void {
    const { table, key } = row.event
    const rows = this.tables.get(table)
    if (rows !== undefined) rows.set(key, row)
    else this.tables.set(table, new Map([[key, row]]))
  }

  remove({ table, key }: TableEvent): void {
    this.tables.get(table)?.delete(key)
  }

  *all(): Generator<Row> {
    for (const rows of this.tables.values()) yield* rows.values()
  }

  /** Rows of a table that are not deleted. */
  live(table: string): TableEvent[] {
    const rows = this.tables.get(table)
    if (rows === undefined) return []
    return [...rows.values()].flatMap(({ event, isDeleted }) => (isDeleted ? [] : [event]))
  }

  /** To be told to other nodes of the network; newer news of a row take the place of older ones. */
  tell({ bytes, table, key }: TableEvent): void {
    this.queue.queue({ content: bytes, name: `${table}/${key}` })
  }

  /** All rows as events, deleted ones with the time that is left to them. */
  events(now: number): Uint8Array[] {
    const messages: Uint8Array[] = []
    for (const { event, isDeleted, reapAt } of this.all()) {
      messages.push(isDeleted ? deletion(event, reapAt - now).bytes : event.bytes)
    }
    return messages
  }

  reap(now: number): void {
    for (const { event, isDeleted, reapAt } of [...this.all()]) {
      if (isDeleted && reapAt <= now) this.remove(event)
    }
  }
}

/** @param left picoseconds until it is forgotten. */
export function deletion(event: TableEvent, left: number): TableEvent {
  const residual = Math.max(1, Math.floor(left / SECOND))
  return event.action === 'delete' && event.residual === residual
    ? event
    : tableEvent({ ...event, action: 'delete', residual })
}
