import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { applyV2, syncCommand, V2_SYNC_INTERVAL, type V2Command } from './command.ts'
import { EVENT_INDEX_CLEARED, KEY_NOT_FOUND, V2Error } from './errors.ts'
import type { V2Event } from './event.ts'
import { V2Store } from './store.ts'

function eventOf(result: V2Event | V2Error | null): V2Event {
  if (result === null || result instanceof V2Error) throw new Error(`no event: ${result?.cause}`)
  return result
}

function errorOf(result: unknown): V2Error {
  if (!(result instanceof V2Error)) throw new Error('no error')
  return result
}

function set(store: V2Store, key: string, value: string, expiration?: number): V2Event {
  const options = expiration === undefined ? {} : { expiration }
  return eventOf(store.set(`/1${key}`, value, options, 0))
}

/** All that a watcher is handed. */
function watch(store: V2Store, key: string, flags: { recursive?: true; stream?: true } = {}) {
  const events: V2Event[] = []
  const kind = { recursive: flags.recursive === true, stream: flags.stream === true }
  const opened = store.watch(`/1${key}`, kind, 0, (event) => {
    events.push(event)
    return true
  })
  if (opened instanceof V2Error) throw new Error('refused')
  return { events, cancel: opened.cancel }
}

const shown = (events: readonly V2Event[]) =>
  events.map((event) => `${event.action} ${event.node.key} ${event.node.modifiedIndex}`)

describe('a listing', () => {
  it('shows files that did not change as the same objects, and what was shown stays as it was', () => {
    const store = new V2Store()
    set(store, '/d/a', 'one')
    set(store, '/d/b', 'two')
    set(store, '/d/t', 'ends', 9 * SECOND)
    const list = (now = 0) => eventOf(store.get('/1/d', true, true, now)).node.nodes!
    const before = list()
    store.compareAndSwap('/1/d/a', { prevValue: 'one', prevIndex: 0 }, 'three', {}, 0)
    const after = list(3 * SECOND)
    expect(before.map(({ value }) => value)).toEqual(['one', 'two', 'ends'])
    expect(after.map(({ value }) => value)).toEqual(['three', 'two', 'ends'])
    expect(after[1]).toBe(before[1])
    expect([before[2]!.ttl, after[2]!.ttl]).toEqual([9, 6])
    store.update('/1/d/b', 'two', { expiration: 9 * SECOND }, 0)
    expect(list()[1]!.ttl).toBe(9)
    store.update('/1/d/b', 'two', {}, 0)
    expect(list()[1]).toMatchObject({ value: 'two', modifiedIndex: 6 })
    expect(list()[1]).not.toHaveProperty('ttl')
  })
})

