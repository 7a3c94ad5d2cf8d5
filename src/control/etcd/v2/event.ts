/** What the keys API shows of the tree: nodes, and the events that changed them. */

/** A node as clients see it. A file has a value, a directory `dir`. */
export interface V2Node {
  readonly key: string
  readonly value?: string
  readonly dir?: true
  /** Picoseconds since the simulation's epoch. */
  readonly expiration?: number
  /** Seconds left when this was made, rounded up; 0 or less when the time is over. */
  readonly ttl?: number
  readonly nodes?: readonly V2Node[]
  readonly modifiedIndex: number
  readonly createdIndex: number
}

export type V2Action =
  | 'get'
  | 'create'
  | 'set'
  | 'update'
  | 'delete'
  | 'compareAndSwap'
  | 'compareAndDelete'
  | 'expire'

export interface V2Event {
  readonly action: V2Action
  /** Of a change, `modifiedIndex` is the index of the event itself. */
  readonly node: V2Node
  readonly prevNode?: V2Node
  /** The store's index once this was done. */
  readonly etcdIndex: number
  /** Renewed a TTL only: kept in the history, shown to no watcher. */
  readonly refresh?: true
}
