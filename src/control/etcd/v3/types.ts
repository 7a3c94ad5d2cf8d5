/**
 * etcd v3's requests and responses (etcdserverpb/rpc.proto of 3.4) as plain JSON values.
 *
 * Keys and values are binary strings: one character from U+0000 to U+00FF a byte, so that strings
 * compare as bytes do. Revisions are numbers; lease and member ids are decimal strings, since they
 * use all 64 bits.
 */
import type { RpcError } from './errors.ts'

export interface KeyValue {
  readonly key: string
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly value: string
  readonly lease: string
}

export const NO_LEASE = '0'

/** An empty `rangeEnd` is the one key; "\0" is all keys from `key` on. */
export interface KeyRange {
  readonly key: string
  readonly rangeEnd: string
}

export interface RangeRequest extends KeyRange {
  readonly limit: number
  readonly revision: number
  readonly sortOrder: string
  readonly sortTarget: string
  readonly serializable: boolean
  readonly keysOnly: boolean
  readonly countOnly: boolean
  readonly minModRevision: number
  readonly maxModRevision: number
  readonly minCreateRevision: number
  readonly maxCreateRevision: number
}

export interface PutRequest {
  readonly key: string
  readonly value: string
  readonly lease: string
  readonly prevKv: boolean
  readonly ignoreValue: boolean
  readonly ignoreLease: boolean
}

export interface DeleteRangeRequest extends KeyRange {
  readonly prevKv: boolean
}

/** The value compared with is the field that `target` names. */
export interface Compare extends KeyRange {
  readonly result: string
  readonly target: string
  readonly version: number
  readonly createRevision: number
  readonly modRevision: number
  readonly value: string
  readonly lease: string
}

export interface RequestOp {
  readonly requestRange?: RangeRequest
  readonly requestPut?: PutRequest
  readonly requestDeleteRange?: DeleteRangeRequest
  readonly requestTxn?: TxnRequest
}

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface CompactionRequest {
  readonly revision: number
}

export interface LeaseGrantRequest {
  readonly id: string
  /** Seconds. */
  readonly ttl: number
}

export interface LeaseRevokeRequest {
  readonly id: string
}

export interface AlarmRequest {
  readonly action: string
  readonly memberId: string
  readonly alarm: string
}

export interface WatchCreateRequest extends KeyRange {
  readonly startRevision: number
  readonly progressNotify: boolean
  readonly filters: readonly string[]
  readonly prevKv: boolean
  readonly watchId: string
}

export interface WatchRequest {
  readonly createRequest?: WatchCreateRequest
  readonly cancelRequest?: { readonly watchId: string }
  readonly progressRequest?: Readonly<Record<string, never>>
}

/** What goes through the log: raft's entries are these values. */
export type Command =
  | { readonly type: 'put'; readonly request: PutRequest }
  | { readonly type: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: TxnRequest }
  | { readonly type: 'compaction'; readonly request: CompactionRequest }
  | { readonly type: 'leaseGrant'; readonly request: LeaseGrantRequest }
  | { readonly type: 'leaseRevoke'; readonly request: LeaseRevokeRequest }
  | { readonly type: 'alarm'; readonly request: AlarmRequest }

/** The ids and the term are the member's own; operations inside a txn carry the revision only. */
export interface Header {
  readonly clusterId?: string
  readonly memberId?: string
  readonly revision?: number
  readonly raftTerm?: number
}

export interface RangeResponse {
  readonly header: Header
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: number
}

export interface PutResponse {
  readonly header: Header
  readonly prevKv?: KeyValue
}

export interface DeleteRangeResponse {
  readonly header: Header
  readonly deleted: number
  readonly prevKvs: readonly KeyValue[]
}

export interface ResponseOp {
  readonly responseRange?: RangeResponse
  readonly responsePut?: PutResponse
  readonly responseDeleteRange?: DeleteRangeResponse
  readonly responseTxn?: TxnResponse
}

export interface TxnResponse {
  readonly header: Header
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

export interface LeaseGrantResponse {
  readonly header: Header
  readonly id: string
  readonly ttl: number
}

export interface HeaderOnly {
  readonly header: Header
}

export interface AlarmMember {
  readonly memberId: string
  readonly alarm: string
}

export interface AlarmResponse {
  readonly alarms: readonly AlarmMember[]
}

export type Response =
  | RangeResponse
  | PutResponse
  | DeleteRangeResponse
  | TxnResponse
  | LeaseGrantResponse
  | HeaderOnly
  | AlarmResponse

/** A plain JSON value, the same on every member that applied the same log. */
export type ApplyResult =
  | { readonly error: RpcError }
  | { readonly error?: never; readonly response: Response }

export interface WatchEvent {
  readonly type: 'PUT' | 'DELETE'
  /** Of a deletion only the key and the revision. */
  readonly kv: KeyValue
  readonly prevKv?: KeyValue
}
