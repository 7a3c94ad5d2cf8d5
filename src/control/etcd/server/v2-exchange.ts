import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Exchange, HttpRequest } from '../../http/exchange.ts'
import { Mailbox } from '../../program/mailbox.ts'
import type { V2Result } from '../v2/command.ts'
import type { V2Answer } from '../v2/http.ts'
import { V2_TIMED_OUT, V2_TIMED_OUT_LEADER, type V2Context, type V2Work } from '../v2/service.ts'
import type { EtcdServer } from './server.ts'

const HEALTH_TIMEOUT = SECOND
/** chan of a watcher in etcd's store. */
const EVENTS_MAX = 100

type Proposal = Extract<V2Work, { kind: 'propose' | 'health' }>
type WatchWork = Extract<V2Work, { kind: 'watch' }>

/** Answers a request of the keys API, and what else the client port has of v2. */
export function* serveV2(server: EtcdServer, request: HttpRequest, exchange: Exchange): Process {
  const { method, target, text: body } = request
  const contentType = request.headers.get('content-type')
  const http = { method, target, body, ...(contentType !== undefined && { contentType }) }
  const work = server.v2.decode(http, contextOf(server))
  switch (work.kind) {
    case 'answer':
      return yield* reply(exchange, work.answer)
    case 'read':
      return yield* reply(exchange, server.v2.read(work, contextOf(server)))
    case 'propose':
    case 'health':
      return yield* reply(exchange, yield* propose(server, work))
    case 'watch':
      return yield* watch(server, work, exchange)
  }
}

function contextOf({ program, member, leader }: EtcdServer): V2Context {
  const { commit, term } = member.raft
  return { now: program.wallClock, raftIndex: commit, raftTerm: term, leader: leader?.id ?? null }
}

function* reply(exchange: Exchange, { status, headers, body }: V2Answer): Process {
  yield* exchange.reply(status, headers, body)
}

function* propose(server: EtcdServer, work: Proposal): Process<V2Answer> {
  const timeout = work.kind === 'health' ? HEALTH_TIMEOUT : server.requestTimeout
  const { command } = work
  const outcome = yield* server.propose<V2Result>({ api: 2, command }, timeout)
  if (outcome.kind !== 'applied') {
    // parseProposeCtxErr: who has no leader says so.
    return server.v2.failed(work, server.leader === null ? V2_TIMED_OUT_LEADER : V2_TIMED_OUT)
  }
  return server.v2.applied(work, outcome.result, contextOf(server))
}

/** A long poll or a stream: one event a chunk. */
function* watch(server: EtcdServer, work: WatchWork, exchange: Exchange): Process {
  const events = new Mailbox<string>(server.program)
  const deliver = (line: string): boolean => {
    if (events.length >= EVENTS_MAX) return false
    events.put(line)
    return true
  }
  const watching = server.v2.watch(work, contextOf(server), deliver)
  if ('answer' in watching) return yield* reply(exchange, watching.answer)
  if (watching.first !== null) events.put(watching.first)
  try {
    // An empty word is no event: it wakes the wait.
    exchange.whenGone(() => events.put(''))
    yield* exchange.begin(watching.head.status, watching.head.headers)
    do {
      const line = yield* events.take()
      if (exchange.isGone || line === null) return
      yield* exchange.chunk(line)
    } while (watching.stream)
  } finally {
    watching.cancel()
  }
}
