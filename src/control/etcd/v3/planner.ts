/** From HTTP requests to what the member has to do for them (etcdserver/v3_server.go of 3.4). */
import { checkKey, checkPut, checkTxn, isReadOnly, isSerializable } from './check.ts'
import { decodeMessage, decodeStream } from './decode.ts'
import {
  answerOf,
  encodeLine,
  errorAnswer,
  type HttpAnswer,
  streamAnswer,
  streamErrorLine,
  textAnswer,
} from './encode.ts'
import { RPC_ERRORS, type RpcError } from './errors.ts'
import * as messages from './messages.ts'
import { LEASE_COST_BYTES, putBytes, putCost, txnBytes, txnCost } from './quota.ts'
import { readRange } from './read.ts'
import type { StateMachine } from './state-machine.ts'
import {
  type AlarmRequest,
  type ApplyResult,
  type Command,
  type CompactionRequest,
  type DeleteRangeRequest,
  type Header,
  type LeaseGrantRequest,
  type LeaseRevokeRequest,
  NO_LEASE,
  type PutRequest,
  type RangeRequest,
  type TxnRequest,
  type WatchRequest,
} from './types.ts'

const VERSION = '3.4.23'
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024
const MAX_TXN_OPS = 128

export interface RaftStatus {
  readonly term: number
  /** '0' when there is none. */
  readonly leader: string
  readonly committedIndex: number
  readonly appliedIndex: number
}

export interface V3ServiceOptions {
  /** 64-bit ids in decimal. */
  readonly clusterId: string
  readonly memberId: string
  readonly raft: () => RaftStatus
  /** 1.5 election time-outs, rounded up. */
  readonly minLeaseTtlSeconds: number
  /** For leases that are granted without an id: a positive int64 in decimal. */
  readonly nextLeaseId: () => string
  /** 2 GiB unless given. */
  readonly quotaBytes?: number
  /** 1.5 MiB unless given. */
  readonly maxRequestBytes?: number
}

/** What only the leader knows. A plain JSON value, for the way to it. */
export interface LeaderRequest {
  readonly type: 'keepAlive' | 'timeToLive'
  readonly id: string
  readonly keys: boolean
}

/** The TTLs in seconds; -1 or 0 when there is no such lease. A plain JSON value. */
export type LeaderResult =
  | { readonly error: RpcError }
  | {
      readonly error?: never
      readonly ttl: number
      readonly grantedTtl: number
      readonly keys: readonly string[]
    }

/** What the member has to do for a request, and how the answer is made then. */
export type V3Plan =
  | { readonly kind: 'answer'; readonly answer: HttpAnswer }
  /** Propose the command; answer with what applying it gave. */
  | {
      readonly kind: 'proposal'
      readonly command: Command
      readonly answer: (result: ApplyResult) => HttpAnswer
    }
  /** Answer at once, or when the member has applied what was committed at the request's time. */
  | { readonly kind: 'read'; readonly linearizable: boolean; readonly answer: () => HttpAnswer }
  /** Have the leader's service do `atLeader` for each; answer with its results. */
  | {
      readonly kind: 'leader'
      readonly requests: readonly LeaderRequest[]
      readonly answer: (results: readonly LeaderResult[]) => HttpAnswer
    }
  /** Open a stream: `watch`. */
  | { readonly kind: 'watch'; readonly requests: readonly WatchRequest[] }

type Handler = (body: string) => V3Plan

export class Planner {
  private readonly options: V3ServiceOptions
  private readonly machine: StateMachine
  private readonly maxRequestBytes: number
  private readonly handlers: ReadonlyMap<string, Handler>

  constructor(options: V3ServiceOptions, machine: StateMachine) {
    this.options = options
    this.machine = machine
    this.maxRequestBytes = options.maxRequestBytes ?? MAX_REQUEST_BYTES
    this.handlers = this.handlersByPath()
  }

  plan(method: string, path: string, body: string): V3Plan {
    const handler = this.handlers.get(path)
    if (handler === undefined) return { kind: 'answer', answer: textAnswer(404, 'Not Found\n') }
    if (method === 'POST') return handler(body)
    return { kind: 'answer', answer: textAnswer(405, 'Method Not Allowed\n') }
  }

  private get revision(): number {
    return this.machine.store.revision
  }

  header(revision: number): Header {
    const { clusterId, memberId, raft } = this.options
    return { clusterId, memberId, revision, raftTerm: raft().term }
  }

