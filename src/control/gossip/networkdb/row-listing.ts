import { CompoundEntries } from './compound.ts'
import type { TableEvent } from './messages.ts'

/**
 * The rows of one table as a bulk sync sends them, in the order of the table. It is sent again and again, and
 * most rows are the same as the last time: only new ones are added. No good when a row has changed or gone.
 */
export class RowListing {
  private readonly entries = new CompoundEntries()
  private readonly listed: TableEvent[] = []

  /** @param rows of the table, to which only rows at the end were added since the last time. */
  update(rows: Iterable<{ readonly event: TableEvent }>): void {
    const before = this.listed.length
    let place = 0
    for (const { event } of rows) if (place++ >= before) this.add(event)
  }

  add(event: TableEvent): void {
    this.listed.push(event)
    this.entries.add(event.bytes)
  }

  get bytes(): Uint8Array {
    return this.entries.bytes
  }

  get events(): readonly TableEvent[] {
    return this.listed
  }
}
