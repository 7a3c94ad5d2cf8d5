import { HTTP_PORT } from '../../src/control/consul/settings.ts'
import type { HttpResponse } from '../../src/control/http/client.ts'
import { type Dialect, NOT_FOUND, type Question } from './dialect.ts'
import type { Answer, Request } from './history.ts'

/** Consul's keys. It tells no index of a change that it made. */
export function consulDialect(mode: 'consistent' | 'default' | 'stale'): Dialect {
  const query = mode === 'default' ? '' : `?${mode}`
  return {
    port: HTTP_PORT,
    comparesValues: false,
    ask: (key, request) => ask(`/v1/kv/${key}`, request, query),
    answer,
  }
}

function ask(path: string, request: Request, query: string): Question {
  const contentType = 'application/octet-stream'
  switch (request.kind) {
    case 'get':
      return { method: 'GET', path: path + query, body: '', contentType }
    case 'put':
      return { method: 'PUT', path, body: request.value, contentType }
    case 'delete':
      return { method: 'DELETE', path, body: '', contentType }
    case 'cas': {
      const { expected, value } = request
      if (!('revision' in expected)) throw new Error('Consul compares no values')
      return { method: 'PUT', path: `${path}?cas=${expected.revision}`, body: value, contentType }
    }
  }
}

interface Entry {
  readonly Value: string
  readonly ModifyIndex: number
}

function answer({ kind }: Request, response: HttpResponse): Answer | null {
  const { status, text } = response
  if (status === 500) return null
  const told = { isDone: null, seen: null, revision: null, storeRevision: null }
  if (kind === 'get' && status === 404) return { ...told, seen: NOT_FOUND }
  if (status !== 200) throw new Error(`${status}: ${text}`)
  if (kind === 'cas') return { ...told, isDone: text.trim() === 'true' }
  if (kind !== 'get') return told
  const [entry] = JSON.parse(text) as Entry[]
  const value = Buffer.from(entry!.Value, 'base64').toString()
  return { ...told, seen: { value, revision: entry!.ModifyIndex } }
}