describe('expiry', () => {
  it('waits for the SYNC: a key outlives its time by up to half a second', () => {
    const store = new V2Store()
    set(store, '/a', '1', 1.2 * SECOND)
    const ends: number[] = []
    for (let now = 0; now <= 3 * SECOND; now += V2_SYNC_INTERVAL) {
      if (!store.hasTtlKeys) break
      expect(applyV2(store, syncCommand(now), now)).toBeNull()
      if (store.get('/1/a', false, false, now) instanceof V2Error) ends.push(now)
    }
    expect(ends).toEqual([1.5 * SECOND])
    expect(store.index).toBe(2)
  })

  it('takes the proposer for the cutoff and the own clock for the remainder', () => {
    const store = new V2Store()
    set(store, '/a', '1', 2 * SECOND)
    const { events } = watch(store, '/a')
    const behind = 500 * MILLISECOND
    applyV2(store, syncCommand(2 * SECOND), behind)
    expect(events).toEqual([
      {
        action: 'expire',
        node: { key: '/1/a', modifiedIndex: 2, createdIndex: 1 },
        prevNode: {
          ...{ key: '/1/a', value: '1', expiration: 2 * SECOND, ttl: 2 },
          ...{ modifiedIndex: 1, createdIndex: 1 },
        },
        etcdIndex: 2,
      },
    ])
  })

  it('ends a directory with all below it in one event that its children hear of', () => {
    const store = new V2Store()
    store.set('/1/d', null, { expiration: SECOND }, 0)
    set(store, '/d/x/y', '1', 5 * SECOND)
    const [child, parent, other] = [
      watch(store, '/d/x/y'),
      watch(store, '/d/x'),
      watch(store, '/e'),
    ]
    store.deleteExpiredKeys(SECOND, SECOND)
    expect(shown(child.events)).toEqual(['expire /1/d 3'])
    expect(shown(parent.events)).toEqual(['expire /1/d 3'])
    expect(other.events).toEqual([])
    expect(store.hasTtlKeys).toBe(false)
  })

  it('goes by time, then by path, whatever the order of the writes', () => {
    const names = ['/c', '/a', '/b', '/z']
    for (const order of [names, [...names].reverse()]) {
      const store = new V2Store()
      for (const name of order) set(store, name, '1', name === '/z' ? SECOND : 2 * SECOND)
      const { events } = watch(store, '', { recursive: true, stream: true })
      store.deleteExpiredKeys(2 * SECOND, 0)
      expect(events.map((event) => event.node.key)).toEqual(['/1/z', '/1/a', '/1/b', '/1/c'])
    }
  })

  it('keeps its order through many renewals and deletes', () => {
    const random = new RandomStreams('expiry').stream('keys')
    const store = new V2Store()
    const due = new Map<string, number>()
    for (let i = 0; i < 3000; i++) {
      const key = `/k${random.integer(0, 399)}`
      if (random.next() < 0.3) {
        store.delete(`/1${key}`, false, false, 0)
        due.delete(key)
      } else {
        due.set(key, random.integer(1, 50) * SECOND)
        set(store, key, '1', due.get(key)!)
      }
    }
    const { events } = watch(store, '', { recursive: true, stream: true })
    store.deleteExpiredKeys(25 * SECOND, 0)
    store.deleteExpiredKeys(50 * SECOND, 0)
    const expected = [...due].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
    expect(events.map((event) => event.node.key)).toEqual(expected.map(([key]) => `/1${key}`))
    expect(store.hasTtlKeys).toBe(false)
  })

  it('forgets the expiration at a write without one', () => {
    const store = new V2Store()
    set(store, '/a', '1', SECOND)
    store.update('/1/a', '2', {}, 0)
    set(store, '/b', '1', SECOND)
    set(store, '/b', '2')
    expect(store.hasTtlKeys).toBe(false)
  })
})

describe('refresh', () => {
  it('moves the expiration, keeps the value and wakes no watcher, now or from the history', () => {
    const store = new V2Store()
    set(store, '/a', 'kept', SECOND)
    const { events } = watch(store, '/a')
    const options = { expiration: 9 * SECOND, refresh: true }
    const renewed = eventOf(store.update('/1/a', '', options, 0))
    expect(renewed.node).toMatchObject({ value: 'kept', ttl: 9, modifiedIndex: 2 })
    expect(events).toEqual([])
    const kind = { recursive: false, stream: false }
    expect(store.watch('/1/a', kind, 2, () => true)).toMatchObject({ past: null })
    store.deleteExpiredKeys(2 * SECOND, 0)
    expect(eventOf(store.get('/1/a', false, false, 0)).node.value).toBe('kept')
  })

  it('of a key that is not there is refused', () => {
    const options = { expiration: SECOND, refresh: true }
    expect(errorOf(new V2Store().set('/1/a', '', options, 0)).code).toBe(KEY_NOT_FOUND)
  })
})