  /** The ids and the term of who answers; the revision that the answer is of, or the present one. */
  private answer(type: messages.Message, response: object): HttpAnswer {
    const { header } = response as { readonly header?: Header }
    if (header === undefined) return answerOf(type, response)
    return answerOf(type, { ...response, header: this.header(header.revision ?? this.revision) })
  }

  private handlersByPath(): Map<string, Handler> {
    const revoke = this.handler<LeaseRevokeRequest>(messages.LEASE_ID_REQUEST, (request) =>
      this.proposal({ type: 'leaseRevoke', request }, messages.HEADER_ONLY),
    )
    const timeToLive = this.handler<LeaderRequest>(
      messages.LEASE_TIME_TO_LIVE_REQUEST,
      ({ id, keys }) => this.planTimeToLive({ type: 'timeToLive', id, keys }),
    )
    const leases = this.handler(messages.EMPTY_REQUEST, () => this.planLeases())
    const keepAlive: Handler = (body) => this.planKeepAlive(body)
    const watch: Handler = (body) => ({
      kind: 'watch',
      requests: decodeStream<WatchRequest>(messages.WATCH_REQUEST, body),
    })
    return new Map([
      ...this.keyValueHandlers(),
      [
        '/v3/lease/grant',
        this.handler(messages.LEASE_GRANT_REQUEST, (r: LeaseGrantRequest) => this.planGrant(r)),
      ],
      ['/v3/lease/revoke', revoke],
      ['/v3/kv/lease/revoke', revoke],
      ['/v3/lease/timetolive', timeToLive],
      ['/v3/kv/lease/timetolive', timeToLive],
      ['/v3/lease/leases', leases],
      ['/v3/kv/lease/leases', leases],
      ['/v3/lease/keepalive', keepAlive],
      ['/v3/watch', watch],
      ['/v3/maintenance/status', this.handler(messages.EMPTY_REQUEST, () => this.planStatus())],
      [
        '/v3/maintenance/alarm',
        this.handler<AlarmRequest>(messages.ALARM_REQUEST, (request) =>
          this.proposal({ type: 'alarm', request }, messages.ALARM_RESPONSE),
        ),
      ],
    ])
  }

  private keyValueHandlers(): [string, Handler][] {
    return [
      [
        '/v3/kv/range',
        this.handler(messages.RANGE_REQUEST, (r: RangeRequest) => this.planRange(r)),
      ],
      ['/v3/kv/put', this.handler(messages.PUT_REQUEST, (r: PutRequest) => this.planPut(r))],
      [
        '/v3/kv/deleterange',
        this.handler(messages.DELETE_RANGE_REQUEST, (r: DeleteRangeRequest) => this.planDelete(r)),
      ],
      ['/v3/kv/txn', this.handler(messages.TXN_REQUEST, (r: TxnRequest) => this.planTxn(r))],
      [
        '/v3/kv/compaction',
        this.handler<CompactionRequest>(messages.COMPACTION_REQUEST, (request) =>
          this.proposal({ type: 'compaction', request }, messages.HEADER_ONLY),
        ),
      ],
    ]
  }

  private handler<T extends object>(type: messages.Message, plan: (request: T) => V3Plan): Handler {
    return (body) => {
      const decoded = decodeMessage<T>(type, body)
      return 'error' in decoded ? refusal(decoded.error) : plan(decoded.message)
    }
  }

  private proposal(command: Command, responseType: messages.Message): V3Plan {
    return {
      kind: 'proposal',
      command,
      answer: (result) =>
        result.error === undefined
          ? this.answer(responseType, result.response)
          : errorAnswer(result.error),
    }
  }

  /** A write that would go over the quota raises the alarm instead. */
  private write(
    command: Command,
    cost: number,
    bytes: number,
    responseType: messages.Message,
  ): V3Plan {
    if (!this.machine.hasSpaceFor(cost)) return this.raiseNoSpace()
    if (bytes > this.maxRequestBytes) return refusal(RPC_ERRORS.requestTooLarge)
    return this.proposal(command, responseType)
  }

  private raiseNoSpace(): V3Plan {
    const { memberId } = this.options
    const command: Command = {
      type: 'alarm',
      request: { action: 'ACTIVATE', memberId, alarm: 'NOSPACE' },
    }
    return { kind: 'proposal', command, answer: () => errorAnswer(RPC_ERRORS.noSpace) }
  }

