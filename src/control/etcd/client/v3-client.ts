import type { Process } from '../../../sim/process.ts'
import type { Program } from '../../program/program.ts'
import { LeaseKeeper } from './v3-lease-keeper.ts'
import {
  deleteResult,
  type Json,
  leaseResult,
  putResult,
  rangeResult,
  revisionOf,
  txnResult,
  type V3DeleteResult,
  V3Error,
  type V3LeaseResult,
  type V3PutResult,
  type V3RangeResult,
  type V3TxnResult,
} from './v3-messages.ts'
import {
  deleteRequest,
  getRequest,
  putRequest,
  txnRequest,
  type V3Compare,
  type V3DeleteOptions,
  type V3GetOptions,
  type V3Operation,
  type V3PutOptions,
  type V3WatchOptions,
} from './v3-requests.ts'
import { type V3ClientOptions, V3Transport } from './v3-transport.ts'
import { V3Watcher } from './v3-watcher.ts'

/** A client of an etcd cluster with the habits of clientv3, over the gateway's JSON. */
export class V3Client {
  private readonly transport: V3Transport

  constructor(program: Program, options: V3ClientOptions) {
    this.transport = new V3Transport(program, options)
  }

  *get(key: string, options: V3GetOptions = {}): Process<V3RangeResult | V3Error> {
    const body = getRequest(key, options)
    return resultOf(yield* this.transport.call('/v3/kv/range', body, 'repeatable'), rangeResult)
  }

  *put(key: string, value: string, options: V3PutOptions = {}): Process<V3PutResult | V3Error> {
    const body = putRequest(key, value, options)
    return resultOf(yield* this.transport.call('/v3/kv/put', body, 'once'), putResult)
  }

  *delete(key: string, options: V3DeleteOptions = {}): Process<V3DeleteResult | V3Error> {
    const body = deleteRequest(key, options)
    return resultOf(yield* this.transport.call('/v3/kv/deleterange', body, 'once'), deleteResult)
  }

  /** Does `success` when all of `compare` hold, or else `failure`. */
  *txn(
    compare: readonly V3Compare[],
    success: readonly V3Operation[],
    failure: readonly V3Operation[] = [],
  ): Process<V3TxnResult | V3Error> {
    const body = txnRequest(compare, success, failure)
    return resultOf(yield* this.transport.call('/v3/kv/txn', body, 'once'), txnResult)
  }

  /** Forgets what was before a revision. @returns the store's revision. */
  *compact(revision: number): Process<number | V3Error> {
    const body = { revision: String(revision) }
    const answer = yield* this.transport.call('/v3/kv/compaction', body, 'once')
    return answer instanceof V3Error ? answer : revisionOf(answer)
  }

  /** @param ttl seconds. */
  *grant(ttl: number): Process<V3LeaseResult | V3Error> {
    const body = { TTL: String(ttl) }
    return resultOf(yield* this.transport.call('/v3/lease/grant', body, 'repeatable'), leaseResult)
  }

  *revoke(id: string): Process<V3Error | null> {
    const answer = yield* this.transport.call('/v3/lease/revoke', { ID: id }, 'repeatable')
    return answer instanceof V3Error ? answer : null
  }

  /** What is left of a lease; the TTL is -1 when there is none. */
  *timeToLive(id: string): Process<V3LeaseResult | V3Error> {
    const body = { ID: id }
    return resultOf(
      yield* this.transport.call('/v3/lease/timetolive', body, 'repeatable'),
      leaseResult,
    )
  }

  /** Renews a lease from now on until it is stopped or lost. */
  keepAlive(id: string): LeaseKeeper {
    return new LeaseKeeper(this.transport, id)
  }

  watch(key: string, options: V3WatchOptions = {}): V3Watcher {
    return new V3Watcher(this.transport, key, options)
  }
}

function resultOf<T>(answer: Json | V3Error, decode: (json: Json) => T): T | V3Error {
  return answer instanceof V3Error ? answer : decode(answer)
}
