import { describe, expect, it } from 'vitest'
import { FakeServers } from '../../../../test/control/fake-servers.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import type { HttpHandler } from '../../http/server.ts'
import { type V2ClientOptions, V2ClusterClient } from './v2-cluster-client.ts'
import { V2Keys } from './v2-keys.ts'
import { V2ClientError, V2KeysError, type V2Response } from './v2-messages.ts'

const PORT = 2379
const INDEX = [
  ['Content-Type', 'application/json'],
  ['X-Etcd-Index', '7'],
] as const

function answer(modifiedIndex: number, value = 'v') {
  const node = { key: '/a', value, modifiedIndex, createdIndex: 1 }
  return `${JSON.stringify({ action: 'set', node })}\n`
}

const ok: HttpHandler = function* (_request, exchange) {
  yield* exchange.reply(200, INDEX, answer(5))
}

function setUp(
  count: number,
  handler: (server: number) => HttpHandler,
  options: Partial<V2ClientOptions> = {},
) {
  const fakes = new FakeServers(count, PORT, handler)
  const cluster = new V2ClusterClient(fakes.client, { endpoints: fakes.addresses, ...options })
  const order = cluster.endpoints.map(({ address }) => address & 255)
  return { fakes, cluster, keys: new V2Keys(cluster), order }
}

describe('the v2 client', () => {
  it('asks as the Go client does', () => {
    const { fakes, keys } = setUp(1, () => ok)
    fakes.run(
      (function* (): Process {
        yield* keys.get('/docker/network/', { quorum: true, recursive: true, sort: true })
        yield* keys.set('a//b c', 'x=1&ü', { prevIndex: 4, prevValue: 'o', ttl: 60.5 * SECOND })
        yield* keys.set('d', '', { dir: true, prevExist: false })
        yield* keys.set('a', '', { refresh: true, prevExist: true, ttl: 5 * SECOND })
        yield* keys.createInOrder('q', 'job')
        yield* keys.delete('a', { recursive: true, prevIndex: 9 })
        yield* keys.watcher('a', { afterIndex: 4 }).next()
      })(),
    )
    expect(fakes.requests).toEqual([
      '2 GET /v2/keys/docker/network/?quorum=true&recursive=true&sorted=true',
      '2 PUT /v2/keys/a/b%20c?prevIndex=4&prevValue=o',
      '2 PUT /v2/keys/d?dir=true&prevExist=false',
      '2 PUT /v2/keys/a?prevExist=true',
      '2 POST /v2/keys/q',
      '2 DELETE /v2/keys/a?prevIndex=9&recursive=true',
      '2 GET /v2/keys/a?recursive=false&wait=true&waitIndex=5',
    ])
  })

  it('sends a heartbeat of just the bytes that were measured with Docker 20.10', () => {
    const bodies: string[] = []
    const { fakes, keys } = setUp(
      1,
      () =>
        function* (request, exchange) {
          bodies.push(request.text, request.headers.get('content-length')!)
          yield* ok(request, exchange)
        },
    )
    fakes.run(
      keys.set('docker/nodes/192.168.50.11:2376', '192.168.50.11:2376', { ttl: 60 * SECOND }),
    )
    expect(bodies).toEqual(['ttl=60&value=192.168.50.11%3A2376', '33'])
  })

  it('reads answers and errors', () => {
    const error = { errorCode: 101, message: 'Compare failed', cause: '[4 != 5]', index: 7 }
    const bodies = ['', 'not JSON', JSON.stringify(error)]
    const { fakes, keys } = setUp(
      1,
      () =>
        function* (_request, exchange) {
          const body = bodies.shift()
          if (body === undefined) return void (yield* exchange.reply(201, INDEX, answer(5)))
          yield* exchange.reply(body.startsWith('{') ? 412 : 200, INDEX, body)
        },
    )
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        for (let i = 0; i < 4; i++) seen.push(yield* keys.set('a', 'v'))
      })(),
    )
    expect(seen).toMatchObject([
      { text: 'client: response body is empty', mayBeDone: true },
      { text: expect.stringMatching('client: response is invalid json') },
      { code: 101, index: 7, text: '101: Compare failed ([4 != 5]) [7]' },
      { action: 'set', index: 7, node: { key: '/a', value: 'v', modifiedIndex: 5 } },
    ])
    expect(seen[2]).toBeInstanceOf(V2KeysError)
  })

  it('goes on to the next member when one is down or has no leader, and stays there', () => {
    const leaderless = { number: 0 }
    const { fakes, keys, order } = setUp(
      3,
      (server) =>
        function* (request, exchange) {
          if (server === leaderless.number) return void (yield* exchange.reply(500, [], '{}'))
          yield* ok(request, exchange)
        },
    )
    leaderless.number = order[1]!
    fakes.kill(order[0]!)
    fakes.run(
      (function* (): Process {
        yield* keys.get('a')
        yield* keys.get('b')
      })(),
    )
    const [, second, third] = order
    const query = '?quorum=false&recursive=false&sorted=false'
    expect(fakes.requests).toEqual([
      `${second} GET /v2/keys/a${query}`,
      `${third} GET /v2/keys/a${query}`,
      `${third} GET /v2/keys/b${query}`,
    ])
  })

  it('says of each member why it is of no use, in the words that users see', () => {
    const { fakes, keys, order } = setUp(
      3,
      (server) =>
        function* (_request, exchange) {
          if (server === order[1]) yield* sleep(100 * SECOND)
          yield* exchange.reply(503)
        },
      { headerTimeout: 3 * SECOND },
    )
    fakes.kill(order[0]!)
    const failure = fakes.run(keys.get('a')) as V2ClientError
    expect(failure).toBeInstanceOf(V2ClientError)
    expect(failure.mayBeDone).toBe(true)
    const [down, frozen, leaderless] = order.map((number) => `10.0.0.${number}:2379`)
    expect(failure.text).toBe(
      'client: etcd cluster is unavailable or misconfigured' +
        `; error #0: dial tcp ${down}: connect: connection refused\n` +
        `; error #1: client: endpoint http://${frozen} exceeded header timeout\n` +
        `; error #2: client: etcd member http://${leaderless} has no leader\n`,
    )
  })

  it('creates at one member only, and keeps a deadline over all', () => {
    const { fakes, keys } = setUp(
      3,
      () =>
        function* () {
          yield* sleep(100 * SECOND)
        },
    )
    const seen: unknown[] = []
    fakes.run(
      (function* (): Process {
        const options = { timeout: 2 * SECOND }
        seen.push(yield* keys.set('a', 'v', options), fakes.client.now)
        for (const server of fakes.servers) server.kill()
        seen.push(yield* keys.create('a', 'v'))
      })(),
    )
    expect(seen).toMatchObject([
      { text: 'context deadline exceeded', mayBeDone: true },
      2 * SECOND,
      { text: expect.stringMatching(/^dial tcp .* connection refused$/), mayBeDone: false },
    ])
  })

  it('takes over what members there are', () => {
    const { fakes, cluster } = setUp(
      2,
      () =>
        function* (_request, exchange) {
          const members = ['http://10.0.0.3:2379', 'http://10.0.0.9:4001'].map((url) => ({
            clientURLs: [url],
          }))
          yield* exchange.reply(200, [], JSON.stringify({ members }))
        },
    )
    expect(fakes.run(cluster.sync())).toBeNull()
    const ports = cluster.endpoints.map(({ address, port }) => `${address & 255}:${port}`)
    expect(ports.sort()).toEqual(['3:2379', '9:4001'])
    for (const server of fakes.servers) server.kill()
    expect(fakes.run(cluster.autoSync(SECOND))).toBeInstanceOf(V2ClientError)
  })
})

