/** HTTP as our servers and clients speak it, read by Wireshark's dissectors. */
import { describe, expect, it } from 'vitest'
import { HttpClient } from '../../src/control/http/client.ts'
import type { HttpStream } from '../../src/control/http/http-stream.ts'
import { serveHttp } from '../../src/control/http/server.ts'
import { bytesOf } from '../../src/control/http/text.ts'
import { Program } from '../../src/control/program/program.ts'
import { Stream } from '../../src/control/program/stream.ts'
import { Capture } from '../../src/measure/capture.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { expectCleanCapture, type Packet, peerAvailable } from './tshark.ts'

const PORT = 80
const JSON_TYPE = [['Content-Type', 'application/json']] as const
const FIELDS = [
  'http.request.method',
  'http.request.uri',
  'http.response.code',
  'http.date',
  'http.chunk_size',
  'json.member',
  '_ws.malformed',
]

/** A request of each kind, and pipelined ones last. */
function* talk(program: Program, bench: HostsOnSwitch): Process {
  const client = new HttpClient(program)
  const to = { address: bench.address(2), port: PORT }
  const body = JSON.stringify({ key: 'Zm9v', value: 'x'.repeat(4000) })
  yield* client.request({ ...to, method: 'GET', path: '/v2/keys/a?wait=true' })
  yield* client.request({ ...to, method: 'POST', path: '/v3/kv/put', headers: JSON_TYPE, body })
  const watch = (yield* client.stream({ ...to, method: 'GET', path: '/watch' })) as HttpStream
  while (!watch.hasEnded) yield* watch.nextLine()
  const stream = (yield* Stream.connect(program, to.address, PORT)) as Stream
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n`
  yield* stream.write(bytesOf(get('/one') + get('/two')))
  yield* sleep(10 * MILLISECOND)
  stream.close()
}

function captured(): Uint8Array {
  const bench = new HostsOnSwitch(2)
  const capture = new Capture()
  bench.host(1).port!.tap = capture.interface('h1/eth0')
  const server = new Program(bench.host(2).root, 'server')
  serveHttp(server, PORT, function* (request, exchange) {
    if (request.target !== '/watch') {
      const answer = JSON.stringify({ target: request.target, filler: request.text })
      return void (yield* exchange.reply(200, JSON_TYPE, answer))
    }
    yield* exchange.begin(200, JSON_TYPE)
    for (let revision = 0; revision < 3; revision++) {
      yield* exchange.chunk(`${JSON.stringify({ revision })}\n`)
      yield* sleep(MILLISECOND)
    }
  })
  const client = new Program(bench.host(1).root, 'client')
  client.spawn(talk(client, bench))
  bench.simulator.run(SECOND)
  bench.expectBalance()
  return capture.bytes()
}

function valuesOf(packets: readonly Packet[], field: string): string[] {
  return packets.flatMap((packet) => packet[field]!)
}

describe.skipIf(!peerAvailable('tshark'))('tshark, of HTTP', () => {
  it('finds each request and answer, with bodies that are JSON', () => {
    const packets = expectCleanCapture(captured(), FIELDS)
    expect(valuesOf(packets, 'http.request.method')).toEqual(['GET', 'POST', 'GET', 'GET', 'GET'])
    expect(valuesOf(packets, 'http.request.uri')).toEqual([
      '/v2/keys/a?wait=true',
      '/v3/kv/put',
      '/watch',
      '/one',
      '/two',
    ])
    expect(valuesOf(packets, 'http.response.code')).toEqual(Array(5).fill('200'))
    expect(new Set(valuesOf(packets, 'http.date'))).toEqual(
      new Set(['Mon, 01 Jan 2024 00:00:00 GMT']),
    )
    expect(valuesOf(packets, 'http.chunk_size').length).toBeGreaterThanOrEqual(4)
    expect(new Set(valuesOf(packets, 'json.member'))).toEqual(
      new Set(['target', 'filler', 'key', 'value', 'revision']),
    )
    expect(valuesOf(packets, '_ws.malformed')).toEqual([])
  })
})
