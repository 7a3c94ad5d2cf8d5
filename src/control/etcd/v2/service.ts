/**
 * The HTTP API of a member as far as clients of the v2 store use it: keys, members, version, health.
 * Pure: says what a request needs and how its outcome reads. Statistics, the authentication API and
 * changes of the membership are not served; the scenario fixes the members.
 */
import type { HeaderList } from '../../http/headers.ts'
import { clusterVersionOf, encodeMember, membersOf } from './cluster.ts'
import type { V2Command, V2Result } from './command.ts'
import { RAFT_INTERNAL, V2Error } from './errors.ts'
import type { V2Event } from './event.ts'
import {
  answer,
  formOf,
  type HttpRequest,
  JSON_TYPE,
  methodNotAllowed,
  notFound,
  plainError,
  readTarget,
  TEXT_TYPE,
  type V2Answer,
} from './http.ts'
import { encodeError, encodeEvent } from './json.ts'
import { commandOf, type KeysMethod, type KeysRequest, parseKeysRequest } from './keys-request.ts'
import { KnownRequests } from './known-requests.ts'
import type { V2Store } from './store.ts'
import { KEYS_ROOT } from './tree.ts'

/** Why a proposal failed, as etcd words it. */
export const V2_TIMED_OUT = 'etcdserver: request timed out'
export const V2_TIMED_OUT_LEADER = `${V2_TIMED_OUT}, possibly due to previous leader failure`

const KEYS = '/v2/keys'
const MEMBERS = '/v2/members'
const KEYS_METHODS = ['HEAD', 'GET', 'PUT', 'POST', 'DELETE'] as const

/** The member at the moment of the call. */
export interface V2Context {
  /** Its wall clock, picoseconds. */
  readonly now: number
  /** Committed. */
  readonly raftIndex: number
  readonly raftTerm: number
  /** Id of the leader that it knows, hexadecimal. */
  readonly leader: string | null
}

/** What a request needs. */
export type V2Work =
  /** Nothing: send the answer. */
  | { readonly kind: 'answer'; readonly answer: V2Answer }
  /** The member's own copy: `read`. */
  | { readonly kind: 'read'; readonly request: KeysRequest }
  /** An entry of the log: `applied` or `failed`. */
  | { readonly kind: 'propose'; readonly command: V2Command; readonly request: KeysRequest }
  /** The same, within a second. */
  | { readonly kind: 'health'; readonly command: V2Command }
  /** Events to come: `watch`. */
  | { readonly kind: 'watch'; readonly request: KeysRequest }

export type V2Watching =
  /** Refused. */
  | { readonly answer: V2Answer }
  | {
      /** Sent at once; the body follows in chunks, one event each. */
      readonly head: V2Answer
      /** An event of the past, the whole body unless it is a stream. */
      readonly first: string | null
      /** Goes on after the first event. */
      readonly stream: boolean
      cancel(): void
    }

export class V2Service {
  private readonly store: V2Store
  private readonly clusterId: string
  private readonly version: string
  private readonly known = new KnownRequests()

  /** @param clusterId hexadecimal */
  constructor(store: V2Store, clusterId: string, version = '3.4.23') {
    this.store = store
    this.clusterId = clusterId
    this.version = version
  }

  /** Whether a path of the client port belongs to this API. */
  serves(target: string): boolean {
    return /^\/(v2\/|(version|health)([?]|$))/.test(target)
  }

  decode(request: HttpRequest, context: V2Context): V2Work {
    const known = this.known.find(request)
    if (known !== undefined) return known
    const work = this.decodeNew(request, context)
    this.known.keep(request, work)
    return work
  }

  private decodeNew(request: HttpRequest, context: V2Context): V2Work {
    const target = readTarget(request)
    if ('status' in target) return { kind: 'answer', answer: target }
    const { path, query } = target
    if (path === KEYS || path.startsWith(`${KEYS}/`)) {
      return this.decodeKeys(request, path.slice(KEYS.length), query, context)
    }
    if (path === '/health') return decodeHealth(request.method, context)
    return { kind: 'answer', answer: this.answerPath(request.method, path, context) }
  }

  /** A read of the member's own copy, stale perhaps. */
  read(work: Extract<V2Work, { kind: 'read' }>, context: V2Context): V2Answer {
    const { path, recursive, sorted } = work.request
    const result = this.store.get(path, recursive, sorted, context.now)
    return this.answerResult(result, false, context)
  }

  /** @param result what applying the command gave */
  applied(
    work: Extract<V2Work, { kind: 'propose' | 'health' }>,
    result: V2Result,
    context: V2Context,
  ): V2Answer {
    if (work.kind === 'health') return answer(200, [TEXT_TYPE], '{"health":"true"}')
    return this.answerResult(result!, work.request.noValueOnSuccess, context)
  }

  /** @param cause one of V2_TIMED_OUT and so on */
  failed(work: Extract<V2Work, { kind: 'propose' | 'health' }>, cause: string): V2Answer {
    if (work.kind === 'health') return unhealthy()
    return this.answerError(new V2Error(RAFT_INTERNAL, cause))
  }

