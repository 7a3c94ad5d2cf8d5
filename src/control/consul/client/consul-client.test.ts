import { describe, expect, it } from 'vitest'
import { FakeServers } from '../../../../test/control/fake-servers.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { HttpHandler } from '../../http/server.ts'
import type { KvPair } from '../../kv/store.ts'
import { ConsulClient, type ConsulError } from './consul-client.ts'
import { durationText } from './duration-text.ts'
import { ConsulKvStore } from './kv-store.ts'
import { LOCK_FLAG } from './lock.ts'
import { createSession } from './sessions.ts'

const PORT = 8500

function pair(value: string, modifyIndex: number, key = 'a') {
  const base64 = Buffer.from(value).toString('base64')
  return (
    `{"LockIndex":0,"Key":"${key}","Flags":${LOCK_FLAG},"Value":"${base64}",` +
    `"CreateIndex":1,"ModifyIndex":${modifyIndex}}`
  )
}

function reply(status: number, body: string, index = 7): HttpHandler {
  return function* (_request, exchange) {
    yield* exchange.reply(status, [['X-Consul-Index', `${index}`]], body)
  }
}

function setUp(handler: HttpHandler) {
  const fakes = new FakeServers(1, PORT, () => handler)
  const [agent] = fakes.addresses
  return {
    fakes,
    client: new ConsulClient(fakes.client, { agent: agent! }),
    store: new ConsulKvStore(fakes.client, agent!),
  }
}

describe('the Consul client', () => {
  it('asks as the Go package does', () => {
    const { fakes, client } = setUp(reply(200, 'true'))
    fakes.run(
      (function* (): Process {
        yield* client.get('a b', { consistency: 'stale', index: 4, wait: 1.5 * SECOND })
        yield* client.list('docker/')
        yield* client.checkAndSet('a', 'v', 0, LOCK_FLAG)
        yield* client.acquire('a', 'v', 'id-1', LOCK_FLAG)
        yield* client.delete('a', 5)
        yield* client.deleteTree('docker/')
      })(),
    )
    expect(fakes.requests).toEqual([
      '2 GET /v1/kv/a%20b?index=4&stale=&wait=1500ms',
      '2 GET /v1/kv/docker/?recurse=',
      `2 PUT /v1/kv/a?cas=0&flags=${LOCK_FLAG}`,
      `2 PUT /v1/kv/a?acquire=id-1&flags=${LOCK_FLAG}`,
      '2 DELETE /v1/kv/a?cas=5',
      '2 DELETE /v1/kv/docker/?recurse=',
    ])
  })

  it('reads values, indexes and flags of 64 bits', () => {
    const { fakes, client } = setUp(reply(200, `[${pair('vä', 5)}]`, 9))
    expect(fakes.run(client.get('a'))).toEqual({
      index: 9,
      value: {
        key: 'a',
        value: 'vä',
        flags: LOCK_FLAG,
        createIndex: 1,
        modifyIndex: 5,
        lockIndex: 0,
        session: '',
      },
    })
  })

  it('takes 404 for no key, and tells all other failures in the words of the package', () => {
    let [status, body] = [404, '']
    const { fakes, client } = setUp((request, exchange) => reply(status, body)(request, exchange))
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        seen.push(yield* client.get('a'))
        ;[status, body] = [500, 'No cluster leader']
        seen.push(((yield* client.get('a')) as ConsulError).text)
        seen.push(((yield* client.put('a', 'v')) as ConsulError).text)
        fakes.kill(2)
        yield* sleep(MILLISECOND)
        seen.push(((yield* client.put('a', 'v')) as ConsulError).text)
      })(),
    )
    expect(seen).toEqual([
      { index: 7, value: null },
      'Unexpected response code: 500',
      'Unexpected response code: 500 (No cluster leader)',
      'Put http://10.0.0.2:8500/v1/kv/a: dial tcp 10.0.0.2:8500: connect: connection refused',
    ])
  })

  it('writes durations as Go does', () => {
    const durations = [MILLISECOND, SECOND, 7.5 * SECOND, 90 * SECOND, 3661 * SECOND]
    expect(durations.map(durationText)).toEqual(['1ms', '1s', '7.5s', '1m30s', '1h1m1s'])
  })

  it('makes sessions', () => {
    const bodies: string[] = []
    const { fakes, client } = setUp(function* (request, exchange) {
      bodies.push(request.text)
      yield* exchange.reply(200, [], '{"ID":"adf4238a"}')
    })
    const options = { behavior: 'delete', ttl: 30 * SECOND, lockDelay: MILLISECOND } as const
    expect(fakes.run(createSession(client, options))).toBe('adf4238a')
    expect(bodies).toEqual(['{"Behavior":"delete","LockDelay":"1ms","TTL":"30s"}\n'])
  })
})

describe('the store of one agent', () => {
  it('reads again after a write, and takes what another has written in between for its own', () => {
    const { fakes, store } = setUp((request, exchange) => {
      const answer =
        request.method === 'PUT' ? reply(200, 'true') : reply(200, `[${pair('theirs', 12)}]`, 12)
      return answer(request, exchange)
    })
    const previous: KvPair = { key: 'a', value: 'old', lastIndex: 9 }
    const found = fakes.run(store.atomicPut('/a', 'ours', previous))
    expect(found).toEqual({ key: 'a', value: 'theirs', lastIndex: 12 })
    expect(fakes.requests).toEqual([
      `2 PUT /v1/kv/a?cas=9&flags=${LOCK_FLAG}`,
      '2 GET /v1/kv/a?consistent=',
    ])
  })

  it('watches by blocking queries: no news without a new index, any other one is taken', () => {
    const indexes = [10, 10, 12, 3]
    const { fakes, store } = setUp(function* (request, exchange) {
      const index = indexes.shift()
      if (index === undefined) return void (yield* exchange.reply(500, [], 'No cluster leader'))
      yield* reply(200, `[${pair(`at ${index}`, index)}]`, index)(request, exchange)
    })
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        const watch = store.watch('a')
        while (!watch.hasEnded) seen.push((yield* watch.next())?.value)
      })(),
    )
    expect(seen).toEqual(['at 10', 'at 12', 'at 3', undefined])
    expect(fakes.requests.map((line) => line.split('?')[1])).toEqual([
      'wait=15000ms',
      'index=10&wait=15000ms',
      'index=10&wait=15000ms',
      'index=12&wait=15000ms',
      'index=3&wait=15000ms',
    ])
  })
})
