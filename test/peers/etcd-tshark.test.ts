/** What an etcd cluster and its clients say, read by Wireshark's dissectors. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { PeerWords } from '../../src/control/cluster/peer-link.ts'
import { EtcdCluster } from '../../src/control/etcd/cluster.ts'
import { CLIENT_PORT, PEER_PORT } from '../../src/control/etcd/settings.ts'
import { HttpClient } from '../../src/control/http/client.ts'
import { HttpError } from '../../src/control/http/http-error.ts'
import type { HttpStream } from '../../src/control/http/http-stream.ts'
import { Program } from '../../src/control/program/program.ts'
import { Capture } from '../../src/measure/capture.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { HostsOnSwitch } from '../control/hosts-on-switch.ts'
import { expectCleanCapture, type Packet, peerAvailable } from './tshark.ts'

const SETTINGS = {
  version: '3.4',
  heartbeat: 100 * MILLISECOND,
  election: SECOND,
  preVote: false,
  snapshotCount: 100_000,
  quota: 2 ** 31,
}
const FORM = [['Content-Type', 'application/x-www-form-urlencoded']] as const
const PORTS = ['tcp.dstport', 'tcp.srcport']
const FIELDS = [...PORTS, 'http.request.uri', 'http.response.code', 'http.file_data', 'json.key']

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Asks one member in v3 and v2, with a watch of each that sees what is put. */
class Client {
  readonly failures: string[] = []
  events = 0
  private readonly http: HttpClient
  private readonly program: Program
  private readonly bench: HostsOnSwitch

  constructor(bench: HostsOnSwitch) {
    this.bench = bench
    this.program = new Program(bench.host(4).root, 'client')
    this.http = new HttpClient(this.program)
    this.program.spawn(this.watch())
    this.program.spawn(this.ask('GET', '/v2/keys/a?wait=true'))
    this.program.spawn(this.talk())
  }

  private *talk(): Process {
    yield* sleep(10 * MILLISECOND)
    const put = { key: base64('a'), value: base64('1') }
    yield* this.ask('POST', '/v3/kv/put', JSON.stringify(put))
    yield* this.ask('POST', '/v3/kv/range', JSON.stringify({ key: put.key }))
    yield* this.ask('POST', '/v3/lease/grant', JSON.stringify({ TTL: '60' }))
    yield* this.ask('PUT', '/v2/keys/a', 'value=1')
    yield* this.ask('GET', '/v2/keys/?recursive=true&quorum=true')
    yield* this.ask('DELETE', '/v2/keys/nothing')
  }

  private to(method: string, path: string, body: string) {
    const address = this.bench.address(1)
    const headers = method === 'PUT' ? FORM : []
    return { address, port: CLIENT_PORT, method, path, headers, body }
  }

  private *ask(method: string, path: string, body = ''): Process {
    const response = yield* this.http.request(this.to(method, path, body))
    if (response instanceof HttpError) this.failures.push(response.text)
  }

  private *watch(): Process {
    const body = JSON.stringify({ create_request: { key: base64('a') } })
    const stream = (yield* this.http.stream(this.to('POST', '/v3/watch', body))) as HttpStream
    // The first line says that it has begun.
    yield* stream.nextLine()
    yield* stream.nextLine()
    this.events++
    stream.cancel()
  }
}

function captured(): Uint8Array {
  const bench = new HostsOnSwitch(4)
  const capture = new Capture()
  bench.host(1).port!.tap = capture.interface('h1/eth0')
  const places = [1, 2, 3].map((n) => ({ name: `store-${n}`, host: bench.host(n) }))
  const cluster = new EtcdCluster(places, SETTINGS)
  cluster.start()
  bench.simulator.run(3 * SECOND)
  const client = new Client(bench)
  bench.simulator.run(4 * SECOND)
  expect(client).toMatchObject({ failures: [], events: 1 })
  expect(cluster.violations).toEqual([])
  bench.expectBalance()
  return capture.bytes()
}

function valuesOf(packets: readonly Packet[], field: string): string[] {
  return packets.flatMap((packet) => packet[field]!)
}

/** Packets to or from a port. */
function ofPort(packets: readonly Packet[], port: number): Packet[] {
  return packets.filter((packet) => PORTS.some((field) => packet[field]![0] === `${port}`))
}

/** Newer versions write the content in hexadecimal, older ones with escapes. */
function contentsOf(packets: readonly Packet[]): string[] {
  return valuesOf(packets, 'http.file_data').map((text) =>
    /^([0-9a-f]{2})+$/.test(text)
      ? Buffer.from(text, 'hex').toString()
      : text.replaceAll('\\r', '\r').replaceAll('\\n', '\n'),
  )
}

describe.skipIf(!peerAvailable('tshark'))('tshark, of an etcd cluster', () => {
  let bytes: Uint8Array

  beforeAll(() => {
    bytes = captured()
  })

  it('finds the requests of clients, and their answers', () => {
    const packets = ofPort(expectCleanCapture(bytes, FIELDS), CLIENT_PORT)
    expect(valuesOf(packets, 'http.request.uri')).toEqual([
      '/v3/watch',
      '/v2/keys/a?wait=true',
      '/v3/kv/put',
      '/v3/kv/range',
      '/v3/lease/grant',
      '/v2/keys/a',
      '/v2/keys/?recursive=true&quorum=true',
      '/v2/keys/nothing',
    ])
    // The watch has no end: its answer comes in the next test.
    const codes = ['200', '200', '200', '200', '201', '200', '404']
    expect(valuesOf(packets, 'http.response.code')).toEqual(codes)
    const bodies = contentsOf(packets).filter((text) => text !== 'value=1')
    expect(bodies).toHaveLength(codes.length + 4)
    for (const body of bodies) expect(JSON.parse(body)).toBeTypeOf('object')
    expect(valuesOf(packets, 'json.key')).toContain('create_revision')
  })

  it('finds a watch, a message of JSON in each chunk', () => {
    const unfinished = ['http.desegment_body:FALSE']
    const packets = ofPort(expectCleanCapture(bytes, FIELDS, unfinished), CLIENT_PORT)
    const texts = contentsOf(packets).filter((text) => text.includes('"result"'))
    const lines = texts.map((text) => JSON.parse(text.slice(text.indexOf('{'))))
    expect(lines).toMatchObject([
      { result: { created: true } },
      { result: { events: [{ kv: { key: base64('a'), mod_revision: '2' } }] } },
    ])
  })

  it('finds what the members say, as JSON in HTTP', () => {
    const packets = ofPort(expectCleanCapture(bytes, FIELDS), PEER_PORT)
    const uris = valuesOf(packets, 'http.request.uri')
    expect(new Set(uris)).toEqual(new Set(['/raft']))
    expect(valuesOf(packets, 'http.response.code')).toEqual(uris.map(() => '204'))
    const bodies = contentsOf(packets)
    expect(bodies).toHaveLength(uris.length)
    const words = bodies.map((body) => JSON.parse(body) as PeerWords)
    const types = new Set(words.flatMap(({ messages }) => messages.map(({ type }) => type)))
    for (const type of ['append', 'appendResponse', 'heartbeat', 'heartbeatResponse'] as const) {
      expect(types).toContain(type)
    }
    expect(words.some(({ proposals }) => proposals.length > 0)).toBe(true)
  })
})
