import { describe, expect, it } from 'vitest'
import { type RandomStream, RandomStreams } from '../../sim/random.ts'
import { encodeChunk, encodeRequest, encodeResponse, LAST_CHUNK } from './encode.ts'
import { MalformedHead, parseRequestHead, parseResponseHead } from './head.ts'
import { BodyCollector, MessageReader } from './message-reader.ts'
import { bytesOf, concatBytes, textOf } from './text.ts'

const DATE = 'Mon, 01 Jan 2024 00:00:00 GMT'

function requestReader() {
  return new MessageReader(parseRequestHead)
}

function responseReader() {
  return new MessageReader((text) => parseResponseHead(text, false))
}

/** What a reader makes of bytes that arrive in pieces. */
function readAll(
  reader: ReturnType<typeof requestReader> | ReturnType<typeof responseReader>,
  pieces: readonly Uint8Array[],
): string[] {
  const seen: string[] = []
  let body: BodyCollector | null = null
  for (const piece of pieces) {
    reader.feed(piece)
    for (;;) {
      if (body === null) {
        const head = reader.readHead()
        if (head === null) break
        seen.push('target' in head ? `${head.method} ${head.target}` : `${head.status}`)
        body = new BodyCollector()
      }
      for (let part = reader.readBody(); part !== null; part = reader.readBody()) body.add(part)
      if (!reader.isBodyComplete) break
      seen.push(textOf(body.bytes))
      body = null
    }
  }
  if (reader.error !== null) seen.push(`${reader.error.status} ${reader.error.text}`)
  return seen
}

function put(body: string) {
  const common = { host: '10.0.0.1:2379', userAgent: 'etcd/1', headers: [] }
  return encodeRequest({ method: 'PUT', target: '/v2/keys/a?b=c', body, ...common })
}

