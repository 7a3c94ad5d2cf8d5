/** Requests of the keys API: the checks of etcd's v2http, in its order and with its messages. */
import type { V2RequestCommand } from './command.ts'
import {
  INDEX_NOT_A_NUMBER,
  INVALID_FIELD,
  INVALID_FORM,
  PREV_VALUE_REQUIRED,
  REFRESH_WITH_VALUE,
  REFRESH_WITHOUT_TTL,
  TTL_NOT_A_NUMBER,
  V2Error,
} from './errors.ts'
import { expirationAfter } from './expiration.ts'
import type { Form } from './form.ts'

export type KeysMethod = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

export interface KeysRequest {
  readonly method: KeysMethod
  /** In the store. */
  readonly path: string
  readonly value: string
  readonly dir: boolean
  readonly recursive: boolean
  readonly sorted: boolean
  readonly quorum: boolean
  readonly wait: boolean
  readonly stream: boolean
  /** 0: from the next event on. */
  readonly waitIndex: number
  readonly prevValue: string
  readonly prevIndex: number
  readonly prevExist: boolean | null
  readonly refresh: boolean
  readonly expiration: number | null
  readonly noValueOnSuccess: boolean
}

const TRUE: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])
const UINT64_MAX = 18_446_744_073_709_551_615n

/** @param now wall clock of the member that was asked: its TTL counts from here */
export function parseKeysRequest(
  method: KeysMethod,
  path: string,
  form: Form,
  now: number,
): KeysRequest | V2Error {
  try {
    if (form.error !== null) throw new V2Error(INVALID_FORM, form.error)
    return parse(method, path, form, now)
  } catch (error) {
    if (error instanceof V2Error) return error
    throw error
  }
}

/** Throws the first V2Error: the fields are checked one after the other. */
function parse(method: KeysMethod, path: string, form: Form, now: number): KeysRequest {
  const prevIndex = indexOf(form, 'prevIndex')
  const waitIndex = indexOf(form, 'waitIndex')
  const recursive = flagOf(form, 'recursive')
  const sorted = flagOf(form, 'sorted')
  const wait = flagOf(form, 'wait')
  const dir = flagOf(form, 'dir')
  const quorum = flagOf(form, 'quorum')
  const stream = flagOf(form, 'stream')
  if (wait && method !== 'GET') {
    throw new V2Error(INVALID_FIELD, '"wait" can only be used with GET requests')
  }
  const prevValue = form.get('prevValue')
  if (form.has('prevValue') && prevValue === '') {
    throw new V2Error(PREV_VALUE_REQUIRED, '"prevValue" cannot be empty')
  }
  const noValueOnSuccess = flagOf(form, 'noValueOnSuccess')
  const expiration = expirationOf(form, now)
  const prevExist = form.has('prevExist') ? flagOf(form, 'prevExist', 'prevExist') : null
  const refresh = refreshOf(form, expiration !== null)
  // One plain literal: spread together from parts it costs ten times as much.
  return {
    method,
    path,
    value: form.get('value'),
    dir,
    recursive,
    sorted,
    quorum,
    wait,
    stream,
    waitIndex,
    prevValue,
    prevIndex,
    prevExist,
    refresh,
    expiration,
    noValueOnSuccess,
  }
}

/** @param shown its name in the error: etcd quotes most of them */
function flagOf(form: Form, name: string, shown = `"${name}"`): boolean {
  if (!form.has(name)) return false
  const text = form.get(name)
  if (TRUE.has(text)) return true
  if (FALSE.has(text)) return false
  throw new V2Error(INVALID_FIELD, `invalid value for ${shown}`)
}

function indexOf(form: Form, name: string): number {
  if (!form.has(name)) return 0
  const text = form.get(name)
  if (!isUint64(text)) throw new V2Error(INDEX_NOT_A_NUMBER, `invalid value for "${name}"`)
  return Number(text)
}

function isUint64(text: string): boolean {
  return /^[0-9]+$/.test(text) && BigInt(text) <= UINT64_MAX
}

/** An empty TTL is none. */
function expirationOf(form: Form, now: number): number | null {
  const ttl = form.get('ttl')
  if (ttl === '') return null
  if (!isUint64(ttl)) throw new V2Error(TTL_NOT_A_NUMBER, 'invalid value for "ttl"')
  return expirationAfter(ttl, now)
}

function refreshOf(form: Form, hasTtl: boolean): boolean {
  const refresh = form.has('refresh') && flagOf(form, 'refresh', 'refresh')
  if (refresh && form.get('value') !== '') {
    throw new V2Error(REFRESH_WITH_VALUE, 'A value was provided on a refresh')
  }
  if (refresh && !hasTtl) throw new V2Error(REFRESH_WITHOUT_TTL, 'No TTL value set')
  return refresh
}

/** What goes into the log: fields that say nothing are left out. */
export function commandOf(request: KeysRequest): V2RequestCommand {
  const { method, path, value, prevValue, prevIndex, prevExist, expiration } = request
  const isRead = method === 'GET' || method === 'HEAD'
  return {
    method: isRead ? 'QGET' : method,
    path,
    ...(value === '' ? {} : { val: value }),
    ...(request.dir ? { dir: true } : {}),
    ...(prevValue === '' ? {} : { prevValue }),
    ...(prevIndex === 0 ? {} : { prevIndex }),
    ...(prevExist === null ? {} : { prevExist }),
    ...(expiration === null ? {} : { expiration }),
    ...(request.refresh ? { refresh: true } : {}),
    ...(request.recursive ? { recursive: true } : {}),
    ...(request.sorted ? { sorted: true } : {}),
  }
}
