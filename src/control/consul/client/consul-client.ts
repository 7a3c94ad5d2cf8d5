import type { Process } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import { formatIpv4 } from '../../../wire/ipv4-address.ts'
import type { StoreAddress } from '../../cluster/store.ts'
import { HttpClient, type HttpResponse } from '../../http/client.ts'
import type { Body } from '../../http/encode.ts'
import { HttpError } from '../../http/http-error.ts'
import { encodeQuery, escapePath } from '../../http/query.ts'
import { textOf } from '../../http/text.ts'
import type { Program } from '../../program/program.ts'
import { fromBase64 } from '../http/bytes.ts'

export interface ConsulClientOptions {
  /** Of an agent: there is one, and no other is tried. */
  readonly agent: StoreAddress
  /** How long blocking queries wait unless they say, picoseconds. Default: the server's own. */
  readonly waitTime?: number
}

export interface ConsulQuery {
  readonly consistency?: 'default' | 'consistent' | 'stale'
  /** Waits until the index is greater; 0 = does not wait. */
  readonly index?: number
  /** Picoseconds. */
  readonly wait?: number
}

export interface ConsulPair {
  readonly key: string
  readonly value: string
  /** A decimal string, of 64 bits. */
  readonly flags: string
  readonly createIndex: number
  readonly modifyIndex: number
  readonly lockIndex: number
  /** '' = none. */
  readonly session: string
}

/** An answer with X-Consul-Index. */
export interface ConsulAnswer<T> {
  readonly value: T
  readonly index: number
}

export class ConsulError {
  /** In the words of Consul's api package. */
  readonly text: string
  /** HTTP status; 0 = there was no answer. */
  readonly status: number

  constructor(text: string, status: number) {
    this.text = text
    this.status = status
  }
}

type Parameters = Readonly<Record<string, string | number | boolean | undefined>>

/** Consul's api package, as far as it concerns keys and requests as such. No time-outs but those of TCP. */
export class ConsulClient {
  readonly program: Program
  private readonly http: HttpClient
  private readonly agent: StoreAddress
  private readonly waitTime: number

  constructor(program: Program, options: ConsulClientOptions) {
    this.program = program
    this.http = new HttpClient(program)
    this.agent = options.agent
    this.waitTime = options.waitTime ?? 0
  }

  /** @returns null for the value when there is no such key. */
  *get(
    key: string,
    query: ConsulQuery = {},
  ): Process<ConsulAnswer<ConsulPair | null> | ConsulError> {
    const answer = yield* this.read(key, {}, query)
    if (answer instanceof ConsulError) return answer
    return { value: answer.value[0] ?? null, index: answer.index }
  }

  /** All keys that begin with `prefix`. */
  *list(
    prefix: string,
    query: ConsulQuery = {},
  ): Process<ConsulAnswer<ConsulPair[]> | ConsulError> {
    return yield* this.read(prefix, { recurse: '' }, query)
  }

  private *read(
    key: string,
    parameters: Parameters,
    query: ConsulQuery,
  ): Process<ConsulAnswer<ConsulPair[]> | ConsulError> {
    const { consistency = 'default', index = 0, wait = this.waitTime } = query
    const answer = yield* this.ask('GET', `/v1/kv/${key}`, {
      ...parameters,
      [consistency]: consistency === 'default' ? undefined : '',
      index: index === 0 ? undefined : index,
      wait: milliseconds(wait),
    })
    if (answer instanceof ConsulError) return answer
    const { status } = answer
    if (status !== 200 && status !== 404) {
      return new ConsulError(`Unexpected response code: ${status}`, status)
    }
    const value = status === 404 ? [] : pairsOf(answer.text)
    if (value === null) return new ConsulError('invalid JSON', status)
    return { value, index: Number(answer.headers.get('x-consul-index') ?? 0) }
  }

  *put(key: string, value: string, flags = '0'): Process<ConsulError | null> {
    const done = yield* this.write(key, value, { flags: flagsOf(flags) })
    return done instanceof ConsulError ? done : null
  }

