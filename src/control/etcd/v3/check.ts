/** What is refused before it reaches the log (etcdserver/api/v3rpc/key.go of etcd 3.4). */
import { RPC_ERRORS, type RpcError } from './errors.ts'
import {
  type DeleteRangeRequest,
  NO_LEASE,
  type PutRequest,
  type RequestOp,
  type TxnRequest,
} from './types.ts'

export function checkPut(request: PutRequest): RpcError | undefined {
  if (request.key === '') return RPC_ERRORS.emptyKey
  if (request.ignoreValue && request.value !== '') return RPC_ERRORS.valueProvided
  if (request.ignoreLease && request.lease !== NO_LEASE) return RPC_ERRORS.leaseProvided
  return undefined
}

export function checkKey(request: { readonly key: string }): RpcError | undefined {
  return request.key === '' ? RPC_ERRORS.emptyKey : undefined
}

/** @param maxOps of each list; a nested transaction has what the outer one's longest list leaves. */
export function checkTxn(request: TxnRequest, maxOps: number): RpcError | undefined {
  return (
    checkOps(request, maxOps) ??
    overlapIn(request.success).error ??
    overlapIn(request.failure).error
  )
}

function checkOps(request: TxnRequest, maxOps: number): RpcError | undefined {
  const { compare, success, failure } = request
  const longest = Math.max(compare.length, success.length, failure.length)
  if (longest > maxOps) return RPC_ERRORS.tooManyOps
  if (compare.some(({ key }) => key === '')) return RPC_ERRORS.emptyKey
  for (const ops of [success, failure]) {
    for (const op of ops) {
      const error = checkOp(op, maxOps - longest)
      if (error !== undefined) return error
    }
  }
  return undefined
}

function checkOp(op: RequestOp, maxOps: number): RpcError | undefined {
  if (op.requestRange !== undefined) return checkKey(op.requestRange)
  if (op.requestPut !== undefined) return checkPut(op.requestPut)
  if (op.requestDeleteRange !== undefined) return checkKey(op.requestDeleteRange)
  if (op.requestTxn !== undefined) return checkOps(op.requestTxn, maxOps)
  return RPC_ERRORS.keyNotFound
}

interface Changes {
  readonly puts: Set<string>
  readonly deletes: DeleteRangeRequest[]
  readonly error?: RpcError
}

/** A transaction must not put a key twice, nor put and delete it. */
function overlapIn(ops: readonly RequestOp[]): Changes {
  const puts = new Set<string>()
  const deletes = ops.flatMap(({ requestDeleteRange }) => requestDeleteRange ?? [])
  const isDeleted = (key: string): boolean => deletes.some((range) => covers(range, key))
  const error = RPC_ERRORS.duplicateKey
  for (const { requestTxn } of ops) {
    if (requestTxn === undefined) continue
    const then = overlapIn(requestTxn.success)
    const otherwise = overlapIn(requestTxn.failure)
    if (then.error !== undefined || otherwise.error !== undefined) return { puts, deletes, error }
    for (const key of then.puts) {
      if (puts.has(key) || isDeleted(key)) return { puts, deletes, error }
    }
    for (const key of then.puts) puts.add(key)
    for (const key of otherwise.puts) {
      // Only one of the two branches runs: both may put it.
      if ((puts.has(key) && !then.puts.has(key)) || isDeleted(key)) return { puts, deletes, error }
      puts.add(key)
    }
    deletes.push(...then.deletes, ...otherwise.deletes)
  }
  for (const { requestPut } of ops) {
    if (requestPut === undefined) continue
    if (puts.has(requestPut.key) || isDeleted(requestPut.key)) return { puts, deletes, error }
    puts.add(requestPut.key)
  }
  return { puts, deletes }
}

/** An end of "\0" is not "no end" here: etcd's check takes such a range for an empty one. */
function covers({ key: begin, rangeEnd }: DeleteRangeRequest, key: string): boolean {
  return rangeEnd === '' ? key === begin : begin <= key && key < rangeEnd
}

/** A transaction of ranges alone needs no entry in the log. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => op.requestRange !== undefined)
}

/** Of a read-only transaction: whether it may be answered from what this member has. */
export function isSerializable(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => op.requestRange?.serializable)
}
