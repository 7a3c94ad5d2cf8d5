import type { HeaderList } from './headers.ts'
import { reasonOf } from './status.ts'
import { bytesOf, concatBytes, NO_BYTES } from './text.ts'

/** What is sent as a body. */
export type Body = Uint8Array | string

const NOT_ASCII = /[\u0080-\uffff]/
const CRLF = '\r\n'

/** http.bufferBeforeChunkingSize: a longer answer goes out chunked, as its handler may not have ended. */
const UNCHUNKED_MAX = 2048

export interface RequestFields {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly host: string
  /** '' = the field is left out. */
  readonly userAgent: string
  readonly headers: HeaderList
  readonly body: Body
}

/** A request as Go's client writes it. */
export function encodeRequest(request: RequestFields): Uint8Array {
  const { method, target, host, userAgent, headers, body } = request
  let head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`
  if (userAgent !== '') head += `User-Agent: ${userAgent}\r\n`
  const length = lengthOf(body)
  // Go tells the length of nothing only where a body is usual.
  if (length > 0 || method === 'POST' || method === 'PUT' || method === 'PATCH') {
    head += `Content-Length: ${length}\r\n`
  }
  head += fieldLines(headers)
  head += 'Accept-Encoding: gzip\r\n\r\n'
  return joined(head, body)
}

export interface ResponseFields {
  readonly status: number
  /** HTTP date; null = the field is left out. */
  readonly date: string | null
  readonly headers: HeaderList
  /** Whether the connection ends with this. */
  readonly isLast: boolean
}

/** An answer whose body is known, as Go's server writes it. */
export function encodeResponse(response: ResponseFields, text: Body, isHead = false): Uint8Array {
  const body = typeof text === 'string' && text.length > UNCHUNKED_MAX ? longContent(text) : text
  const length = lengthOf(body)
  const hasLength = response.headers.some(isLength)
  if (length > UNCHUNKED_MAX && !hasLength && !isHead) {
    return joined(`${chunkedHead(response)}${length.toString(16)}${CRLF}`, body, '\r\n0\r\n\r\n')
  }
  const { status, headers } = response
  const isBodiless = status === 204 || status === 304 || status < 200
  let head = statusLine(status) + fieldLines(headers) + dateLine(response.date)
  if (!hasLength && !isBodiless) head += `Content-Length: ${length}\r\n`
  if (response.isLast) head += 'Connection: close\r\n'
  return joined(head + CRLF, isHead || isBodiless ? '' : body)
}

/** The head of an answer that comes in chunks. */
export function chunkedHead(response: ResponseFields): string {
  const { status, headers, date, isLast } = response
  const close = isLast ? 'Connection: close\r\n' : ''
  const fields = fieldLines(headers) + dateLine(date) + close
  return `${statusLine(status)}${fields}Transfer-Encoding: chunked\r\n\r\n`
}

export const LAST_CHUNK: Uint8Array = bytesOf('0\r\n\r\n')

/** The last text that went out as a chunk: many streams are often told the same. */
let last: { readonly text: string; readonly bytes: Uint8Array } = { text: '', bytes: NO_BYTES }

export function encodeChunk(body: Body): Uint8Array {
  if (typeof body === 'string' && body === last.text) return last.bytes
  const bytes = joined(lengthOf(body).toString(16) + CRLF, body, CRLF)
  if (typeof body === 'string') last = { text: body, bytes }
  return bytes
}

const LENGTH_NAME = 'content-length'

function isLength([name]: HeaderList[number]): boolean {
  return name.length === LENGTH_NAME.length && name.toLowerCase() === LENGTH_NAME
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${reasonOf(status)}\r\n`
}

function dateLine(date: string | null): string {
  return date === null ? '' : `Date: ${date}\r\n`
}

function fieldLines(headers: HeaderList): string {
  let lines = ''
  for (const [name, value] of headers) lines += `${name}: ${value}\r\n`
  return lines
}

function lengthOf(body: Body): number {
  return typeof body === 'string' && !NOT_ASCII.test(body) ? body.length : contentOf(body).length
}

/** The last long text that was an answer: after a change many clients read the same. */
let lastLong = last

function longContent(text: string): Uint8Array {
  if (text !== lastLong.text) lastLong = { text, bytes: bytesOf(text) }
  return lastLong.bytes
}

function contentOf(body: Body): Uint8Array {
  return typeof body === 'string' ? bytesOf(body) : body
}

/** Text is encoded as one with its head: most messages are, and that costs the least. */
function joined(head: string, body: Body, tail = ''): Uint8Array {
  if (typeof body === 'string') return bytesOf(head + body + tail)
  return concatBytes([bytesOf(head), body, bytesOf(tail)])
}
