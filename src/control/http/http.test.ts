import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import { type Process, sleep } from '../../sim/process.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../../sim/units.ts'
import { Condition } from '../program/condition.ts'
import { Program } from '../program/program.ts'
import { Stream, StreamListener } from '../program/stream.ts'
import { HttpClient, type HttpClientOptions, HttpResponse } from './client.ts'
import type { HttpError } from './http-error.ts'
import type { HttpStream } from './http-stream.ts'
import { type HttpHandler, serveHttp } from './server.ts'
import { bytesOf, textOf } from './text.ts'

const TEXT = [['Content-Type', 'text/plain']] as const

interface BenchOptions {
  readonly costs?: string
  readonly client?: HttpClientOptions
}

class HttpBench {
  readonly hosts: HostsOnSwitch
  readonly clientProgram: Program
  readonly server: Program
  readonly client: HttpClient
  readonly seen: unknown[] = []

  constructor(handler: HttpHandler, options: BenchOptions = {}) {
    const { costs, client } = options
    this.hosts = new HostsOnSwitch(2, costs === undefined ? {} : { costs: COST_PROFILES[costs]! })
    this.clientProgram = new Program(this.hosts.host(1).root, 'client')
    this.server = new Program(this.hosts.host(2).root, 'server')
    this.client = new HttpClient(this.clientProgram, client)
    expect(serveHttp(this.server, 80, handler)).toBe(true)
  }

  request(path: string, more: object = {}): Process<HttpResponse | HttpError> {
    return this.client.request(this.fields(path, more))
  }

  stream(path: string, more: object = {}): Process<HttpStream | HttpError> {
    return this.client.stream(this.fields(path, more))
  }

  private fields(path: string, more: object) {
    return { address: this.hosts.address(2), port: 80, method: 'GET', path, ...more }
  }

  /** What an answer or its failure comes to. */
  *ask(path: string, more: object = {}): Process {
    const answer = yield* this.request(path, more)
    const isAnswer = answer instanceof HttpResponse
    this.seen.push(isAnswer ? `${answer.status} ${answer.text}` : `${answer.kind}: ${answer.text}`)
  }

  run(body: Process, duration = SECOND): unknown[] {
    this.clientProgram.spawn(body)
    this.hosts.simulator.run(this.hosts.simulator.now + duration)
    this.hosts.expectBalance()
    return this.seen
  }

  /** Connections of the client's host. */
  get connections(): number {
    return this.hosts.host(1).root.sockets.tcp.connections
  }
}

const echo: HttpHandler = function* (request, exchange) {
  const body = `${request.method} ${request.target} ${request.text}`
  yield* exchange.reply(200, TEXT, body)
}

