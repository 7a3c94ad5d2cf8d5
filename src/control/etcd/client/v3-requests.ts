/** Requests of the v3 client as the gateway reads them. */
import { type Json, toBase64 } from './v3-messages.ts'

export interface V3GetOptions {
  /** All keys that begin with the key. */
  readonly isPrefix?: boolean
  /** 0 = all. */
  readonly limit?: number
  /** 0 = the newest. */
  readonly revision?: number
  /** From the member's own state, which may be old. */
  readonly serializable?: boolean
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
}

export interface V3PutOptions {
  readonly lease?: string
  readonly prevKv?: boolean
}

export interface V3DeleteOptions {
  readonly isPrefix?: boolean
  readonly prevKv?: boolean
}

/** Compares a field of a key; of a key that is not there all are 0 or empty. */
export interface V3Compare {
  readonly key: string
  readonly result: 'EQUAL' | 'GREATER' | 'LESS' | 'NOT_EQUAL'
  readonly target: 'VERSION' | 'CREATE' | 'MOD' | 'VALUE' | 'LEASE'
  readonly value: string | number
}

export type V3Operation =
  | { readonly get: string; readonly options?: V3GetOptions }
  | { readonly put: string; readonly value: string; readonly options?: V3PutOptions }
  | { readonly delete: string; readonly options?: V3DeleteOptions }

/**
 * The end of the range of all keys with a prefix (clientv3.GetPrefixRangeEnd): the prefix with its last byte
 * one more. @returns base64.
 */
function prefixEnd(prefix: string): string {
  const last = prefix.length - 1
  const code = prefix.charCodeAt(last)
  if (!(code < 0x7f)) throw new RangeError(`a prefix must end with an ASCII character: ${prefix}`)
  return toBase64(prefix.slice(0, last) + String.fromCharCode(code + 1))
}

/** What stands for its default is left out, as protobuf does. */
function withoutDefaults(fields: Json): Json {
  const isSet = ([, value]: readonly [string, unknown]) =>
    value !== undefined && value !== false && value !== 0 && value !== ''
  return Object.fromEntries(Object.entries(fields).filter(isSet))
}

function rangeOf(key: string, isPrefix = false): Json {
  return { key: toBase64(key), range_end: isPrefix ? prefixEnd(key) : '' }
}

export function getRequest(key: string, options: V3GetOptions = {}): Json {
  return withoutDefaults({
    ...rangeOf(key, options.isPrefix),
    limit: options.limit,
    revision: options.revision,
    serializable: options.serializable,
    keys_only: options.keysOnly,
    count_only: options.countOnly,
  })
}

export function putRequest(key: string, value: string, options: V3PutOptions = {}): Json {
  const { lease, prevKv } = options
  return withoutDefaults({
    key: toBase64(key),
    value: toBase64(value),
    lease,
    prev_kv: prevKv,
  })
}

export function deleteRequest(key: string, options: V3DeleteOptions = {}): Json {
  return withoutDefaults({ ...rangeOf(key, options.isPrefix), prev_kv: options.prevKv })
}

const COMPARED = {
  VERSION: 'version',
  CREATE: 'create_revision',
  MOD: 'mod_revision',
  VALUE: 'value',
  LEASE: 'lease',
} as const

function compareRequest({ key, result, target, value }: V3Compare): Json {
  const compared = target === 'VALUE' ? toBase64(String(value)) : String(value)
  return { key: toBase64(key), result, target, [COMPARED[target]]: compared }
}

function operationRequest(operation: V3Operation): Json {
  if ('get' in operation) return { request_range: getRequest(operation.get, operation.options) }
  if ('put' in operation) {
    return { request_put: putRequest(operation.put, operation.value, operation.options) }
  }
  return { request_delete_range: deleteRequest(operation.delete, operation.options) }
}

export function txnRequest(
  compare: readonly V3Compare[],
  success: readonly V3Operation[],
  failure: readonly V3Operation[],
): Json {
  return {
    compare: compare.map(compareRequest),
    success: success.map(operationRequest),
    failure: failure.map(operationRequest),
  }
}

export interface V3WatchOptions {
  readonly isPrefix?: boolean
  /** The first revision to be told of; 0 = from now on. */
  readonly revision?: number
  readonly prevKv?: boolean
  readonly progressNotify?: boolean
}

export function watchRequest(key: string, options: V3WatchOptions, revision: number): Json {
  const create = withoutDefaults({
    ...rangeOf(key, options.isPrefix),
    start_revision: revision,
    prev_kv: options.prevKv,
    progress_notify: options.progressNotify,
  })
  return { create_request: create }
}
