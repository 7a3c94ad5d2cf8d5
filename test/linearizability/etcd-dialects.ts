import { CLIENT_PORT } from '../../src/control/etcd/settings.ts'
import type { HttpResponse } from '../../src/control/http/client.ts'
import { textOf } from '../../src/control/http/text.ts'
import { type Dialect, NOT_FOUND, type Question } from './dialect.ts'
import type { Answer, Request, Seen } from './history.ts'

type Json = { readonly [name: string]: Json | undefined } & { readonly length?: number }

const base64 = (text: string): string => Buffer.from(text).toString('base64')

function post(path: string, body: unknown): Question {
  return { method: 'POST', path, body: JSON.stringify(body), contentType: 'application/json' }
}

function bodyOf({ status, body }: HttpResponse): Json {
  const text = textOf(body)
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new Error(`answer ${status} is no JSON: ${text}`)
  }
}

const numberAt = (json: Json | undefined): number => Number(json ?? 0)

/** etcd v3's gateway. `serializable` reads may be stale. */
export function v3Dialect(serializable = false): Dialect {
  return {
    port: CLIENT_PORT,
    comparesValues: true,
    ask: (key, request) => askV3(base64(key), request, serializable),
    answer: (request, response) => {
      if (response.status === 503) return null
      const json = bodyOf(response)
      if (response.status !== 200) throw new Error(JSON.stringify(json))
      return answerV3(request, json)
    },
  }
}

function askV3(key: string, request: Request, serializable: boolean): Question {
  switch (request.kind) {
    case 'get':
      return post('/v3/kv/range', serializable ? { key, serializable } : { key })
    case 'put':
      return post('/v3/kv/put', { key, value: base64(request.value) })
    case 'delete':
      return post('/v3/kv/deleterange', { key })
    case 'cas': {
      const { expected } = request
      const target =
        'value' in expected
          ? { target: 'VALUE', value: base64(expected.value) }
          : { target: 'MOD', mod_revision: `${expected.revision}` }
      return post('/v3/kv/txn', {
        compare: [{ key, result: 'EQUAL', ...target }],
        success: [{ request_put: { key, value: base64(request.value) } }],
        failure: [{ request_range: { key } }],
      })
    }
  }
}

function answerV3({ kind }: Request, json: Json): Answer {
  const storeRevision = numberAt(json['header']?.['revision'])
  const told = { isDone: null, seen: null, revision: null, storeRevision }
  switch (kind) {
    case 'get':
      return { ...told, seen: seenV3(json) }
    case 'put':
      return { ...told, revision: storeRevision }
    case 'delete': {
      const isDone = numberAt(json['deleted']) > 0
      return { ...told, isDone, revision: isDone ? storeRevision : null }
    }
    case 'cas': {
      if (json['succeeded'] !== undefined) return { ...told, isDone: true, revision: storeRevision }
      const range = json['responses']?.['0']?.['response_range']
      return { ...told, isDone: false, seen: seenV3(range!) }
    }
  }
}

function seenV3(range: Json): Seen {
  const kv = range['kvs']?.['0']
  if (kv === undefined) return NOT_FOUND
  const value = Buffer.from(String(kv['value']), 'base64').toString()
  return { value, revision: numberAt(kv['mod_revision']) }
}

/** etcd v2's keys. Reads without `quorum` may be stale. */
export function v2Dialect(quorum: boolean): Dialect {
  return {
    port: CLIENT_PORT,
    comparesValues: true,
    ask: (key, request) => askV2(`/v2/keys/${key}`, request, quorum),
    answer: answerV2,
  }
}

function askV2(path: string, request: Request, quorum: boolean): Question {
  const contentType = 'application/x-www-form-urlencoded'
  switch (request.kind) {
    case 'get':
      return { method: 'GET', path: quorum ? `${path}?quorum=true` : path, body: '', contentType }
    case 'put':
      return { method: 'PUT', path, body: `value=${request.value}`, contentType }
    case 'delete':
      return { method: 'DELETE', path, body: '', contentType }
    case 'cas': {
      const { expected, value } = request
      const condition =
        'value' in expected
          ? `prevValue=${expected.value}`
          : expected.revision === 0
            ? 'prevExist=false'
            : `prevIndex=${expected.revision}`
      return { method: 'PUT', path, body: `value=${value}&${condition}`, contentType }
    }
  }
}

function answerV2({ kind }: Request, response: HttpResponse): Answer | null {
  const { status, headers } = response
  if (status >= 500) return null
  const json = bodyOf(response)
  const code = numberAt(json['errorCode'])
  const storeRevision = Number(headers.get('x-etcd-index'))
  const told = { isDone: null, seen: null, revision: null, storeRevision }
  // Key not found, compare failed, key exists.
  if (code === 100 && kind === 'get') return { ...told, seen: NOT_FOUND }
  if (code === 100 && kind === 'cas') return { ...told, isDone: false, seen: NOT_FOUND }
  if (code === 100 || code === 101 || code === 105) return { ...told, isDone: false }
  if (status !== 200 && status !== 201) throw new Error(`${status}: ${JSON.stringify(json)}`)
  const revision = numberAt(json['node']?.['modifiedIndex'])
  if (kind === 'get') return { ...told, seen: { value: String(json['node']?.['value']), revision } }
  return { ...told, isDone: true, revision }
}