  /** Writes when ModifyIndex is `index`; 0 = when there is no such key. @returns whether it was done. */
  *checkAndSet(
    key: string,
    value: string,
    index: number,
    flags = '0',
  ): Process<boolean | ConsulError> {
    return yield* this.write(key, value, { flags: flagsOf(flags), cas: index })
  }

  /** Writes and locks with a session. @returns whether it was done. */
  *acquire(
    key: string,
    value: string,
    session: string,
    flags: string,
  ): Process<boolean | ConsulError> {
    return yield* this.write(key, value, { flags: flagsOf(flags), acquire: session })
  }

  *release(
    key: string,
    value: string,
    session: string,
    flags: string,
  ): Process<boolean | ConsulError> {
    return yield* this.write(key, value, { flags: flagsOf(flags), release: session })
  }

  private *write(
    key: string,
    value: string,
    parameters: Parameters,
  ): Process<boolean | ConsulError> {
    const answer = yield* this.expectOk('PUT', `/v1/kv/${key}`, parameters, value)
    return answer instanceof ConsulError ? answer : answer.text.includes('true')
  }

  /** @param index deletes only when ModifyIndex is this. @returns whether it was done. */
  *delete(key: string, index?: number): Process<boolean | ConsulError> {
    const answer = yield* this.expectOk('DELETE', `/v1/kv/${key}`, { cas: index })
    return answer instanceof ConsulError ? answer : answer.text.includes('true')
  }

  *deleteTree(prefix: string): Process<ConsulError | null> {
    const answer = yield* this.expectOk('DELETE', `/v1/kv/${prefix}`, { recurse: '' })
    return answer instanceof ConsulError ? answer : null
  }

  /** A request that only 200 answers well. */
  *expectOk(
    method: string,
    path: string,
    parameters: Parameters = {},
    body: Body = '',
  ): Process<HttpResponse | ConsulError> {
    const all = { ...parameters, wait: milliseconds(this.waitTime) }
    const answer = yield* this.ask(method, path, all, body)
    if (answer instanceof ConsulError || answer.status === 200) return answer
    const { status, text } = answer
    return new ConsulError(`Unexpected response code: ${status} (${text})`, status)
  }

  private *ask(
    method: string,
    path: string,
    parameters: Parameters,
    body: Body = '',
  ): Process<HttpResponse | ConsulError> {
    const query = encodeQuery(parameters)
    const target = escapePath(path) + (query === '' ? '' : `?${query}`)
    const answer = yield* this.http.request({ ...this.agent, method, path: target, body })
    if (!(answer instanceof HttpError)) return answer
    const verb = method[0] + method.slice(1).toLowerCase()
    const url = `http://${formatIpv4(this.agent.address)}:${this.agent.port}${target}`
    return new ConsulError(`${verb} ${url}: ${answer.text}`, 0)
  }
}

function milliseconds(duration: number): string | undefined {
  return duration === 0 ? undefined : `${Math.floor(duration / MILLISECOND)}ms`
}

function flagsOf(flags: string): string | undefined {
  return flags === '0' ? undefined : flags
}

interface RawPair {
  readonly Key: string
  readonly Value: string | null
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly LockIndex: number
  readonly Session?: string
  readonly Flags: string
}

function pairsOf(text: string): ConsulPair[] | null {
  try {
    // A flag of 64 bits would not survive JSON.parse as a number.
    const quoted = text.replace(/("Flags":)(\d+)/g, '$1"$2"')
    return (JSON.parse(quoted) as RawPair[]).map((raw) => ({
      key: raw.Key,
      value: raw.Value === null ? '' : textOf(fromBase64(raw.Value)),
      flags: raw.Flags,
      createIndex: raw.CreateIndex,
      modifyIndex: raw.ModifyIndex,
      lockIndex: raw.LockIndex,
      session: raw.Session ?? '',
    }))
  } catch {
    return null
  }
}
