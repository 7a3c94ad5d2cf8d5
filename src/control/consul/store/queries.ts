import type { KvEntry, Query, QueryAnswer, Rows } from './commands.ts'
import type { StateStore } from './state-store.ts'
import { runTxn } from './txn.ts'
import { type Scope, scopeOfMissing, type Wake } from './watches.ts'

/** Answers from the tables as they are; whether they may be read now is the server's affair. */
export function answerQuery(store: StateStore, query: Query): QueryAnswer {
  const { index, rows } = read(store, query)
  // The real one leaves 0 for an empty table and repairs it in the header only.
  return { index: Math.max(1, index), rows }
}

/**
 * Calls `wake` once when the answer may have changed; the caller then asks again and waits on if the
 * index did not pass the client's. Returns how to cancel.
 */
export function waitForChange(store: StateStore, query: Query, wake: Wake): () => void {
  return store.watches.add(scopeOf(store, query), wake)
}

function read(store: StateStore, query: Query): QueryAnswer {
  const { kv, sessions, catalog } = store
  switch (query.read) {
    case 'get': {
      const entry = kv.entries.get(query.key)
      const index = entry?.modifyIndex ?? kv.tableIndex
      return { index, rows: { kind: 'entries', entries: entry ? [entry] : [] } }
    }
    case 'list': {
      const entries = kv.list(query.prefix)
      return { index: kv.prefixIndex(query.prefix, entries), rows: { kind: 'entries', entries } }
    }
    case 'keys': {
      const entries = kv.list(query.prefix)
      const index = kv.prefixIndex(query.prefix, entries)
      return { index, rows: { kind: 'keys', keys: keysUpTo(entries, query) } }
    }
    case 'session': {
      const session = sessions.sessions.get(query.id)
      return {
        index: sessions.index,
        rows: { kind: 'sessions', sessions: session ? [session] : [] },
      }
    }
    case 'sessions':
      return { index: sessions.index, rows: { kind: 'sessions', sessions: sessions.all() } }
    case 'node-sessions': {
      const rows: Rows = { kind: 'sessions', sessions: sessions.ofNode(query.node) }
      return { index: sessions.index, rows }
    }
    case 'nodes':
      return { index: catalog.nodesIndex, rows: { kind: 'nodes', nodes: catalog.allNodes() } }
    case 'node-checks': {
      const rows: Rows = { kind: 'checks', checks: catalog.checksOf(query.node) }
      return { index: catalog.checksIndex, rows }
    }
    case 'txn': {
      const txn = runTxn(kv, store.hasSession, query.operations, 0)
      return { index: 0, rows: { kind: 'txn', txn } }
    }
  }
}

/** Keys cut behind the first separator after the prefix, each once. */
function keysUpTo(
  entries: readonly KvEntry[],
  query: { readonly prefix: string; readonly separator: string },
): string[] {
  const { prefix, separator } = query
  const keys: string[] = []
  for (const { key } of entries) {
    const at = separator === '' ? -1 : key.indexOf(separator, prefix.length)
    const cut = at < 0 ? key : key.slice(0, at + separator.length)
    if (at < 0 || cut !== keys.at(-1)) keys.push(cut)
  }
  return keys
}

function scopeOf(store: StateStore, query: Query): Scope {
  const { kv, sessions } = store
  switch (query.read) {
    case 'get':
      if (kv.entries.get(query.key)) return { on: 'key', name: query.key }
      return scopeOfMissing(kv.entries, query.key)
    case 'list':
    case 'keys':
      if (kv.entries.atOrAfter(query.prefix)?.startsWith(query.prefix)) {
        return { on: 'prefix', name: query.prefix }
      }
      return scopeOfMissing(kv.entries, query.prefix)
    case 'session':
      if (sessions.sessions.get(query.id)) return { on: 'topic', name: `session ${query.id}` }
      return { on: 'topic', name: 'sessions' }
    case 'sessions':
      return { on: 'topic', name: 'sessions' }
    case 'node-sessions':
      return { on: 'topic', name: `sessions of ${query.node.toLowerCase()}` }
    case 'nodes':
      return { on: 'topic', name: 'nodes' }
    case 'node-checks':
      return { on: 'topic', name: 'checks' }
    case 'txn':
      throw new Error('a transaction that only reads does not block')
  }
}
