/** Server behaviour that changed: 1.2 stands for 0.7 to 1.5, 1.8 for 1.7 to 1.10. */
export type ConsulVersion = '1.2' | '1.8'

export const DEFAULT_VERSION: ConsulVersion = '1.8'

/** The check that every agent's node has: its membership in the gossip pool. */
export const SERF_CHECK = 'serfHealth'

/** A key as the state store holds it; never changed in place, so answers may keep it. */
export interface KvEntry {
  readonly key: string
  /** Base64; null = empty. */
  readonly value: string | null
  /** An unsigned 64-bit number in decimal digits: clients use all its bits. */
  readonly flags: string
  readonly session: string
  readonly lockIndex: number
  readonly createIndex: number
  readonly modifyIndex: number
}

export type KvVerb = 'set' | 'cas' | 'delete' | 'delete-cas' | 'delete-tree' | 'lock' | 'unlock'

export interface KvArguments {
  readonly key: string
  readonly value?: string | null
  readonly flags?: string
  /** What `cas`, `delete-cas` and `check-index` compare with. */
  readonly index?: number
  readonly session?: string
}

/** Verbs beyond these are refused by the state store, as the real one does. */
export interface TxnOperation extends KvArguments {
  readonly verb: string
}

export interface TxnError {
  readonly index: number
  readonly what: string
}

export interface TxnAnswer {
  /** Values are null but in answers to `get` and `get-tree`; null when there are errors. */
  readonly results: readonly KvEntry[] | null
  readonly errors: readonly TxnError[] | null
}

export type SessionBehavior = 'release' | 'delete'

export interface SessionArguments {
  readonly id: string
  readonly name: string
  readonly node: string
  readonly checks: readonly string[]
  readonly behavior: string
  /** A duration as Go writes it; '' = none. */
  readonly ttl: string
  /** Nanoseconds. */
  readonly lockDelay: number
}

export interface Session extends SessionArguments {
  readonly behavior: SessionBehavior
  readonly createIndex: number
  readonly modifyIndex: number
}

export interface NodeRecord {
  readonly node: string
  readonly address: string
  readonly createIndex: number
  readonly modifyIndex: number
}

export interface CheckArguments {
  readonly check: string
  readonly name: string
  /** `passing`, `warning`, `critical`. */
  readonly status: string
  readonly output: string
}

export interface CheckRecord extends CheckArguments {
  readonly node: string
  readonly createIndex: number
  readonly modifyIndex: number
}

/** What stands in a raft entry; plain JSON. */
export type Command =
  | { readonly type: 'kv'; readonly verb: KvVerb; readonly entry: KvArguments }
  | { readonly type: 'txn'; readonly operations: readonly TxnOperation[] }
  | { readonly type: 'session-create'; readonly session: SessionArguments }
  | { readonly type: 'session-destroy'; readonly id: string }
  | {
      readonly type: 'register'
      readonly node: string
      readonly address: string
      readonly checks: readonly CheckArguments[]
    }
  | { readonly type: 'deregister'; readonly node: string; readonly check?: string }
  | { readonly type: 'reap-tombstones'; readonly index: number }

export type Result =
  | { readonly kind: 'ok'; readonly value: boolean }
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'txn'; readonly txn: TxnAnswer }
  | { readonly kind: 'error'; readonly text: string }

export type Query =
  | { readonly read: 'get'; readonly key: string }
  | { readonly read: 'list'; readonly prefix: string }
  | { readonly read: 'keys'; readonly prefix: string; readonly separator: string }
  | { readonly read: 'session'; readonly id: string }
  | { readonly read: 'sessions' }
  | { readonly read: 'node-sessions'; readonly node: string }
  | { readonly read: 'nodes' }
  | { readonly read: 'node-checks'; readonly node: string }
  | { readonly read: 'txn'; readonly operations: readonly TxnOperation[] }

export type Rows =
  | { readonly kind: 'entries'; readonly entries: readonly KvEntry[] }
  | { readonly kind: 'keys'; readonly keys: readonly string[] }
  | { readonly kind: 'sessions'; readonly sessions: readonly Session[] }
  | { readonly kind: 'nodes'; readonly nodes: readonly NodeRecord[] }
  | { readonly kind: 'checks'; readonly checks: readonly CheckRecord[] }
  | { readonly kind: 'txn'; readonly txn: TxnAnswer }

export interface QueryAnswer {
  /** At least 1: a client that was given 0 would never block. */
  readonly index: number
  readonly rows: Rows
}

export interface StoreSnapshot {
  readonly entries: readonly KvEntry[]
  readonly tombstones: readonly (readonly [key: string, index: number])[]
  readonly sessions: readonly Session[]
  readonly nodes: readonly NodeRecord[]
  readonly checks: readonly CheckRecord[]
  /** The last index that changed each table. */
  readonly tables: {
    readonly kvs: number
    readonly tombstones: number
    readonly sessions: number
    readonly nodes: number
    readonly checks: number
  }
}

/** A string in a message as Go's %q prints it. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}
