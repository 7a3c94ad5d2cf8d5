/** The state store against a model that keeps plain lists and copies everything. */
import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import type { Command, KvEntry, KvVerb, Query, StoreSnapshot, TxnOperation } from './commands.ts'
import { OrderedMap } from './ordered-map.ts'
import { answerQuery, waitForChange } from './queries.ts'
import { StateStore } from './state-store.ts'
import { scopeOfMissing } from './watches.ts'

const random = new RandomStreams('consul').stream('model')
const VERBS: KvVerb[] = ['set', 'cas', 'delete', 'delete-cas', 'delete-tree', 'lock', 'unlock']
const READS = ['get', 'get-tree', 'check-index', 'check-session', 'check-not-exists']
const SESSIONS = ['s1', 's2', 's3']

function pick<T>(items: readonly T[]): T {
  return items[random.integer(0, items.length - 1)]!
}

function word(): string {
  return Array.from({ length: random.integer(1, 4) }, () => pick(['a', 'b', '/'])).join('')
}

interface Model {
  rows: KvEntry[]
  sessions: Map<string, 'release' | 'delete'>
}

/** Returns whether it was done; undefined = an error. */
function act(model: Model, verb: string, given: TxnOperation, at: number): boolean | undefined {
  const { key, session = '', index = 0 } = given
  const row = model.rows.find((each) => each.key === key)
  const others = model.rows.filter((each) => each.key !== key)
  const write = (owner: string, lockIndex: number) => {
    const next = {
      key,
      value: given.value ?? null,
      flags: '0',
      session: owner,
      lockIndex,
      createIndex: row?.createIndex ?? at,
      modifyIndex: at,
    }
    const same =
      row &&
      JSON.stringify({ ...row, modifyIndex: 0 }) === JSON.stringify({ ...next, modifyIndex: 0 })
    if (!same) model.rows = [...others, next]
    return true
  }
  switch (verb) {
    case 'set':
      return write(row?.session ?? '', 0)
    case 'cas':
      return index === (row?.modifyIndex ?? 0) ? write(row?.session ?? '', 0) : false
    case 'delete':
      model.rows = others
      return true
    case 'delete-cas':
      if (row && row.modifyIndex !== index) return false
      model.rows = others
      return true
    case 'delete-tree':
      model.rows = model.rows.filter((each) => !each.key.startsWith(key))
      return true
    case 'lock':
      if (!model.sessions.has(session)) return undefined
      if (row && row.session !== '' && row.session !== session) return false
      return write(session, (row?.lockIndex ?? 0) + (row?.session === session ? 0 : 1))
    case 'unlock':
      if (session === '') return undefined
      return row?.session === session ? write('', row.lockIndex) : false
    case 'get':
      return row !== undefined
    case 'get-tree':
      return true
    case 'check-index':
      return row?.modifyIndex === index
    case 'check-session':
      return row?.session === session
    default:
      return row === undefined
  }
}

function endSession(model: Model, id: string, at: number): void {
  const behavior = model.sessions.get(id)
  model.sessions.delete(id)
  if (behavior === 'delete') model.rows = model.rows.filter((each) => each.session !== id)
  model.rows = model.rows.map((each) =>
    each.session === id ? { ...each, session: '', modifyIndex: at } : each,
  )
}

function sorted(rows: readonly KvEntry[]): KvEntry[] {
  return [...rows].sort((a, b) => (a.key < b.key ? -1 : 1))
}

function operation(model: Model): TxnOperation {
  const row = model.rows.length > 0 && random.next() < 0.6 ? pick(model.rows) : undefined
  return {
    verb: random.next() < 0.75 ? pick(VERBS) : pick(READS),
    key: row?.key ?? word(),
    value: pick(['YQ==', 'Yg==', null]),
    index: random.next() < 0.7 ? (row?.modifyIndex ?? 0) : random.integer(0, 50),
    session: random.next() < 0.9 ? pick(SESSIONS) : '',
  }
}

function step(store: StateStore, model: Model, at: number): void {
  const roll = random.next()
  const id = pick(SESSIONS)
  if (roll < 0.08) {
    const behavior = pick(['release', 'delete'] as const)
    if (model.sessions.has(id)) return
    const session = { id, name: '', node: 'h', checks: [], behavior, ttl: '', lockDelay: 0 }
    store.apply({ type: 'session-create', session }, at)
    model.sessions.set(id, behavior)
  } else if (roll < 0.13) {
    store.apply({ type: 'session-destroy', id }, at)
    endSession(model, id, at)
  } else if (roll < 0.7) {
    const one = operation(model)
    const verb = pick(VERBS)
    const done = act(model, verb, one, at)
    const result = store.apply({ type: 'kv', verb, entry: one }, at)
    if (done === undefined) expect(result.kind).toBe('error')
    else expect(result).toEqual({ kind: 'ok', value: done })
  } else {
    const operations = Array.from({ length: random.integer(1, 4) }, () => operation(model))
    const trial: Model = { rows: model.rows, sessions: model.sessions }
    const failed: number[] = []
    operations.forEach((each, index) => {
      if (act(trial, each.verb, each, at) !== true) failed.push(index)
    })
    const result = store.apply({ type: 'txn', operations }, at)
    if (failed.length === 0) model.rows = trial.rows
    const errors = result.kind === 'txn' ? result.txn.errors : []
    expect(errors?.map((each) => each.index) ?? []).toEqual(failed)
  }
}

