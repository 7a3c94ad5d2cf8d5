import { beforeEach, describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { SECOND } from '../../../sim/units.ts'
import { blockingWait } from './blocking.ts'
import type { Command, KvVerb, Query, Result, SessionArguments } from './commands.ts'
import { parseDuration } from './duration.ts'
import { answerQuery, waitForChange } from './queries.ts'
import { StateStore } from './state-store.ts'

let now = 0
let at = 100
let store: StateStore

function apply(command: Command): Result {
  return store.apply(command, ++at)
}

function kv(verb: KvVerb, key: string, more: object = {}): Result {
  return apply({ type: 'kv', verb, entry: { key, ...more } })
}

function set(key: string, value = 'eA=='): void {
  kv('set', key, { value })
}

function check(status: string, name = 'serfHealth', node = 'h1'): void {
  const checks = [{ check: name, name, status, output: '' }]
  apply({ type: 'register', node, address: '10.0.0.1', checks })
}

function open(id: string, more: Partial<SessionArguments> = {}): Result {
  return apply({
    type: 'session-create',
    session: {
      id,
      name: '',
      node: 'h1',
      checks: ['serfHealth'],
      behavior: 'release',
      ttl: '',
      lockDelay: 15e9,
      ...more,
    },
  })
}

function indexOf(query: Query): number {
  return answerQuery(store, query).index
}

const get = (key: string): Query => ({ read: 'get', key })
const list = (prefix: string): Query => ({ read: 'list', prefix })

beforeEach(() => {
  now = 0
  at = 100
  store = new StateStore({ now: () => now })
  check('passing')
})

describe('keys', () => {
  it('keeps the create index, moves the modify index, and lets a put without change be', () => {
    set('k', 'YQ==')
    set('k', 'Yg==')
    expect(store.kv.entries.get('k')).toMatchObject({ createIndex: 102, modifyIndex: 103 })
    set('k', 'Yg==')
    expect(store.kv.entries.get('k')).toMatchObject({ modifyIndex: 103 })
    expect(indexOf(get('none'))).toBe(103)
  })

  it('moves the index at every put in 1.2', () => {
    store = new StateStore({ now: () => now, version: '1.2' })
    set('k', 'Yg==')
    set('k', 'Yg==')
    expect(store.kv.entries.get('k')).toMatchObject({ modifyIndex: at })
  })

  it('fences no writer without the lock, and counts acquisitions', () => {
    open('s')
    kv('lock', 'k', { session: 's', value: 'YQ==' })
    kv('lock', 'k', { session: 's', value: 'Yg==' })
    expect(store.kv.entries.get('k')).toMatchObject({ lockIndex: 1, value: 'Yg==', session: 's' })
    set('k', 'Yw==')
    expect(store.kv.entries.get('k')).toMatchObject({ value: 'Yw==', session: 's', lockIndex: 0 })
    kv('unlock', 'k', { session: 's' })
    kv('lock', 'k', { session: 's' })
    expect(store.kv.entries.get('k')).toMatchObject({ lockIndex: 1, session: 's', value: null })
  })

  it('says true to a delete-cas of a key that is gone', () => {
    expect(kv('delete-cas', 'k', { index: 5 })).toEqual({ kind: 'ok', value: true })
    expect(kv('lock', 'k', { session: 'none' })).toEqual({
      kind: 'error',
      text: 'invalid session "none"',
    })
  })
})

describe('indexes of queries', () => {
  it('begin at 1 and, for a missing key, are the table’s', () => {
    expect(indexOf(get('k'))).toBe(1)
    expect(indexOf({ read: 'sessions' })).toBe(1)
    set('other')
    expect(indexOf(get('k'))).toBe(102)
    set('k')
    set('other2')
    expect(indexOf(get('k'))).toBe(103)
  })

  it('take tombstones in, so that a prefix does not go back when its newest key goes', () => {
    set('p/a')
    set('p/b')
    set('q')
    expect(indexOf(list('p/'))).toBe(103)
    kv('delete', 'p/b')
    expect(indexOf(list('p/'))).toBe(105)
    kv('delete-tree', 'p/')
    expect(indexOf(list('p/'))).toBe(106)
    set('q', 'eQ==')
    expect(indexOf(list('p/'))).toBe(106)
    apply({ type: 'reap-tombstones', index: 106 })
    expect(indexOf(list('p/'))).toBe(107)
  })

  it('lose a tree’s delete below its prefix, as the real ones do', () => {
    set('p/a/1')
    kv('delete', 'p/a/1')
    set('p/a/2')
    expect(indexOf(list('p/a/'))).toBe(104)
    kv('delete-tree', 'p/')
    expect(indexOf(list('p/a/'))).toBe(103)
  })

  it('never go back through random puts and deletes', () => {
    const random = new RandomStreams('consul').stream('monotonic')
    const word = (letters: number) =>
      Array.from({ length: letters }, () => 'ab/'[random.integer(0, 2)]).join('')
    const queries = [get('a/b'), list(''), list('a'), list('b/'), list('aa')]
    let before = queries.map(indexOf)
    for (let step = 0; step < 3000; step++) {
      const key = word(random.integer(1, 4))
      const roll = random.next()
      if (roll < 0.6) set(key, String(random.integer(0, 3)))
      else if (roll < 0.95) kv('delete', key)
      else kv('delete-tree', word(2))
      const after = queries.map(indexOf)
      after.forEach((index, place) => {
        expect(index).toBeGreaterThanOrEqual(before[place]!)
      })
      before = after
    }
  })
})

describe('sessions', () => {
  const holder = () => store.kv.entries.get('k')?.session

  it('need their node and its checks, none of them critical', () => {
    expect(open('s', { node: 'h2' })).toEqual({ kind: 'error', text: 'Missing node registration' })
    expect(open('s', { checks: ['web'] })).toMatchObject({
      text: "Missing check 'web' registration",
    })
    check('critical', 'web')
    expect(open('s', { checks: ['web'] })).toMatchObject({
      text: "Check 'web' is in critical state",
    })
    expect(open('s', { node: 'H1' })).toEqual({ kind: 'session', id: 's' })
  })

  it.each([
    ['a critical check', () => check('critical')],
    [
      'a check that is removed',
      () => apply({ type: 'deregister', node: 'h1', check: 'serfHealth' }),
    ],
    ['a node that is removed', () => apply({ type: 'deregister', node: 'h1' })],
    ['a destroy', () => apply({ type: 'session-destroy', id: 's' })],
  ])('release their keys and hold them back after %s', (_name, lose) => {
    open('s')
    kv('lock', 'k', { session: 's', value: 'YQ==' })
    now = 5 * SECOND
    lose()
    expect(store.hasSession('s')).toBe(false)
    expect(store.kv.entries.get('k')).toMatchObject({
      session: '',
      value: 'YQ==',
      lockIndex: 1,
      modifyIndex: at,
    })
    expect(store.kv.keysHeldBy('s')).toEqual([])
    expect(store.lockDelays.holds('k')).toBe(true)
    now = 20 * SECOND
    expect(store.lockDelays.holds('k')).toBe(false)
  })

  it('delete their keys with that behaviour, and only theirs', () => {
    open('s', { behavior: 'delete', lockDelay: 1e6 })
    kv('lock', 'k', { session: 's' })
    kv('lock', 'k2', { session: 's' })
    set('mine')
    check('critical')
    expect(store.kv.entries.keysWithPrefix('')).toEqual(['mine'])
    expect(indexOf(list('k'))).toBe(at)
    expect(store.lockDelays.holds('k')).toBe(true)
    now = 0.001 * SECOND
    expect(store.lockDelays.holds('k')).toBe(false)
  })

  it('outlive a warning, another check’s failure and another node’s', () => {
    open('s')
    kv('lock', 'k', { session: 's' })
    check('warning')
    check('critical', 'web')
    check('critical', 'serfHealth', 'h2')
    apply({ type: 'deregister', node: 'h2' })
    expect(holder()).toBe('s')
  })

  it('cap the lock-delay at a minute', () => {
    open('s', { lockDelay: 3600e9 })
    kv('lock', 'k', { session: 's' })
    apply({ type: 'session-destroy', id: 's' })
    now = 60 * SECOND
    expect(store.lockDelays.holds('k')).toBe(false)
  })

  it('are listed by node, in any case of its name', () => {
    check('passing', 'serfHealth', 'h2')
    open('b')
    open('a')
    open('c', { node: 'h2' })
    const { rows } = answerQuery(store, { read: 'node-sessions', node: 'H1' })
    expect(rows.kind === 'sessions' && rows.sessions.map(({ id }) => id)).toEqual(['a', 'b'])
  })
})

describe('blocking queries', () => {
  const woken: string[] = []
  beforeEach(() => {
    woken.length = 0
  })
  const wait = (name: string, query: Query) =>
    waitForChange(store, query, (why) => woken.push(`${name} ${why}`))

  it('are woken by what is below them, once, and by nothing else', () => {
    for (const key of ['a/1', 'a/2', 'b']) set(key)
    wait('key', get('a/1'))
    wait('prefix', list('a/'))
    wait('root', list(''))
    wait('b', get('b'))
    set('a/2', 'eQ==')
    expect(woken).toEqual(['prefix changed', 'root changed'])
    set('a/1', 'eQ==')
    kv('delete', 'b')
    expect(woken.slice(2)).toEqual(['key changed', 'b changed'])
    expect(store.watches.size).toBe(0)
  })

  it('sleep through a put without change, a failed cas and a transaction taken back', () => {
    set('k', 'YQ==')
    wait('k', get('k'))
    set('k', 'YQ==')
    kv('cas', 'k', { index: 7, value: 'Yg==' })
    const operations = [
      { verb: 'set', key: 'k', value: 'Yg==' },
      { verb: 'get', key: 'none' },
    ]
    apply({ type: 'txn', operations })
    expect(woken).toEqual([])
    apply({ type: 'txn', operations: operations.slice(0, 1) })
    expect(woken).toEqual(['k changed'])
  })

  it('see the whole command, and may wait again at once', () => {
    set('a')
    set('b')
    const seen: unknown[] = []
    const again = () => {
      waitForChange(store, list(''), () => {
        seen.push(store.kv.entries.keysWithPrefix('').join())
        again()
      })
    }
    again()
    const operations = ['a', 'b'].map((key) => ({ verb: 'delete', key }))
    apply({ type: 'txn', operations: [...operations, { verb: 'set', key: 'c' }] })
    set('d')
    expect(seen).toEqual(['c', 'c,d'])
  })

  it('can be cancelled, even by one that was woken before', () => {
    set('k')
    const cancelLater: (() => void)[] = []
    waitForChange(store, get('k'), () => {
      for (const cancel of cancelLater) cancel()
    })
    cancelLater.push(wait('second', get('k')))
    const third = wait('third', list('k'))
    third()
    third()
    set('k', 'eQ==')
    expect(woken).toEqual([])
    expect(store.watches.size).toBe(0)
  })

  it('are abandoned when a snapshot replaces the state', () => {
    set('k')
    wait('k', get('k'))
    wait('sessions', { read: 'sessions' })
    store.restore(store.snapshot())
    expect(woken).toEqual(['k abandoned', 'sessions abandoned'])
  })

  it('follow sessions, nodes and checks', () => {
    open('s')
    wait('one', { read: 'session', id: 's' })
    wait('missing', { read: 'session', id: 't' })
    wait('all', { read: 'sessions' })
    wait('of node', { read: 'node-sessions', node: 'h1' })
    wait('nodes', { read: 'nodes' })
    wait('checks', { read: 'node-checks', node: 'h1' })
    open('t')
    expect(woken).toEqual(['missing changed', 'all changed', 'of node changed'])
    check('critical')
    expect(woken.slice(3)).toEqual(['one changed', 'checks changed'])
    apply({ type: 'register', node: 'h2', address: '10.0.0.2', checks: [] })
    expect(woken.slice(5)).toEqual(['nodes changed'])
  })

  it('are held for the time asked for and up to a sixteenth more', () => {
    const random = new RandomStreams('consul').stream('jitter')
    const cases = [
      [undefined, 300],
      [0, 300],
      [15 * SECOND, 15],
      [3600 * SECOND, 600],
    ] as const
    for (const [asked, seconds] of cases) {
      const waits = Array.from({ length: 200 }, () => blockingWait(asked, random))
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(seconds * SECOND)
      expect(Math.max(...waits)).toBeLessThan(seconds * SECOND * (17 / 16))
      expect(Math.max(...waits)).toBeGreaterThan(seconds * SECOND * (16.8 / 16))
    }
  })
})

describe('durations', () => {
  it.each([
    ['10s', 10e9],
    ['1m30s', 90e9],
    ['1.5h', 5400e9],
    ['.5ms', 5e5],
    ['-2s', -2e9],
    ['0', 0],
    ['10', undefined],
    ['', undefined],
    ['s', undefined],
    ['1d', undefined],
  ])('%s', (text, nanoseconds) => {
    expect(parseDuration(text)).toBe(nanoseconds)
  })
})
