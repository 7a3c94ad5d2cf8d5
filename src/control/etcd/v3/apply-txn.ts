/** Transactions (etcdserver/apply.go of etcd 3.4). */
import { RPC_ERRORS, type RpcError } from './errors.ts'
import { compareStrings, type Lessor } from './lessor.ts'
import type { MvccStore } from './mvcc-store.ts'
import { readRange } from './read.ts'
import {
  type Compare,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type KeyValue,
  NO_LEASE,
  type PutRequest,
  type PutResponse,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from './types.ts'
import type { WriteTxn } from './write-txn.ts'

const ABSENT: KeyValue = {
  key: '',
  createRevision: 0,
  modRevision: 0,
  version: 0,
  value: '',
  lease: NO_LEASE,
}

/**
 * Which branch each transaction takes, decided before anything is changed: comparisons of nested
 * transactions see the state before the whole.
 */
export interface TxnPath {
  readonly succeeded: boolean
  readonly ops: readonly RequestOp[]
  /** One for each operation; undefined for those that are no transaction. */
  readonly nested: readonly (TxnPath | undefined)[]
}

export function pathOf(store: MvccStore, request: TxnRequest): TxnPath {
  const succeeded = request.compare.every((compare) => holds(store, compare))
  const ops = succeeded ? request.success : request.failure
  const nested = ops.map(({ requestTxn }) =>
    requestTxn === undefined ? undefined : pathOf(store, requestTxn),
  )
  return { succeeded, ops, nested }
}

/** Must hold of every key of the range; of no key, as if one were there with zeros, except values. */
function holds(store: MvccStore, compare: Compare): boolean {
  const found = store.range(compare, store.revision)
  if (found.length > 0) return found.every((kv) => agrees(kv, compare))
  return compare.target !== 'VALUE' && agrees(ABSENT, compare)
}

function agrees(kv: KeyValue, compare: Compare): boolean {
  const difference = differenceOf(kv, compare)
  switch (compare.result) {
    case 'EQUAL':
      return difference === 0
    case 'NOT_EQUAL':
      return difference !== 0
    case 'GREATER':
      return difference > 0
    case 'LESS':
      return difference < 0
    default:
      // etcd takes an unknown relation for true.
      return true
  }
}

function differenceOf(kv: KeyValue, compare: Compare): number {
  switch (compare.target) {
    case 'VALUE':
      return compareStrings(kv.value, compare.value)
    case 'CREATE':
      return kv.createRevision - compare.createRevision
    case 'MOD':
      return kv.modRevision - compare.modRevision
    case 'VERSION':
      return kv.version - compare.version
    case 'LEASE': {
      const difference = BigInt(kv.lease) - BigInt(compare.lease)
      return difference === 0n ? 0 : difference < 0n ? -1 : 1
    }
    default:
      return 0
  }
}

/** Whether all operations can be done: a transaction is done as a whole or not at all. */
export function checkPath(store: MvccStore, lessor: Lessor, path: TxnPath): RpcError | undefined {
  const puts = firstError(path, ({ requestPut }) =>
    requestPut === undefined ? undefined : putError(store, lessor, requestPut),
  )
  return puts ?? firstError(path, (op) => rangeError(store, op))
}

function firstError(
  path: TxnPath,
  check: (op: RequestOp) => RpcError | undefined,
): RpcError | undefined {
  for (let i = 0; i < path.ops.length; i++) {
    const nested = path.nested[i]
    const error = nested === undefined ? check(path.ops[i]!) : firstError(nested, check)
    if (error !== undefined) return error
  }
  return undefined
}

function putError(store: MvccStore, lessor: Lessor, put: PutRequest): RpcError | undefined {
  const needsKey = put.ignoreValue || put.ignoreLease
  if (needsKey && store.get(put.key, store.revision) === undefined) return RPC_ERRORS.keyNotFound
  if (put.lease !== NO_LEASE && !lessor.has(put.lease)) return RPC_ERRORS.leaseNotFound
  return undefined
}

function rangeError(store: MvccStore, { requestRange }: RequestOp): RpcError | undefined {
  const revision = requestRange?.revision ?? 0
  if (revision === 0) return undefined
  if (revision > store.revision) return RPC_ERRORS.futureRevision
  return revision < store.compactRevision ? RPC_ERRORS.compacted : undefined
}

/** Does what `checkPath` found possible. Nested transactions' headers stay empty, as etcd's do. */
export function runPath(store: MvccStore, txn: WriteTxn, path: TxnPath): TxnResponse {
  const responses = path.ops.map((op, i): ResponseOp => {
    const nested = path.nested[i]
    if (nested !== undefined) return { responseTxn: runPath(store, txn, nested) }
    if (op.requestPut !== undefined) return { responsePut: runPut(store, txn, op.requestPut) }
    if (op.requestDeleteRange !== undefined) {
      return { responseDeleteRange: runDelete(store, txn, op.requestDeleteRange) }
    }
    const responseRange = readRange(store, op.requestRange!, txn.revision)
    if ('code' in responseRange) throw new Error(`a checked range fails: ${responseRange.message}`)
    return { responseRange }
  })
  return { header: {}, succeeded: path.succeeded, responses }
}

/** The key that `ignoreValue` and `ignoreLease` need must be there. */
export function runPut(store: MvccStore, txn: WriteTxn, put: PutRequest): PutResponse {
  const before = store.get(put.key, txn.revision)
  const value = put.ignoreValue ? before!.value : put.value
  txn.put(put.key, value, put.ignoreLease ? before!.lease : put.lease)
  const header = { revision: txn.revision }
  return put.prevKv && before !== undefined ? { header, prevKv: before } : { header }
}

export function runDelete(
  store: MvccStore,
  txn: WriteTxn,
  request: DeleteRangeRequest,
): DeleteRangeResponse {
  const prevKvs = request.prevKv ? store.range(request, txn.revision) : []
  const deleted = txn.deleteRange(request)
  return { header: { revision: txn.revision }, deleted, prevKvs }
}