  private planPut(request: PutRequest): V3Plan {
    const error = this.machine.hasSpaceFor(putCost(request)) ? checkPut(request) : undefined
    if (error !== undefined) return refusal(error)
    const command: Command = { type: 'put', request }
    return this.write(command, putCost(request), putBytes(request), messages.PUT_RESPONSE)
  }

  private planDelete(request: DeleteRangeRequest): V3Plan {
    const error = checkKey(request)
    if (error !== undefined) return refusal(error)
    return this.proposal({ type: 'deleteRange', request }, messages.DELETE_RANGE_RESPONSE)
  }

  private planRange(request: RangeRequest): V3Plan {
    const error = checkKey(request)
    if (error !== undefined) return refusal(error)
    const answer = (): HttpAnswer => {
      const response = readRange(this.machine.store, request, this.revision)
      return 'code' in response
        ? errorAnswer(response)
        : this.answer(messages.RANGE_RESPONSE, response)
    }
    return { kind: 'read', linearizable: !request.serializable, answer }
  }

  private planTxn(request: TxnRequest): V3Plan {
    const cost = txnCost(request)
    const error = this.machine.hasSpaceFor(cost) ? checkTxn(request, MAX_TXN_OPS) : undefined
    if (error !== undefined) return refusal(error)
    if (!isReadOnly(request)) {
      const command: Command = { type: 'txn', request }
      return this.write(command, cost, txnBytes(request), messages.TXN_RESPONSE)
    }
    const answer = (): HttpAnswer => {
      const response = this.machine.readTxn(request)
      return 'code' in response
        ? errorAnswer(response)
        : this.answer(messages.TXN_RESPONSE, response)
    }
    return { kind: 'read', linearizable: !isSerializable(request), answer }
  }

  private planGrant(request: LeaseGrantRequest): V3Plan {
    const id = request.id === NO_LEASE ? this.options.nextLeaseId() : request.id
    const command: Command = { type: 'leaseGrant', request: { ...request, id } }
    return this.write(command, LEASE_COST_BYTES, 0, messages.LEASE_GRANT_RESPONSE)
  }

  private planTimeToLive(request: LeaderRequest): V3Plan {
    const answer = (results: readonly LeaderResult[]): HttpAnswer => {
      const [result] = results
      if (result!.error !== undefined) return errorAnswer(result!.error)
      const response = { header: {}, id: request.id, ...result! }
      return this.answer(messages.LEASE_TIME_TO_LIVE_RESPONSE, response)
    }
    return { kind: 'leader', requests: [request], answer }
  }

  private planKeepAlive(body: string): V3Plan {
    const ids = decodeStream<{ id: string }>(messages.LEASE_ID_REQUEST, body)
    const requests = ids.map(({ id }) => ({ type: 'keepAlive', id, keys: false }) as const)
    if (requests.length === 0) return { kind: 'answer', answer: streamAnswer([]) }
    // As of before the renewal: the lease was alive at that revision.
    const header = this.header(this.revision)
    const lineOf = (result: LeaderResult, i: number): string =>
      result.error === undefined
        ? encodeLine(messages.LEASE_GRANT_RESPONSE, {
            header,
            id: requests[i]!.id,
            ttl: result.ttl,
          })
        : streamErrorLine(result.error)
    return { kind: 'leader', requests, answer: (results) => streamAnswer(results.map(lineOf)) }
  }

  /** From what this member has: etcd asks nobody for it. */
  private planLeases(): V3Plan {
    const answer = (): HttpAnswer => {
      const leases = this.machine.lessor.ids().map((id) => ({ id }))
      return this.answer(messages.LEASE_LEASES_RESPONSE, { header: {}, leases })
    }
    return { kind: 'read', linearizable: false, answer }
  }

  private planStatus(): V3Plan {
    const answer = (): HttpAnswer => {
      const { term, leader, committedIndex, appliedIndex } = this.options.raft()
      const { dbSize, dbSizeInUse } = this.machine.store
      const errors = leader === '0' ? [RPC_ERRORS.noLeader.message] : []
      for (const { memberId, alarm } of this.machine.activeAlarms) {
        errors.push(`memberID:${memberId} alarm:${alarm} `)
      }
      return this.answer(messages.STATUS_RESPONSE, {
        header: {},
        ...{ version: VERSION, dbSize, leader, raftIndex: committedIndex, raftTerm: term },
        ...{ raftAppliedIndex: appliedIndex, errors, dbSizeInUse },
      })
    }
    return { kind: 'read', linearizable: false, answer }
  }
}

function refusal(error: RpcError): V3Plan {
  return { kind: 'answer', answer: errorAnswer(error) }
}
