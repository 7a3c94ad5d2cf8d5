/** The backend's quota (etcdserver/quota.go of etcd 3.4): a rough cost, checked against the file's size. */
import type { PutRequest, RequestOp, TxnRequest } from './types.ts'

export const DEFAULT_QUOTA_BYTES = 2 * 1024 * 1024 * 1024
export const LEASE_COST_BYTES = 64
const PUT_OVERHEAD_BYTES = 256

export function putCost(request: PutRequest): number {
  return PUT_OVERHEAD_BYTES + request.key.length + request.value.length
}

/** The dearer branch; puts of nested transactions are not counted. */
export function txnCost(request: TxnRequest): number {
  return Math.max(opsCost(request.success), opsCost(request.failure))
}

function opsCost(ops: readonly RequestOp[]): number {
  let cost = 0
  for (const { requestPut } of ops) if (requestPut !== undefined) cost += putCost(requestPut)
  return cost
}

/** Besides keys and values: an entry's header and the fields' tags and lengths. */
const ENTRY_OVERHEAD_BYTES = 24
const FIELD_OVERHEAD_BYTES = 8

/** About how long a request is as an entry of the log, in bytes. */
export function putBytes(request: PutRequest): number {
  return ENTRY_OVERHEAD_BYTES + request.key.length + request.value.length + FIELD_OVERHEAD_BYTES
}

export function txnBytes(request: TxnRequest): number {
  let bytes = ENTRY_OVERHEAD_BYTES
  for (const { key, rangeEnd, value } of request.compare) {
    bytes += FIELD_OVERHEAD_BYTES + key.length + rangeEnd.length + value.length
  }
  for (const op of [...request.success, ...request.failure]) bytes += opBytes(op)
  return bytes
}

function opBytes(op: RequestOp): number {
  if (op.requestPut !== undefined) return putBytes(op.requestPut)
  if (op.requestTxn !== undefined) return txnBytes(op.requestTxn)
  const range = op.requestRange ?? op.requestDeleteRange
  return FIELD_OVERHEAD_BYTES + (range?.key.length ?? 0) + (range?.rangeEnd.length ?? 0)
}
