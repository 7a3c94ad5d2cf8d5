import { describe, expect, it } from 'vitest'
import { FakeServers } from '../../../../test/control/fake-servers.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { HttpHandler } from '../../http/server.ts'
import { errorAnswer } from '../v3/encode.ts'
import { RPC_ERRORS } from '../v3/errors.ts'
import { V3Client } from './v3-client.ts'
import { CODE_DEADLINE_EXCEEDED, CODE_UNAVAILABLE, V3Error } from './v3-messages.ts'
import type { V3ClientOptions } from './v3-transport.ts'
import type { V3WatchBatch } from './v3-watcher.ts'

const PORT = 2379
const header = { revision: '7' }

function json(value: object): HttpHandler {
  return function* (_request, exchange) {
    yield* exchange.reply(200, [['Content-Type', 'application/json']], JSON.stringify(value))
  }
}

const unavailable: HttpHandler = function* (_request, exchange) {
  const { status, body } = errorAnswer(RPC_ERRORS.noLeader)
  yield* exchange.reply(status, [], body)
}

function setUp(
  count: number,
  handler: (server: number) => HttpHandler,
  options: Partial<V3ClientOptions> = {},
) {
  const fakes = new FakeServers(count, PORT, handler)
  const client = new V3Client(fakes.client, { endpoints: fakes.addresses, ...options })
  return { fakes, client }
}

describe('the v3 client', () => {
  it('writes requests and reads answers of the gateway', () => {
    const bodies: unknown[] = []
    const kv = {
      key: 'Zm/DvA==',
      value: 'dg==',
      create_revision: '3',
      mod_revision: '6',
      version: '2',
    }
    const answer = {
      header,
      kvs: [kv],
      count: '1',
      responses: [{ response_put: { header } }],
      ID: '9',
      TTL: '5',
    }
    const { fakes, client } = setUp(
      1,
      () =>
        function* (request, exchange) {
          bodies.push(JSON.parse(request.text))
          yield* json(answer)(request, exchange)
        },
    )
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        seen.push(yield* client.get('foü', { serializable: true, limit: 3 }))
        yield* client.get('net/', { isPrefix: true })
        yield* client.put('a', 'b', { lease: '77' })
        const absent = { key: 'a', target: 'CREATE', result: 'EQUAL', value: 0 } as const
        seen.push(yield* client.txn([absent], [{ put: 'a', value: '1' }], [{ get: 'a' }]))
        yield* client.delete('net/', { isPrefix: true })
        seen.push(yield* client.grant(5))
      })(),
    )
    expect(bodies).toEqual([
      { key: 'Zm/DvA==', serializable: true, limit: 3 },
      { key: 'bmV0Lw==', range_end: 'bmV0MA==' },
      { key: 'YQ==', value: 'Yg==', lease: '77' },
      {
        compare: [{ key: 'YQ==', target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
        success: [{ request_put: { key: 'YQ==', value: 'MQ==' } }],
        failure: [{ request_range: { key: 'YQ==' } }],
      },
      { key: 'bmV0Lw==', range_end: 'bmV0MA==' },
      { TTL: '5' },
    ])
    expect(seen).toMatchObject([
      { revision: 7, count: 1, kvs: [{ key: 'foü', value: 'v', modRevision: 6, lease: '0' }] },
      { revision: 7, succeeded: false, results: [{ revision: 7, prevKv: null }] },
      { id: '9', ttl: 5 },
    ])
  })

  it('goes round the members, past one that is down, which it leaves alone for a second', () => {
    const { fakes, client } = setUp(3, () => json({ header }))
    fakes.kill(3)
    fakes.run(
      (function* (): Process {
        for (let i = 0; i < 6; i++) {
          expect(yield* client.put('a', 'v')).toMatchObject({ revision: 7 })
        }
      })(),
    )
    const asked = fakes.requests.map((line) => line[0])
    expect(asked.filter((number) => number === '2').length).toBe(3)
    expect(asked.filter((number) => number === '4').length).toBe(3)
  })

  it('repeats reads that no member could answer, not writes', () => {
    let refusals = 0
    const { fakes, client } = setUp(3, () => (request, exchange) => {
      const handler = refusals-- > 0 ? unavailable : json({ header })
      return handler(request, exchange)
    })
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        refusals = 5
        seen.push(yield* client.get('a'), Math.round(fakes.client.now / MILLISECOND))
        refusals = 1
        seen.push(yield* client.put('a', 'v'))
      })(),
    )
    expect(seen).toMatchObject([
      { revision: 7 },
      expect.any(Number),
      { code: CODE_UNAVAILABLE, text: 'etcdserver: no leader', mayBeDone: true },
    ])
    // Two waits of 25 ms or so in six attempts by quorums of two.
    expect(seen[1]).toBeGreaterThan(44)
    expect(seen[1]).toBeLessThan(58)
  })

  it('does not repeat a write whose connection broke, and says what is known', () => {
    const { fakes, client } = setUp(
      2,
      (server) =>
        function* (request, exchange) {
          if (server === 2) return exchange.abort()
          yield* json({ header })(request, exchange)
        },
    )
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        for (let i = 0; i < 2; i++) seen.push(yield* client.put('a', 'v'))
        for (let i = 0; i < 2; i++) seen.push(yield* client.get('a'))
        for (const server of fakes.servers) server.kill()
        seen.push(yield* client.put('a', 'v'))
      })(),
    )
    const writes = seen.slice(0, 2)
    expect(writes.filter((result) => result instanceof V3Error)).toMatchObject([
      { mayBeDone: true },
    ])
    expect(seen.slice(2, 4)).toMatchObject([{ revision: 7 }, { revision: 7 }])
    expect(seen[4]).toMatchObject({ code: CODE_UNAVAILABLE, mayBeDone: false })
  })

  it('keeps a deadline', () => {
    const { fakes, client } = setUp(3, () => () => sleep(100 * SECOND), { timeout: 2 * SECOND })
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        seen.push(yield* client.get('a'), fakes.client.now)
      })(),
    )
    expect(seen).toMatchObject([{ code: CODE_DEADLINE_EXCEEDED }, 2 * SECOND])
  })
})