describe('the state store', () => {
  it('holds what a naive model holds through 6000 random commands and restores', () => {
    let store = new StateStore({ now: () => 0 })
    const model: Model = { rows: [], sessions: new Map() }
    store.apply({ type: 'register', node: 'h', address: '10.0.0.1', checks: [] }, 1)
    for (let at = 2; at < 6002; at++) {
      step(store, model, at)
      if (at % 10 !== 0) continue
      const prefix = random.next() < 0.3 ? '' : word()
      const wanted = sorted(model.rows.filter((each) => each.key.startsWith(prefix)))
      expect(answerQuery(store, { read: 'list', prefix }).rows).toEqual({
        kind: 'entries',
        entries: wanted,
      })
      for (const id of SESSIONS) {
        const held = sorted(model.rows.filter((each) => each.session === id))
        expect(store.kv.keysHeldBy(id)).toEqual(held.map((each) => each.key))
      }
      if (at % 500 !== 0) continue
      const snapshot = store.snapshot()
      store = new StateStore({ now: () => 0 })
      store.restore(JSON.parse(JSON.stringify(snapshot)) as StoreSnapshot)
      expect(store.snapshot()).toEqual(snapshot)
    }
  })

  it('wakes every query whose answer changes, and not all of them at every change', () => {
    const store = new StateStore({ now: () => 0 })
    const model: Model = { rows: [], sessions: new Map() }
    store.apply({ type: 'register', node: 'h', address: '10.0.0.1', checks: [] }, 1)
    const queries: Query[] = [
      ...['a', 'ab', 'a/b', 'b//a'].map((key) => ({ read: 'get', key }) as const),
      ...['', 'a', 'a/', 'bb', '/a/'].map((prefix) => ({ read: 'list', prefix }) as const),
      { read: 'keys', prefix: 'a', separator: '/' },
      { read: 'sessions' },
      ...SESSIONS.map((id) => ({ read: 'session', id }) as const),
    ]
    let changes = 0
    let wakes = 0
    for (let at = 2; at < 2002; at++) {
      const woken = new Set<Query>()
      const before = queries.map((query) => JSON.stringify(answerQuery(store, query).rows))
      const cancels = queries.map((query) => waitForChange(store, query, () => woken.add(query)))
      step(store, model, at)
      for (const cancel of cancels) cancel()
      queries.forEach((query, place) => {
        if (JSON.stringify(answerQuery(store, query).rows) === before[place]) return
        changes += 1
        expect(woken, JSON.stringify(query)).toContain(query)
      })
      wakes += woken.size
    }
    expect(store.watches.size).toBe(0)
    expect(changes).toBeGreaterThan(1000)
    expect(wakes).toBeLessThan(0.3 * 2000 * queries.length)
  })

  it('gives every server the same results and snapshot from the same log', () => {
    const model: Model = { rows: [], sessions: new Map() }
    const log: Command[] = Array.from({ length: 500 }, (_each, place) => {
      const operations = Array.from({ length: 3 }, () => operation(model))
      return place % 2
        ? { type: 'txn', operations }
        : { type: 'kv', verb: pick(VERBS), entry: operations[0]! }
    })
    const servers = [0, 7e12].map((clock) => new StateStore({ now: () => clock }))
    const results = servers.map((store) => log.map((each, place) => store.apply(each, place + 1)))
    expect(results[0]).toEqual(results[1])
    expect(servers[0]!.snapshot()).toEqual(servers[1]!.snapshot())
  })
})

/** A radix tree built anew, to find where a search for a missing key ends. */
function wakingPrefix(keys: readonly string[], key: string): string {
  const target = `${key}\0`
  let group = keys.map((each) => `${each}\0`)
  let depth = 0
  for (;;) {
    const next = group.filter((each) => each[depth] === target[depth])
    if (next.length === 0) return target.slice(0, depth)
    let end = depth + 1
    while (next.every((each) => each.length > end && each[end] === next[0]![end])) end += 1
    if (target.slice(0, end) !== next[0]!.slice(0, end)) return target.slice(0, depth + 1)
    group = next
    depth = end
  }
}

describe('the scope of a missing key', () => {
  it('is where a search in a radix tree ends', () => {
    for (let round = 0; round < 1500; round++) {
      const map = new OrderedMap<true>()
      for (let left = random.integer(0, 12); left > 0; left--) map.set(word(), true)
      const key = word()
      if (map.get(key)) continue
      const name = wakingPrefix(map.keysWithPrefix(''), key)
      expect(scopeOfMissing(map, key)).toEqual({ on: 'prefix', name })
    }
  })
})