describe('HTTP', () => {
  it.each([undefined, 'server-2020s'])('answers over a kept connection, with costs %s', (costs) => {
    const bench = new HttpBench(echo, costs === undefined ? {} : { costs })
    const big = 'ß'.repeat(300_000)
    const seen = bench.run(
      (function* (): Process {
        yield* bench.ask('/a')
        yield* bench.ask('/b', { method: 'PUT', body: 'value' })
        yield* bench.ask('/c', { method: 'POST', body: big })
      })(),
    )
    expect(seen).toEqual(['200 GET /a ', '200 PUT /b value', `200 POST /c ${big}`])
    expect(bench.connections).toBe(1)
  })

  it('serves pipelined requests in order', () => {
    const bench = new HttpBench(function* (request, exchange) {
      yield* sleep(request.target === '/slow' ? 10 * MILLISECOND : 0)
      yield* exchange.reply(200, TEXT, request.target)
    })
    const seen = bench.run(
      (function* (): Process {
        const stream = (yield* Stream.connect(
          bench.clientProgram,
          bench.hosts.address(2),
          80,
        )) as Stream
        const get = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`
        yield* stream.write(bytesOf(`${get('/slow')}${get('/fast')}nonsense\r\n\r\n`))
        let text = ''
        for (let part = yield* stream.read(); part !== null; part = yield* stream.read()) {
          text += textOf(part)
        }
        for (const match of text.matchAll(/HTTP\/1.1 .*|\/slow|\/fast|400.*:.*/g))
          bench.seen.push(match[0].trim())
      })(),
    )
    expect(seen).toEqual([
      'HTTP/1.1 200 OK',
      '/slow',
      'HTTP/1.1 200 OK',
      '/fast',
      'HTTP/1.1 400 Bad Request',
      '400 Bad Request: malformed HTTP request',
    ])
  })

  it('streams chunks and lines, and goes on after a time-out of the reader', () => {
    const bench = new HttpBench(function* (_request, exchange) {
      yield* exchange.begin(200, TEXT)
      yield* exchange.chunk('one\ntw')
      yield* sleep(10 * MILLISECOND)
      yield* exchange.chunk('o\nthree')
    })
    const seen = bench.run(
      (function* (): Process {
        const answer = (yield* bench.stream('/')) as HttpStream
        for (let i = 0; i < 5; i++) bench.seen.push(yield* answer.nextLine(6 * MILLISECOND))
        bench.seen.push(answer.hasEnded, answer.error)
        yield* bench.ask('/again')
      })(),
    )
    expect(seen.slice(0, 7)).toEqual(['one', null, 'two', 'three', null, true, null])
    expect(seen[7]).toBe('200 one\ntwo\nthree')
    expect(bench.connections).toBe(1)
  })

  it('tells the server that a client has gone, and the client that a server has', () => {
    const bench = new HttpBench(function* (request, exchange) {
      const changed = new Condition(bench.server)
      exchange.whenGone(() => changed.notify())
      yield* exchange.begin(200)
      if (request.target === '/break') exchange.abort()
      else if (!(yield* changed.wait(100 * MILLISECOND))) return
      bench.seen.push(`${request.target} gone ${exchange.isGone}`)
    })
    const seen = bench.run(
      (function* (): Process {
        const cancelled = (yield* bench.stream('/cancel')) as HttpStream
        cancelled.cancel()
        yield* sleep(10 * MILLISECOND)
        yield* bench.ask('/break')
        const watching = bench.clientProgram.spawn(bench.ask('/fibre'))
        yield* sleep(10 * MILLISECOND)
        watching.cancel()
        yield* sleep(10 * MILLISECOND)
        yield* bench.ask('/stays')
      })(),
    )
    expect(seen).toEqual([
      '/cancel gone true',
      '/break gone false',
      'closed: read: connection reset by peer',
      '/fibre gone true',
      '200 ',
    ])
  })

  it('holds the server back while nobody reads', () => {
    const sentAt: number[] = []
    const bench = new HttpBench(function* (_request, exchange) {
      yield* exchange.begin(200)
      for (let i = 0; i < 32; i++) {
        yield* exchange.chunk(new Uint8Array(1 << 20).fill(i))
        sentAt.push(bench.server.now)
      }
    })
    const seen = bench.run(
      (function* (): Process {
        const answer = (yield* bench.stream('/')) as HttpStream
        yield* sleep(500 * MILLISECOND)
        let [bytes, last] = [0, 0]
        for (
          let part = yield* answer.nextChunk();
          part !== null;
          part = yield* answer.nextChunk()
        ) {
          bytes += part.length
          last = part.at(-1)!
        }
        bench.seen.push(bytes, last, answer.error)
      })(),
    )
    expect(seen).toEqual([32 << 20, 31, null])
    const early = sentAt.filter((time) => time < 500 * MILLISECOND).length
    expect(early).toBeGreaterThan(1)
    expect(early).toBeLessThan(16)
  })

  it('fails as a Go client does', () => {
    const bench = new HttpBench(
      function* (request, exchange) {
        if (request.target === '/slow') yield* sleep(SECOND)
        if (request.target === '/half') {
          yield* exchange.begin(200)
          yield* sleep(SECOND)
        } else yield* exchange.reply(204)
      },
      { client: { dialTimeout: 300 * MILLISECOND } },
    )
    const seen = bench.run(
      (function* (): Process {
        yield* bench.ask('/', { port: 81 })
        yield* bench.ask('/', { address: bench.hosts.address(3) })
        yield* bench.ask('/slow', { timeout: 50 * MILLISECOND })
        yield* bench.ask('/slow', { headerTimeout: 50 * MILLISECOND })
        yield* bench.ask('/half', { timeout: 50 * MILLISECOND })
        yield* bench.ask('/')
        const heal = bench.hosts.partition([1], [2])
        yield* bench.ask('/', { port: 82 })
        heal()
      })(),
      10 * SECOND,
    )
    expect(seen).toEqual([
      'refused: dial tcp 10.0.0.2:81: connect: connection refused',
      'timeout: dial tcp 10.0.0.3:80: i/o timeout',
      'timeout: context deadline exceeded',
      'timeout: context deadline exceeded',
      'timeout: context deadline exceeded',
      '204 ',
      'timeout: dial tcp 10.0.0.2:82: i/o timeout',
    ])
  })

  it('says what a server makes of it that speaks no HTTP, or ends early', () => {
    const bench = new HttpBench(echo)
    bench.server.spawn(answerWith(bench.server, 81, 'SSH-2.0\r\n\r\n'))
    const short = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'
    bench.server.spawn(answerWith(bench.server, 82, short))
    bench.server.spawn(answerWith(bench.server, 83, 'HTTP/1.0 200 OK\r\n\r\nto the end'))
    const seen = bench.run(
      (function* (): Process {
        for (const port of [81, 82, 83]) yield* bench.ask('/', { port })
      })(),
    )
    expect(seen).toEqual(['malformed: malformed HTTP response', 'closed: EOF', '200 to the end'])
  })
})

/** Answers each connection with a text and ends it. */
function* answerWith(program: Program, port: number, text: string): Process {
  const listener = StreamListener.open(program, port)!
  for (;;) {
    const stream = (yield* listener.accept())!
    yield* stream.read()
    yield* stream.write(bytesOf(text))
    stream.close()
  }
}

describe('kept connections', () => {
  /** The server closes each connection `after` its first answer. */
  function* closing(program: Program, after: number): Process {
    const listener = StreamListener.open(program, 81)!
    for (;;) program.spawn(answerOnce((yield* listener.accept())!, after))
  }

  function* answerOnce(stream: Stream, after: number): Process {
    yield* stream.read()
    yield* stream.write(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1'))
    yield* sleep(after)
    stream.close()
  }

  it('that the server has closed are left at once; a request that crosses the end is repeated', () => {
    const bench = new HttpBench(echo)
    bench.server.spawn(closing(bench.server, 10 * MILLISECOND))
    const seen = bench.run(
      (function* (): Process {
        yield* bench.ask('/', { port: 81 })
        yield* sleep(20 * MILLISECOND)
        bench.seen.push(bench.connections)
        yield* bench.ask('/', { port: 81, method: 'PUT' })
        // Sent just as the server closes: a GET is done again, and what changes something is not.
        yield* sleep(10 * MILLISECOND - 30 * MICROSECOND)
        yield* bench.ask('/', { port: 81 })
        yield* sleep(10 * MILLISECOND - 30 * MICROSECOND)
        yield* bench.ask('/', { port: 81, method: 'PUT' })
      })(),
    )
    expect(seen).toEqual(['200 1', expect.any(Number), '200 1', '200 1', expect.any(String)])
    expect(seen[4]).toMatch(/^closed: /)
  })

  it('are two at most, and closed after 90 s', () => {
    const bench = new HttpBench(function* (_request, exchange) {
      yield* sleep(MILLISECOND)
      yield* exchange.reply(200)
    })
    const many = function* (): Process {
      const fibres = Array.from({ length: 5 }, () => bench.clientProgram.spawn(bench.ask('/')))
      for (const fibre of fibres) yield* fibre.done.receive()
    }
    bench.run(many())
    expect(bench.seen).toEqual(Array(5).fill('200 '))
    const open = () => bench.hosts.host(2).root.sockets.tcp.connections
    const kept = open()
    bench.run(sleep(0), 85 * SECOND)
    expect([kept, open()]).toEqual([2, 2])
    bench.run(sleep(0), 10 * SECOND)
    expect(open()).toBe(0)
  })
})
