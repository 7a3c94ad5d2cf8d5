/** What the v3 client hands to its user: keys and values as text. */
import { bytesOf, textOf } from '../../http/text.ts'
import { decodeBase64, encodeBase64 } from '../v3/base64.ts'

export interface V3KeyValue {
  readonly key: string
  readonly value: string
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  /** '0' = none. */
  readonly lease: string
}

export interface V3RangeResult {
  readonly revision: number
  readonly kvs: readonly V3KeyValue[]
  readonly more: boolean
  readonly count: number
}

export interface V3PutResult {
  readonly revision: number
  readonly prevKv: V3KeyValue | null
}

export interface V3DeleteResult {
  readonly revision: number
  readonly deleted: number
  readonly prevKvs: readonly V3KeyValue[]
}

export interface V3TxnResult {
  readonly revision: number
  readonly succeeded: boolean
  /** Of the operations that were done, in order. */
  readonly results: readonly (V3RangeResult | V3PutResult | V3DeleteResult)[]
}

export interface V3LeaseResult {
  readonly id: string
  /** Seconds; 0 or less = the lease is gone. */
  readonly ttl: number
}

export interface V3Event {
  readonly type: 'PUT' | 'DELETE'
  readonly kv: V3KeyValue
  readonly prevKv: V3KeyValue | null
}

/** google.golang.org/grpc/codes. */
export const CODE_DEADLINE_EXCEEDED = 4
export const CODE_OUT_OF_RANGE = 11
export const CODE_INTERNAL = 13
export const CODE_UNAVAILABLE = 14

/** Why there is no result, as a gRPC status. */
export class V3Error {
  readonly code: number
  readonly text: string
  /** Whether it may have been done all the same. */
  readonly mayBeDone: boolean
  /** Of a watch that began too early: the first revision that is still kept; else 0. */
  readonly compactRevision: number

  constructor(code: number, text: string, mayBeDone: boolean, compactRevision = 0) {
    this.code = code
    this.text = text
    this.mayBeDone = mayBeDone
    this.compactRevision = compactRevision
  }
}

/** A value as it stands in the gateway's JSON. */
export type Json = Readonly<Record<string, unknown>>

export function toBase64(text: string): string {
  const bytes = bytesOf(text)
  // Most keys and values are ASCII, whose bytes are its characters.
  if (bytes.length === text.length) return encodeBase64(text)
  return encodeBase64(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

/** Long texts that were decoded of late: after a change many clients read the same. */
const DECODED = new Map<string, string>()
const DECODED_MAX = 1024
/** Shorter ones are decoded faster than they are looked for. */
const DECODED_LENGTH = 128

function fromBase64(text: unknown): string {
  if (typeof text !== 'string') return ''
  if (text.length < DECODED_LENGTH) return decoded(text)
  const known = DECODED.get(text)
  if (known !== undefined) return known
  if (DECODED.size >= DECODED_MAX) DECODED.clear()
  const result = decoded(text)
  DECODED.set(text, result)
  return result
}

function decoded(text: string): string {
  const binary = decodeBase64(text)
  if (typeof binary !== 'string') return ''
  if (!/[\u0080-\u00ff]/.test(binary)) return binary
  return textOf(Uint8Array.from(binary, (character) => character.charCodeAt(0)))
}

/** @returns the value, or null when the text is no JSON object. */
export function parseObject(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? (value as Json | null) : null
  } catch {
    return null
  }
}

export function numberOf(value: unknown): number {
  return value === undefined ? 0 : Number(value)
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : []
}

export function revisionOf(json: Json): number {
  return numberOf((json['header'] as Json | undefined)?.['revision'])
}

function keyValueOf(json: Json): V3KeyValue {
  return {
    key: fromBase64(json['key']),
    value: fromBase64(json['value']),
    createRevision: numberOf(json['create_revision']),
    modRevision: numberOf(json['mod_revision']),
    version: numberOf(json['version']),
    lease: String(json['lease'] ?? '0'),
  }
}

function prevKvOf(json: Json): V3KeyValue | null {
  const kv = json['prev_kv'] as Json | undefined
  return kv === undefined ? null : keyValueOf(kv)
}

export function rangeResult(json: Json): V3RangeResult {
  return {
    revision: revisionOf(json),
    kvs: listOf(json['kvs']).map(keyValueOf),
    more: json['more'] === true,
    count: numberOf(json['count']),
  }
}

export function putResult(json: Json): V3PutResult {
  return { revision: revisionOf(json), prevKv: prevKvOf(json) }
}

export function deleteResult(json: Json): V3DeleteResult {
  const deleted = numberOf(json['deleted'])
  const prevKvs = listOf(json['prev_kvs']).map(keyValueOf)
  return { revision: revisionOf(json), deleted, prevKvs }
}

export function txnResult(json: Json): V3TxnResult {
  const results = listOf(json['responses']).map((each) => {
    const range = each['response_range'] as Json | undefined
    const put = each['response_put'] as Json | undefined
    if (range !== undefined) return rangeResult(range)
    return put !== undefined ? putResult(put) : deleteResult(each['response_delete_range'] as Json)
  })
  return { revision: revisionOf(json), succeeded: json['succeeded'] === true, results }
}

export function leaseResult(json: Json): V3LeaseResult {
  return { id: String(json['ID'] ?? '0'), ttl: numberOf(json['TTL']) }
}

export function eventOf(json: Json): V3Event {
  const type = json['type'] === 'DELETE' ? 'DELETE' : 'PUT'
  return { type, kv: keyValueOf(json['kv'] as Json), prevKv: prevKvOf(json) }
}