describe('watchers', () => {
  const stream = { recursive: true, stream: true } as const

  it('are served from a thousand events, and refused with 401 before them', () => {
    const store = new V2Store()
    for (let i = 1; i <= 1500; i++) set(store, `/${i % 3}`, `${i}`)
    const at = (since: number) =>
      store.watch('/1/0', { recursive: false, stream: false }, since, () => true)
    expect(at(501)).toMatchObject({ past: { node: { value: '501' } } })
    expect(at(502)).toMatchObject({ past: { node: { value: '504' } } })
    expect(at(1500)).toMatchObject({ past: { node: { value: '1500' } } })
    expect(at(1501)).toMatchObject({ past: null })
    const error = errorOf(at(500))
    expect(error).toMatchObject({ code: EVENT_INDEX_CLEARED, status: 400, index: 1500 })
    expect(error.cause).toBe('the requested history has been cleared [501/500]')
  })

  it('wait for a future index', () => {
    const store = new V2Store()
    const got: string[] = []
    const kind = { recursive: false, stream: false }
    store.watch('/1/a', kind, 3, (event) => got.push(event.node.value ?? '') > 0)
    for (const value of ['1', '2', '3', '4']) set(store, '/a', value)
    expect(got).toEqual(['3'])
  })

  it('see nothing of hidden names but what they watch themselves', () => {
    const store = new V2Store()
    const [all, hidden] = [watch(store, '', stream), watch(store, '/d/_h', stream)]
    set(store, '/d/_h/x', '1')
    set(store, '/d/y', '2')
    expect(shown(all.events)).toEqual(['set /1/d/y 2'])
    expect(shown(hidden.events)).toEqual(['set /1/d/_h/x 1'])
    const listed = eventOf(store.get('/1/d', true, true, 0)).node.nodes
    expect(listed?.map((node) => node.key)).toEqual(['/1/d/y'])
  })

  it('end when cancelled, and when they take no more', () => {
    const store = new V2Store()
    const cancelled = watch(store, '/a', stream)
    let taken = 0
    store.watch('/1/a', stream, 0, () => ++taken < 2)
    set(store, '/a', '1')
    cancelled.cancel()
    for (let i = 0; i < 3; i++) set(store, '/a', '2')
    expect([cancelled.events.length, taken]).toEqual([1, 2])
  })
})

/** A log of all sorts of commands over few keys, expirations among them. */
function randomLog(seed: string, length: number): V2Command[] {
  const random = new RandomStreams(seed).stream('log')
  const path = () => `/1/${['a', 'b', 'a/x', 'b/x', 'b/x/y', '_h'][random.integer(0, 5)]}`
  return Array.from({ length }, (_, i): V2Command => {
    const expiration = i + random.integer(-5, 30)
    const time = random.next() < 0.3 ? { expiration } : {}
    switch (random.integer(0, 7)) {
      case 0:
        return { method: 'SYNC', time: i }
      case 1:
        return { method: 'DELETE', path: path(), recursive: random.next() < 0.5 }
      case 2:
        return { method: 'POST', path: path(), val: `${i}`, ...time }
      case 3:
        return { method: 'PUT', path: path(), dir: true, ...time }
      case 4:
        return { method: 'PUT', path: path(), val: `${i}`, prevExist: true, ...time }
      default:
        return { method: 'PUT', path: path(), val: `${i}`, ...time }
    }
  })
}

describe('snapshots', () => {
  it('are plain JSON, and a copy restored from one goes on exactly like the original', () => {
    const log = randomLog('snapshot', 3000)
    const original = new V2Store()
    for (let i = 0; i < 2000; i++) applyV2(original, log[i]!, i)
    const taken = original.snapshot()
    const text = JSON.stringify(taken)
    const copy = new V2Store()
    copy.restore(JSON.parse(text))
    log.slice(2000).forEach((command, i) => {
      const now = 2000 + i
      expect(applyV2(copy, command, now)).toEqual(applyV2(original, command, now))
    })
    expect(copy.snapshot()).toEqual(original.snapshot())
    expect(JSON.stringify(taken), 'shares nothing that changes').toBe(text)
  })

  it('leave the watchers in place', () => {
    const [store, other] = [new V2Store(), new V2Store()]
    const { events } = watch(store, '/a')
    for (const value of ['1', '2', '3']) set(other, '/a', value)
    store.restore(other.snapshot())
    set(store, '/a', '4')
    expect(shown(events)).toEqual(['set /1/a 4'])
  })
})
