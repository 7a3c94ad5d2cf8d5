import { expect, it } from 'vitest'
import {
  KEY_EXISTS,
  KEY_MODIFIED,
  KEY_NOT_FOUND,
  KvError,
  type KvPair,
  type KvStore,
} from '../../src/control/kv/store.ts'
import type { Program } from '../../src/control/program/program.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'

/** A store that runs, and two users of it. */
export interface KvBench {
  readonly users: readonly [KvUser, KvUser]
  /** Picoseconds. */
  run(duration: number): void
}

export interface KvUser {
  readonly program: Program
  readonly store: KvStore
}

/** What those rely on who use either store. @param ttlMost seconds after which a key with 20 s is gone. */
export function describeKvStore(open: () => KvBench, ttlMost: number): void {
  function within<T>(bench: KvBench, user: KvUser, body: Process<T>, seconds = 5): T {
    const results: T[] = []
    user.program.spawn(
      (function* (): Process {
        results.push(yield* body)
      })(),
    )
    for (let i = 0; i < seconds * 10 && results.length === 0; i++) bench.run(100 * MILLISECOND)
    if (results.length === 0) throw new Error(`no result within ${seconds} s`)
    return results[0]!
  }

  it('reads what was written, and lists what lies below', () => {
    const bench = open()
    const [{ store }, other] = bench.users
    within(
      bench,
      bench.users[0],
      (function* (): Process {
        expect(yield* store.get('net/1/')).toBe(KEY_NOT_FOUND)
        expect(yield* store.list('net/')).toBe(KEY_NOT_FOUND)
        expect(yield* store.put('net/1/', '{"name":"ä"}')).toBeNull()
        expect(yield* store.put('net/2/', 'two')).toBeNull()
        expect(yield* other.store.get('net/1/')).toMatchObject({ value: '{"name":"ä"}' })
        const listed = (yield* other.store.list('net/')) as KvPair[]
        expect(listed.map(({ value }) => value)).toEqual(['{"name":"ä"}', 'two'])
        expect(yield* store.delete('net/1/')).toBeNull()
        expect(yield* store.delete('net/1/')).toBe(KEY_NOT_FOUND)
        expect(yield* store.deleteTree('net/')).toBeNull()
        expect(yield* other.store.get('net/2/')).toBe(KEY_NOT_FOUND)
      })(),
    )
  })

  it('writes only over what the writer has seen', () => {
    const bench = open()
    const [{ store }, other] = bench.users
    within(
      bench,
      bench.users[0],
      (function* (): Process {
        const first = (yield* store.atomicPut('count', '1', null)) as KvPair
        expect(first.value).toBe('1')
        expect(yield* other.store.atomicPut('count', '9', null)).toBe(KEY_EXISTS)
        const second = (yield* other.store.atomicPut('count', '2', first)) as KvPair
        expect(yield* store.atomicPut('count', '3', first)).toBe(KEY_MODIFIED)
        expect(yield* store.atomicDelete('count', first)).toBe(KEY_MODIFIED)
        expect(yield* store.get('count')).toMatchObject({ value: '2' })
        expect(yield* store.atomicDelete('count', second)).toBeNull()
        expect(yield* store.atomicDelete('count', second)).toBe(KEY_NOT_FOUND)
      })(),
    )
  })

  it('counts right when many add at once, each trying again', () => {
    const bench = open()
    const add = function* ({ store }: KvUser): Process {
      for (let i = 0; i < 10; ) {
        const found = yield* store.get('count')
        const previous = found instanceof KvError ? null : found
        const done = yield* store.atomicPut(
          'count',
          `${Number(previous?.value ?? 0) + 1}`,
          previous,
        )
        if (!(done instanceof KvError)) i++
      }
    }
    const fibres = bench.users.flatMap((user) => [1, 2].map(() => user.program.spawn(add(user))))
    for (let i = 0; i < 100 && fibres.some(({ done }) => !done.isSettled); i++) {
      bench.run(100 * MILLISECOND)
    }
    const [user] = bench.users
    expect(within(bench, user, user.store.get('count'))).toMatchObject({ value: '40' })
  })

  it('tells watchers what is there, and what it becomes', () => {
    const bench = open()
    const [{ store }, other] = bench.users
    const seen: unknown[] = []
    within(
      bench,
      other,
      (function* (): Process {
        yield* store.put('tree/a', '1')
        const one = other.store.watch('tree/a')
        const all = other.store.watchTree('tree')
        seen.push((yield* one.next(SECOND))?.value, (yield* all.next(SECOND))?.length)
        // A change between the read and the first poll would go untold, as it does in life.
        yield* sleep(100 * MILLISECOND)
        yield* store.put('tree/a', '2')
        seen.push((yield* one.next(SECOND))?.value)
        seen.push((yield* all.next(SECOND))?.map(({ value }) => value).join())
        yield* sleep(100 * MILLISECOND)
        yield* store.put('tree/b', '3')
        seen.push((yield* all.next(SECOND))?.map(({ value }) => value).join())
        seen.push(yield* one.next(SECOND))
        one.stop()
        seen.push(one.hasEnded, all.hasEnded)
      })(),
    )
    expect(seen).toEqual(['1', 1, '2', '2', '2,3', null, true, false])
  })

  it('forgets a key with a TTL that nobody writes again, not before', () => {
    const bench = open()
    const [user, other] = bench.users
    const isThere = () => !(within(bench, other, other.store.get('nodes/h1')) instanceof KvError)
    const put = () => within(bench, user, user.store.put('nodes/h1', 'h1', { ttl: 20 * SECOND }))
    expect(put()).toBeNull()
    bench.run(15 * SECOND)
    expect(isThere()).toBe(true)
    expect(put()).toBeNull()
    bench.run(15 * SECOND)
    expect(isThere()).toBe(true)
    bench.run((ttlMost - 15) * SECOND)
    expect(isThere()).toBe(false)
  })
}