describe('messages', () => {
  it('are written as by net/http', () => {
    const headers = [['Content-Type', 'text/plain']] as const
    const common = { target: '/x', host: 'h:1', userAgent: 'u' }
    expect(textOf(encodeRequest({ method: 'POST', headers, body: 'né', ...common }))).toBe(
      'POST /x HTTP/1.1\r\nHost: h:1\r\nUser-Agent: u\r\nContent-Length: 3\r\n' +
        'Content-Type: text/plain\r\nAccept-Encoding: gzip\r\n\r\nné',
    )
    expect(textOf(encodeRequest({ method: 'GET', headers: [], body: '', ...common }))).toBe(
      'GET /x HTTP/1.1\r\nHost: h:1\r\nUser-Agent: u\r\nAccept-Encoding: gzip\r\n\r\n',
    )
    const response = { status: 404, date: DATE, headers, isLast: true }
    expect(textOf(encodeResponse(response, 'none'))).toBe(
      `HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nDate: ${DATE}\r\n` +
        'Content-Length: 4\r\nConnection: close\r\n\r\nnone',
    )
  })

  it('go out in one chunk when they are long', () => {
    const body = 'x'.repeat(3000)
    const long = { status: 200, date: DATE, headers: [], isLast: false }
    const text = textOf(encodeResponse(long, body))
    expect(text).toContain(`Transfer-Encoding: chunked\r\n\r\nbb8\r\n${body}\r\n0\r\n\r\n`)
    expect(readAll(responseReader(), [bytesOf(text)])).toEqual(['200', body])
  })

  it('are read in whatever pieces they arrive', () => {
    const random = new RandomStreams('1').stream('pieces')
    const long = encodeResponse(
      { status: 200, date: DATE, headers: [], isLast: false },
      'b'.repeat(9000),
    )
    const requests = concatBytes([put('one'), put(''), put('ü'.repeat(700)), put('last')])
    const wanted = ['one', '', 'ü'.repeat(700), 'last'].flatMap((body) => [
      'PUT /v2/keys/a?b=c',
      body,
    ])
    for (const most of [1, 3, 50, 5000]) {
      expect(readAll(requestReader(), cut(requests, most, random))).toEqual(wanted)
      const answers = cut(concatBytes([long, long]), most, random)
      const expected = ['200', 'b'.repeat(9000), '200', 'b'.repeat(9000)]
      expect(readAll(responseReader(), answers)).toEqual(expected)
    }
  })

  it('take a megabyte in segments in linear time', () => {
    const body = 'm'.repeat(1 << 20)
    const chunked = concatBytes([
      bytesOf('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
      encodeChunk(body),
      encodeChunk('end'),
      LAST_CHUNK,
    ])
    expect(readAll(responseReader(), cut(chunked, 1448, null))).toEqual(['200', `${body}end`])
  })

  it('may be sloppy where net/http allows it', () => {
    const text =
      '\r\nGET / HTTP/1.1\nhost:a\nTransfer-Encoding: Chunked\n\n' +
      '4;x=1\r\nwiki\r\n0\r\nTrailer: t\r\n\r\nGET /2 HTTP/1.1\r\nHost: \r\n\r\n'
    expect(readAll(requestReader(), [bytesOf(text)])).toEqual(['GET /', 'wiki', 'GET /2', ''])
  })

  it('end with the connection when nothing tells their length', () => {
    const reader = responseReader()
    reader.feed(bytesOf('HTTP/1.0 200 OK\r\n\r\nsome'))
    expect(reader.readHead()).toMatchObject({ status: 200, keepAlive: false })
    expect(textOf(reader.readBody()!)).toBe('some')
    expect(reader.isBodyComplete).toBe(false)
    expect(reader.finish()).toBe(true)
    const cutShort = responseReader()
    cutShort.feed(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome'))
    cutShort.readHead()
    expect(cutShort.finish()).toBe(false)
  })

  it('have no body where none can be', () => {
    const text =
      'HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n'
    expect(readAll(responseReader(), [bytesOf(text)])).toEqual(['204', '', '304', ''])
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 9'
    expect(parseResponseHead(head, false)).toMatchObject({ framing: 9 })
    const answer = parseResponseHead(head, true)
    expect(answer).toMatchObject({ framing: 0 })
  })

  it.each([
    ['GET /\r\nHost: a\r\n\r\n', '400 malformed HTTP request'],
    ['G(T / HTTP/1.1\r\nHost: a\r\n\r\n', '400 malformed HTTP request'],
    ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', '505 unsupported protocol version'],
    ['GET / HTTP/1.1\r\n\r\n', '400 missing required Host header'],
    ['GET / HTTP/1.1\r\nHost a\r\n\r\n', '400 malformed MIME header line'],
    ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', '400 malformed MIME header line'],
    ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n', '400 bad Content-Length'],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      '400 bad Content-Length',
    ],
    [
      'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n',
      '400 unsupported transfer encoding',
    ],
    [`GET / HTTP/1.1\r\nHost: ${'a'.repeat(1 << 21)}`, '431 header too large'],
  ])('are refused when they are malformed: %.70j', (text, error) => {
    expect(readAll(requestReader(), [bytesOf(text)])).toEqual([error])
  })

  it.each([
    ['x\r\n', 'invalid byte in chunk length'],
    ['2\r\nabc\r\n', 'malformed chunked encoding'],
    [`1;${'a'.repeat(9000)}`, 'header line too long'],
  ])('are refused when their chunks are malformed: %.30j', (chunks, error) => {
    const head = 'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
    expect(readAll(requestReader(), [bytesOf(head + chunks)]).at(-1)).toBe(`400 ${error}`)
  })

  it('are malformed responses as well', () => {
    expect(parseResponseHead('HTTP/2 200', false)).toBeInstanceOf(MalformedHead)
    expect(parseResponseHead('HTTP/1.1 20 OK', false)).toBeInstanceOf(MalformedHead)
  })
})

/** Pieces of up to `most` bytes, or of just `most`. */
function cut(bytes: Uint8Array, most: number, random: RandomStream | null): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = random === null ? most : random.integer(1, most)
    pieces.push(bytes.slice(at, at + length))
    at += length
  }
  return pieces
}
