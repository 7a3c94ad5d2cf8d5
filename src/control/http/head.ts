import { Headers } from './headers.ts'

/** How long the body is, in bytes, or what tells its end (RFC 9112 6.3). */
export type Framing = number | 'chunked' | 'until-close'

interface Head {
  readonly headers: Headers
  readonly framing: Framing
  /** Whether another message may follow on the connection. */
  readonly keepAlive: boolean
}

export interface RequestHead extends Head {
  readonly method: string
  /** Path and query as they were sent. */
  readonly target: string
}

export interface ResponseHead extends Head {
  readonly status: number
  readonly reason: string
}

/** Why a head was refused, in the words of Go's net/http. */
export class MalformedHead {
  readonly status: 400 | 413 | 431 | 505
  readonly text: string

  constructor(text: string, status: 400 | 413 | 431 | 505 = 400) {
    this.text = text
    this.status = status
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const DIGITS = /^\d{1,15}$/
const REQUEST_LINE = /^(\S+) (\S+) HTTP\/(\d\.\d)$/
const STATUS_LINE = /^HTTP\/(\d)\.(\d) (\d{3})(?: (.*))?$/

/** Heads come again and again, word for word; those that were parsed are kept, up to a number and a length. */
const KNOWN_MAX = 1024
const KNOWN_LENGTH_MAX = 1024

class KnownHeads<T extends Head> {
  private readonly heads = new Map<string, T>()
  private readonly parse: (text: string) => T | MalformedHead

  constructor(parse: (text: string) => T | MalformedHead) {
    this.parse = parse
  }

  headOf(text: string): T | MalformedHead {
    const known = this.heads.get(text)
    if (known !== undefined) return known
    const head = this.parse(text)
    if (head instanceof MalformedHead || text.length > KNOWN_LENGTH_MAX) return head
    if (this.heads.size === KNOWN_MAX) this.heads.clear()
    this.heads.set(text, head)
    return head
  }
}

const REQUESTS = new KnownHeads(requestHeadOf)
const RESPONSES = new KnownHeads((text) => responseHeadOf(text, false))

/** HTTP/1.1 only. @param text lines of the head, without the empty one. */
export function parseRequestHead(text: string): RequestHead | MalformedHead {
  return REQUESTS.headOf(text)
}

/** @param isBodiless of the answer to a HEAD request: it tells a length, and no body follows. */
export function parseResponseHead(text: string, isBodiless: boolean): ResponseHead | MalformedHead {
  return isBodiless ? responseHeadOf(text, true) : RESPONSES.headOf(text)
}

function requestHeadOf(text: string): RequestHead | MalformedHead {
  const lines = text.split('\n')
  const line = REQUEST_LINE.exec(trimEnd(lines[0]!))
  if (line === null || !TOKEN.test(line[1]!)) return new MalformedHead('malformed HTTP request')
  if (line[3] !== '1.1') return new MalformedHead('unsupported protocol version', 505)
  const fields = parseFields(lines)
  if (fields instanceof MalformedHead) return fields
  const { headers, framing, keepAlive } = fields
  if (headers.get('host') === undefined) return new MalformedHead('missing required Host header')
  const [, method, target] = line
  return {
    method: method!,
    target: target!,
    headers,
    framing: framing ?? 0,
    keepAlive: keepAlive ?? true,
  }
}

function responseHeadOf(text: string, isBodiless: boolean): ResponseHead | MalformedHead {
  const lines = text.split('\n')
  const line = STATUS_LINE.exec(trimEnd(lines[0]!))
  if (line === null || line[1] !== '1') return new MalformedHead('malformed HTTP response')
  const status = Number(line[3])
  const fields = parseFields(lines)
  if (fields instanceof MalformedHead) return fields
  const hasNone = isBodiless || status < 200 || status === 204 || status === 304
  const framing = hasNone ? 0 : (fields.framing ?? 'until-close')
  const keepAlive = (fields.keepAlive ?? line[2] !== '0') && framing !== 'until-close'
  return { status, reason: line[4] ?? '', headers: fields.headers, framing, keepAlive }
}

interface Fields {
  readonly headers: Headers
  /** null when the head does not say. */
  framing: number | 'chunked' | null
  keepAlive: boolean | null
}

function parseFields(lines: readonly string[]): Fields | MalformedHead {
  const fields: Fields = { headers: new Headers(), framing: null, keepAlive: null }
  for (let i = 1; i < lines.length; i++) {
    const line = trimEnd(lines[i]!)
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    if (!TOKEN.test(name)) return new MalformedHead('malformed MIME header line')
    const value = line.slice(colon + 1).trim()
    fields.headers.add(name, value)
    const error = noteField(fields, name, value)
    if (error !== null) return error
  }
  return fields
}

/** What concerns the framing of the message and the connection. */
function noteField(fields: Fields, name: string, value: string): MalformedHead | null {
  if (name === 'content-length') {
    const length = Number(value)
    const isOther = typeof fields.framing === 'number' && fields.framing !== length
    if (!DIGITS.test(value) || isOther) return new MalformedHead('bad Content-Length')
    fields.framing ??= length
  } else if (name === 'transfer-encoding') {
    if (value.toLowerCase() !== 'chunked') return new MalformedHead('unsupported transfer encoding')
    fields.framing = 'chunked'
  } else if (name === 'connection') {
    const option = value.toLowerCase()
    if (option === 'close') fields.keepAlive = false
    if (option === 'keep-alive') fields.keepAlive ??= true
  }
  return null
}

function trimEnd(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
