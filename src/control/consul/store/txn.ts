import type { KvEntry, TxnAnswer, TxnError, TxnOperation } from './commands.ts'
import { quoted } from './commands.ts'
import type { KvTable } from './kv-table.ts'

const WRITES = new Set(['set', 'cas', 'delete', 'delete-cas', 'delete-tree', 'lock', 'unlock'])

export function isWrite(verb: string): boolean {
  return WRITES.has(verb)
}

/** What an operation found wrong; its text is the client's. */
export class Refusal extends Error {}

/**
 * Runs the operations in order, each seeing those before it. All are tried even after a failure, so
 * that every error is told; any error takes everything back.
 * Source: consul agent/consul/state/txn.go.
 */
export function runTxn(
  table: KvTable,
  hasSession: (id: string) => boolean,
  operations: readonly TxnOperation[],
  at: number,
): TxnAnswer {
  const results: KvEntry[] = []
  const errors: TxnError[] = []
  table.begin()
  operations.forEach((operation, index) => {
    try {
      results.push(...runOne(table, hasSession, operation, at))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      errors.push({ index, what: error.message })
    }
  })
  if (errors.length > 0) {
    table.rollback()
    return { results: null, errors }
  }
  table.commit()
  return { results, errors: null }
}

function runOne(
  table: KvTable,
  hasSession: (id: string) => boolean,
  operation: TxnOperation,
  at: number,
): KvEntry[] {
  const { verb, key } = operation
  const name = quoted(key)
  switch (verb) {
    case 'set':
      return bare(table.set(at, operation))
    case 'cas':
      return bare(
        table.setCas(at, operation) ?? refuse(`failed to set key ${name}, index is stale`),
      )
    case 'delete':
      table.delete(at, key)
      return []
    case 'delete-cas':
      if (!table.deleteCas(at, key, operation.index ?? 0)) {
        refuse(`failed to delete key ${name}, index is stale`)
      }
      return []
    case 'delete-tree':
      table.deleteTree(at, key)
      return []
    case 'lock':
      return bare(
        table.lock(at, operation, liveSession(operation, hasSession)) ??
          refuse(`failed to lock key ${name}, lock is already held`),
      )
    case 'unlock':
      return bare(
        table.unlock(at, operation, givenSession(operation)) ??
          refuse(`failed to unlock key ${name}, lock isn't held, or is held by another session`),
      )
    default:
      return readOne(table, operation)
  }
}

function readOne(table: KvTable, operation: TxnOperation): KvEntry[] {
  const { verb, key } = operation
  const name = quoted(key)
  const entry = table.entries.get(key)
  switch (verb) {
    case 'get':
      return [entry ?? refuse(`key ${name} doesn't exist`)]
    case 'get-tree':
      return table.list(key)
    case 'check-session': {
      const wanted = operation.session ?? ''
      const found = entry ?? refuse(`failed to check session, key ${name} doesn't exist`)
      if (found.session === wanted) return bare(found)
      return refuse(
        `failed session check for key ${name}, current session ${quoted(found.session)} != ${quoted(wanted)}`,
      )
    }
    case 'check-index': {
      const wanted = operation.index ?? 0
      const found = entry ?? refuse(`failed to check index, key ${name} doesn't exist`)
      if (found.modifyIndex === wanted) return bare(found)
      return refuse(
        `failed index check for key ${name}, current modify index ${found.modifyIndex} != ${wanted}`,
      )
    }
    case 'check-not-exists':
      return entry === undefined ? [] : refuse(`key ${name} exists`)
    default:
      return refuse(`unknown KV verb ${quoted(verb)}`)
  }
}

/** Answers to anything but a read leave the value out. */
function bare(entry: KvEntry): KvEntry[] {
  return [{ ...entry, value: null }]
}

/** The session of a lock; it must exist. */
export function liveSession(
  operation: { readonly session?: string },
  hasSession: (id: string) => boolean,
): string {
  const session = givenSession(operation)
  return hasSession(session) ? session : refuse(`invalid session ${quoted(session)}`)
}

export function givenSession(operation: { readonly session?: string }): string {
  return operation.session ? operation.session : refuse('missing session')
}

function refuse(what: string): never {
  throw new Refusal(what)
}
