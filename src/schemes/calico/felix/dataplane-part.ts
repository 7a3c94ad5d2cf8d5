import type { Program } from '../../../control/program/program.ts'
import type { Host } from '../../../host/host.ts'
import type { FelixConfigurationSpec, Update } from '../datastore/model.ts'

export type TableName = 'raw' | 'mangle' | 'nat' | 'filter'

/**
 * What Felix wants to stand in iptables, by table and chain, in the words of iptables-save without `-A CHAIN`.
 * Only chains that changed are written, those of one table in one restore.
 */
export interface ChainTables {
  /** A chain of Felix's own; null = it goes. */
  setChain(table: TableName, chain: string, rules: readonly string[] | null): void
  /** Rules at the head of a chain of the kernel: FORWARD, INPUT, ... */
  insert(table: TableName, kernelChain: string, rules: readonly string[]): void
  /** Rules at its end. */
  append(table: TableName, kernelChain: string, rules: readonly string[]): void
}

export type IpsetType = 'hash:ip' | 'hash:net' | 'hash:ip,port'

/** What Felix wants to stand in ipsets; `id` is without the prefix `cali40`. */
export interface Ipsets {
  /** The whole content of a set: made if it is not there. */
  replace(id: string, type: IpsetType, members: Iterable<string>): void
  remove(id: string): void
  /** Its name in the kernel, for `--match-set`. */
  nameOf(id: string): string
}

/** What each part of Felix's data plane works with. */
export interface FelixContext {
  readonly program: Program
  readonly host: Host
  /** The name of the node. */
  readonly node: string
  readonly tables: ChainTables
  readonly ipsets: Ipsets
  /** FelixConfiguration as it is now, the node's own over the default. */
  config(): FelixConfigurationSpec
  log(line: string): void
}

/**
 * A manager of Felix (felix/dataplane/linux). It notes what it is told, and says in `prepare` what ought to
 * stand in the kernel; Felix then applies in its order: ipsets, iptables, routes, what may go. Nothing is
 * applied before the datastore has been read whole.
 */
export interface DataplanePart {
  onUpdate(update: Update): void
  /** CompleteDeferredWork: hands chains and sets to `context.tables` and `context.ipsets`. */
  prepare?(): void
  /** Tunnel devices, neighbours and FDB entries: before all routes. */
  applyVteps?(): void
  applyRoutes?(): void
  /** Compares with the kernel at the next application: `routes` each 90 s. */
  resync?(): void
  /** What is wanted could not all be done: it is tried again after 10 s (dataplane retry). */
  readonly needsRetry?: boolean
}