  /**
   * @param deliver takes a line of JSON whenever an event is applied, once unless it is a stream;
   * false when the client's buffer is full (etcd keeps 100 events), which ends the watch silently.
   * It must not open another watch.
   */
  watch(
    work: Extract<V2Work, { kind: 'watch' }>,
    context: V2Context,
    deliver: (line: string) => boolean,
  ): V2Watching {
    const { path, stream, waitIndex } = work.request
    const index = this.store.index
    const watch = this.store.watch(path, work.request, waitIndex, (event) =>
      deliver(encodeEvent(event)),
    )
    if (watch instanceof V2Error) return { answer: this.answerError(watch) }
    return {
      head: answer(200, this.eventHeaders(index, context), ''),
      first: watch.past === null ? null : encodeEvent(watch.past),
      stream,
      cancel: watch.cancel,
    }
  }

  private decodeKeys(http: HttpRequest, key: string, query: string, context: V2Context): V2Work {
    const method = KEYS_METHODS.find((each) => each === http.method)
    if (method === undefined) {
      return { kind: 'answer', answer: methodNotAllowed(KEYS_METHODS.join(',')) }
    }
    const path = KEYS_ROOT + (key.endsWith('/') ? key.slice(0, -1) : key)
    const request = parseKeysRequest(method, path, formOf(http, query), context.now)
    if (request instanceof V2Error) return { kind: 'answer', answer: this.answerError(request) }
    return workOf(method, request)
  }

  private answerPath(method: string, path: string, context: V2Context): V2Answer {
    if (path === '/version') return this.answerVersion(method)
    if (path === '/v2/machines') return this.answerMachines(method)
    if (path === MEMBERS || path.startsWith(`${MEMBERS}/`)) {
      return this.answerMembers(method, path.slice(MEMBERS.length + 1), context)
    }
    return notFound()
  }

  private answerVersion(method: string): V2Answer {
    if (method !== 'GET') return methodNotAllowed('GET')
    const cluster = clusterVersionOf(this.store) ?? 'not_decided'
    return answer(200, [JSON_TYPE], `{"etcdserver":"${this.version}","etcdcluster":"${cluster}"}`)
  }

  /** Client addresses as text: what clients asked for before there was a members API. */
  private answerMachines(method: string): V2Answer {
    if (method !== 'GET' && method !== 'HEAD') return methodNotAllowed('GET,HEAD')
    const urls = membersOf(this.store).flatMap((member) => member.clientUrls)
    return answer(200, [TEXT_TYPE], urls.sort().join(', '))
  }

  private answerMembers(method: string, rest: string, context: V2Context): V2Answer {
    if (method !== 'GET') return methodNotAllowed('GET')
    const members = membersOf(this.store)
    if (rest === '') {
      const list = members.map(encodeMember).join(',')
      return this.answerCluster(200, `{"members":[${list}]}\n`)
    }
    if (rest !== 'leader') return this.answerCluster(404, '{"message":"Not found"}')
    const leader = members.find((member) => member.id === context.leader)
    if (leader === undefined) return this.answerCluster(503, '{"message":"During election"}')
    return this.answerCluster(200, `${encodeMember(leader)}\n`)
  }

  private answerCluster(status: number, body: string): V2Answer {
    return answer(status, [JSON_TYPE, ['X-Etcd-Cluster-Id', this.clusterId]], body)
  }

  private answerResult(
    result: V2Event | V2Error,
    noValueOnSuccess: boolean,
    context: V2Context,
  ): V2Answer {
    if (result instanceof V2Error) return this.answerError(result)
    const { action, prevNode, etcdIndex } = result
    const isCreated = action === 'create' || (action === 'set' && prevNode === undefined)
    const isBare = noValueOnSuccess && /^(set|compareAndSwap|create|update)$/.test(action)
    const body = encodeEvent(result, isBare)
    return answer(isCreated ? 201 : 200, this.eventHeaders(etcdIndex, context), body)
  }

  private eventHeaders(index: number, context: V2Context): HeaderList {
    return [
      ...this.storeHeaders(index),
      ['X-Raft-Index', `${context.raftIndex}`],
      ['X-Raft-Term', `${context.raftTerm}`],
    ]
  }

  private answerError(error: V2Error): V2Answer {
    return answer(error.status, this.storeHeaders(error.index), `${encodeError(error)}\n`)
  }

  private storeHeaders(index: number): HeaderList {
    return [JSON_TYPE, ['X-Etcd-Cluster-Id', this.clusterId], ['X-Etcd-Index', `${index}`]]
  }
}

function workOf(method: KeysMethod, request: KeysRequest): V2Work {
  // etcd looks at quorum first: with it, a wait is an ordinary quorum read.
  if (method === 'HEAD' || (method === 'GET' && !request.quorum)) {
    return { kind: request.wait ? 'watch' : 'read', request }
  }
  return { kind: 'propose', command: commandOf(request), request }
}

function decodeHealth(method: string, context: V2Context): V2Work {
  if (method !== 'GET') return { kind: 'answer', answer: methodNotAllowed('GET') }
  if (context.leader === null) return { kind: 'answer', answer: unhealthy() }
  return { kind: 'health', command: { method: 'QGET', path: '/' } }
}

function unhealthy(): V2Answer {
  return plainError(503, '{"health":"false"}')
}
