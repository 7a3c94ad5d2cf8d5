import type { ChainTables, TableName } from '../dataplane-part.ts'

/** Chains of one kind in a table: those that are not named any more go. */
export class OwnedChains {
  private readonly tables: ChainTables
  private readonly table: TableName
  private names: ReadonlySet<string> = new Set()

  constructor(tables: ChainTables, table: TableName) {
    this.tables = tables
    this.table = table
  }

  set(chains: ReadonlyMap<string, readonly string[]>): void {
    for (const [name, rules] of chains) this.tables.setChain(this.table, name, rules)
    for (const name of this.names) {
      if (!chains.has(name)) this.tables.setChain(this.table, name, null)
    }
    this.names = new Set(chains.keys())
  }
}
