import { SECOND } from '../../../sim/units.ts'
import { BroadcastQueue } from '../memberlist/broadcast-queue.ts'
import { EventSet } from './event-set.ts'
import { type TableEvent, tableEvent } from './messages.ts'
import { RowListing } from './row-listing.ts'

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
  private readonly events = new EventSet()
  private readonly tables = new Map<string, Map<string, Row>>()
  private readonly deleted = new Set<Row>()
  /** By table, where no row has changed since. */
  private readonly listed = new Map<string, RowListing>()

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

  /** Whether a row is there as this very event had it; false may be wrong. */
  has({ number }: TableEvent): boolean {
    return this.events.has(number)
  }

  put(row: Row): void {
    const { table, key, number } = row.event
    const rows = this.tables.get(table)
    if (rows?.has(key) === true) this.withdraw(table, key)
    this.events.add(number)
    if (row.isDeleted) this.deleted.add(row)
    if (rows !== undefined) rows.set(key, row)
    else this.tables.set(table, new Map([[key, row]]))
  }

  remove({ table, key }: TableEvent): void {
    this.withdraw(table, key)
    this.tables.get(table)?.delete(key)
  }

  /** The row that is there is no more what it was. */
  private withdraw(table: string, key: string): void {
    const row = this.get(table, key)!
    this.events.delete(row.event.number)
    this.listed.delete(table)
    this.deleted.delete(row)
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
  tell({ bytes, path }: TableEvent): void {
    this.queue.queue({ content: bytes, name: path })
  }

  /** All rows, deleted ones with the time that is left to them; a listing a table. */
  listings(now: number): readonly RowListing[] {
    return [...this.tables].map(([table, rows]) => {
      if (this.deleted.size > 0) return listingOf(rows.values(), now)
      const listing = this.listed.get(table) ?? new RowListing()
      this.listed.set(table, listing)
      listing.update(rows.values())
      return listing
    })
  }

  reap(now: number): void {
    for (const row of this.deleted) if (row.reapAt <= now) this.remove(row.event)
  }
}

/** Rows that are there, by their event: the same at all nodes. */
const live = new WeakMap<TableEvent, Row>()

/** The row that is there since `event`. */
export function liveRow(event: TableEvent): Row {
  const known = live.get(event)
  if (known !== undefined) return known
  const row = { event, isDeleted: false, reapAt: Infinity }
  live.set(event, row)
  return row
}

function listingOf(rows: Iterable<Row>, now: number): RowListing {
  const listing = new RowListing()
  for (const { event, isDeleted, reapAt } of rows) {
    listing.add(isDeleted ? deletion(event, reapAt - now) : event)
  }
  return listing
}

/** @param left picoseconds until it is forgotten. */
export function deletion(event: TableEvent, left: number): TableEvent {
  const residual = Math.max(1, Math.floor(left / SECOND))
  return event.action === 'delete' && event.residual === residual
    ? event
    : tableEvent({ ...event, action: 'delete', residual })
}
