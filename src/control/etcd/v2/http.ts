/** What the API takes from HTTP, and the answers that Go's server gives by itself. */
import type { HeaderList } from '../../http/headers.ts'
import { escapeProblem, Form, unescapePercent } from './form.ts'

export interface HttpRequest {
  readonly method: string
  /** Path and query as they were sent. */
  readonly target: string
  readonly contentType?: string
  readonly body: string
}

export interface V2Answer {
  readonly status: number
  /** In the order in which Go writes them; Date and Content-Length are the server's. */
  readonly headers: HeaderList
  /** Of the answer to a HEAD too: the server leaves it out. */
  readonly body: string
}

/** On every answer of etcd 3.4: by default it allows all origins. */
const CORS: HeaderList = [
  ['Access-Control-Allow-Headers', 'accept, content-type, authorization'],
  ['Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE'],
  ['Access-Control-Allow-Origin', '*'],
]

export const JSON_TYPE = ['Content-Type', 'application/json'] as const
export const TEXT_TYPE = ['Content-Type', 'text/plain; charset=utf-8'] as const
const NO_SNIFFING = ['X-Content-Type-Options', 'nosniff'] as const

export function answer(status: number, headers: HeaderList, body: string): V2Answer {
  return { status, headers: [...CORS, ...headers], body }
}

export function plainError(status: number, text: string, headers: HeaderList = []): V2Answer {
  return answer(status, [...headers, TEXT_TYPE, NO_SNIFFING], `${text}\n`)
}

export function methodNotAllowed(allowed: string): V2Answer {
  return plainError(405, 'Method Not Allowed', [['Allow', allowed]])
}

export function notFound(): V2Answer {
  return plainError(404, '404 page not found')
}

export interface Target {
  readonly path: string
  readonly query: string
}

/** The path unescaped, or the answer to a request that gets no further. */
export function readTarget(request: HttpRequest): Target | V2Answer {
  const { method, target } = request
  const mark = target.indexOf('?')
  const raw = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark + 1)
  if (escapeProblem(raw) !== null) {
    // Refused before etcd sees it, hence without its headers.
    return { status: 400, headers: [TEXT_TYPE, ['Connection', 'close']], body: '400 Bad Request' }
  }
  if (method === 'OPTIONS') return answer(200, [], '')
  const path = unescapePercent(raw)
  const clean = cleanPath(path)
  return clean === path ? { path, query } : redirect(method, clean, query)
}

/** Without doubled slashes, `.` and `..`; a trailing slash stays. */
function cleanPath(path: string): string {
  const kept: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') kept.pop()
    else if (part !== '' && part !== '.') kept.push(part)
  }
  const clean = `/${kept.join('/')}`
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

function redirect(method: string, path: string, query: string): V2Answer {
  const url = query === '' ? escapePath(path) : `${escapePath(path)}?${query}`
  const location = ['Location', url] as const
  if (method !== 'GET' && method !== 'HEAD') return answer(301, [location], '')
  const page = `<a href="${escapeHtml(url)}">Moved Permanently</a>.\n\n`
  const headers = [['Content-Type', 'text/html; charset=utf-8'], location] as const
  return answer(301, headers, method === 'GET' ? page : '')
}

/** Go leaves `$&+,/:;=@` in a path and escapes `!'()*`, encodeURIComponent the other way round. */
function escapePath(path: string): string {
  return encodeURIComponent(path)
    .replace(/%(?:24|26|2B|2C|2F|3A|3B|3D|40)/g, decodeURIComponent)
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
}

/** The fields of body and query; only PUT and POST have a body that counts. */
export function formOf(request: HttpRequest, query: string): Form {
  const { method, contentType = '', body } = request
  const mediaType = contentType.split(';')[0]!.trim().toLowerCase()
  const isForm = mediaType === 'application/x-www-form-urlencoded'
  return new Form((method === 'PUT' || method === 'POST') && isForm ? body : null, query)
}