describe('a lease', () => {
  it('is renewed each third of its TTL, at another member when one dies, until it is stopped', () => {
    const { fakes, client } = setUp(2, () => json({ result: { header, ID: '9', TTL: '6' } }))
    const keeper = client.keepAlive('9')
    fakes.client.after(7 * SECOND, () => fakes.kill(2))
    fakes.client.after(13 * SECOND, () => keeper.stop())
    expect(fakes.run(keeper.ended.wait())).toBe('stopped')
    expect(fakes.requests.length).toBe(7)
    expect(fakes.requests.at(-1)).toBe('3 POST /v3/lease/keepalive')
  })

  it('is lost when the server says so, or says nothing for its whole TTL', () => {
    const ttls = ['6', '6', '0']
    const { fakes, client } = setUp(
      1,
      () => (request, exchange) =>
        json({ result: { header, ID: '9', TTL: ttls.shift() } })(request, exchange),
    )
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        seen.push(yield* client.keepAlive('9').ended.wait(), fakes.client.now)
        ttls.push('6')
        const keeper = client.keepAlive('9')
        yield* sleep(SECOND)
        fakes.kill(2)
        const since = fakes.client.now
        seen.push(yield* keeper.ended.wait(), fakes.client.now - since)
      })(),
    )
    expect(
      seen.map((value) => (typeof value === 'number' ? Math.round(value / SECOND) : value)),
    ).toEqual(['lost', 4, 'lost', 5])
  })
})

describe('a v3 watch', () => {
  const put = (revision: number) => ({
    kv: { key: 'YQ==', value: 'dg==', mod_revision: `${revision}`, version: '1' },
  })

  /** Tells all revisions from the one asked for to `last`, one a line, then ends when it is to. */
  function watchServer(last: number, ends: boolean): HttpHandler {
    return function* (request, exchange) {
      const { create_request: create } = JSON.parse(request.text)
      const first = create.start_revision ?? 5
      yield* exchange.begin(200)
      const line = (result: object) => `${JSON.stringify({ result })}\n`
      yield* exchange.chunk(line({ header: { revision: '4' }, created: true }))
      for (let revision = first; revision <= last; revision++) {
        yield* sleep(10 * MILLISECOND)
        yield* exchange.chunk(line({ header: { revision: '9' }, events: [put(revision)] }))
      }
      if (!ends) yield* sleep(100 * SECOND)
    }
  }

  it('tells each change once and in order, over streams that end', () => {
    const { fakes, client } = setUp(
      2,
      () =>
        function* (request, exchange) {
          const { start_revision: first = 5 } = JSON.parse(request.text).create_request
          yield* watchServer(first + 1, first < 9)(request, exchange)
        },
    )
    const seen: number[] = []
    fakes.run(
      (function* (): Process {
        const watcher = client.watch('a')
        for (;;) {
          const batch = yield* watcher.next(SECOND)
          if (batch === null) break
          for (const { kv } of (batch as V3WatchBatch).events) seen.push(kv.modRevision)
        }
        watcher.stop()
      })(),
    )
    expect(seen).toEqual([5, 6, 7, 8, 9, 10])
    expect(fakes.requests.length).toBe(3)
  })

  it('begins again after the created revision, if it broke before any change', () => {
    const starts: unknown[] = []
    const { fakes, client } = setUp(
      1,
      () =>
        function* (request, exchange) {
          starts.push(JSON.parse(request.text).create_request.start_revision)
          yield* watchServer(starts.length === 1 ? 4 : 5, starts.length === 1)(request, exchange)
        },
    )
    const batch = fakes.run(client.watch('a').next(SECOND)) as V3WatchBatch
    expect(batch.events[0]!.kv.modRevision).toBe(5)
    expect(starts).toEqual([undefined, 5])
  })

  it('waits while no member is up', () => {
    const { fakes, client } = setUp(1, () => json({}))
    fakes.kill(2)
    fakes.client.after(3 * SECOND, () => fakes.serve(2, watchServer(5, false)))
    const batch = fakes.run(client.watch('a').next(20 * SECOND)) as V3WatchBatch
    expect(batch.events.length).toBe(1)
    expect(fakes.run(client.watch('a').next(0))).toBeNull()
  })

  it('gives up in time at a member that does not answer', () => {
    const { fakes, client } = setUp(1, () => () => sleep(100 * SECOND))
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        seen.push(yield* client.watch('a').next(2 * SECOND), fakes.client.now)
      })(),
    )
    expect(seen).toEqual([null, 2 * SECOND])
  })

  it('ends when what it asks for is compacted, or there is no leader', () => {
    const lines = [
      { result: { header, canceled: true, compact_revision: '6' } },
      { error: { grpc_code: 14, message: 'etcdserver: no leader' } },
    ]
    const { fakes, client } = setUp(
      1,
      () =>
        function* (_request, exchange) {
          yield* exchange.begin(200)
          yield* exchange.chunk(`${JSON.stringify(lines.shift())}\n`)
        },
    )
    expect(fakes.run(client.watch('a', { revision: 2 }).next())).toMatchObject({
      compactRevision: 6,
    })
    expect(fakes.run(client.watch('a').next())).toMatchObject({ text: 'etcdserver: no leader' })
  })
})