describe('a v2 watcher', () => {
  it('polls from the event after the last, through empty answers and a dead member', () => {
    const { fakes, keys, order } = setUp(
      2,
      (server) =>
        function* (request, exchange) {
          const waitIndex = Number(/waitIndex=(\d+)/.exec(request.target)![1])
          yield* exchange.begin(200, INDEX)
          yield* sleep(10 * MILLISECOND)
          if (waitIndex === 5) return
          if (waitIndex === 6 && server === order[0]) {
            yield* sleep(SECOND)
            return
          }
          yield* exchange.chunk(answer(Math.max(waitIndex, 4)))
        },
    )
    // The second answer is empty as often as it is asked for; the first member dies meanwhile.
    const watcher = keys.watcher('a')
    const seen: number[] = []
    const texts: unknown[] = []
    fakes.client.after(55 * MILLISECOND, () => fakes.kill(order[0]!))
    fakes.run(
      (function* (): Process {
        seen.push(((yield* watcher.next()) as V2Response).node.modifiedIndex)
        const failure = (yield* watcher.next(100 * MILLISECOND)) as V2ClientError
        texts.push(failure.text, fakes.client.now)
      })(),
    )
    expect(seen).toEqual([4])
    expect(texts).toEqual(['context deadline exceeded', expect.any(Number)])
    expect(texts[1]).toBeLessThan(120 * MILLISECOND)
    const polls = fakes.requests.map((line) => line.replace(/ .*waitIndex=/, ' '))
    expect(polls.slice(0, 4)).toEqual(['0', '5', '5', '5'].map((index) => `${order[0]} ${index}`))
    expect(polls.at(-1)).toBe(`${order[1]} 5`)
  })

  it('hands on that events were missed', () => {
    const cleared = {
      errorCode: 401,
      message: 'The event in requested index is outdated',
      index: 9,
    }
    const { fakes, keys } = setUp(
      1,
      () =>
        function* (_request, exchange) {
          yield* exchange.reply(400, INDEX, JSON.stringify(cleared))
        },
    )
    expect(fakes.run(keys.watcher('a', { afterIndex: 1 }).next())).toMatchObject({
      code: 401,
      index: 9,
    })
  })
})
