import type { Process } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Exchange, HttpRequest } from '../../http/exchange.ts'
import { Mailbox } from '../../program/mailbox.ts'
import { errorAnswer, type HttpAnswer } from '../v3/encode.ts'
import { RPC_ERRORS } from '../v3/errors.ts'
import type { V3Plan } from '../v3/planner.ts'
import { askLeader } from './leader-calls.ts'
import type { EtcdServer } from './server.ts'

/** Lines that wait for a client of a watch (chanBufLen). */
const LINES_MAX = 128
const PROGRESS_INTERVAL = 600 * SECOND

type WatchPlan = Extract<V3Plan, { kind: 'watch' }>

/** Answers a request of the gateway. */
export function* serveV3(server: EtcdServer, request: HttpRequest, exchange: Exchange): Process {
  const plan = server.v3.plan(request.method, request.target, request.text)
  if (plan.kind === 'watch') return yield* watch(server, plan, exchange)
  const { status, contentType, body } = yield* answerOf(server, plan)
  yield* exchange.reply(status, [['Content-Type', contentType]], body)
}

function* answerOf(server: EtcdServer, plan: Exclude<V3Plan, WatchPlan>): Process<HttpAnswer> {
  switch (plan.kind) {
    case 'answer':
      return plan.answer
    case 'proposal': {
      const { command } = plan
      const outcome = yield* server.propose<Parameters<typeof plan.answer>[0]>({ api: 3, command })
      return outcome.kind === 'applied' ? plan.answer(outcome.result) : timedOut(server)
    }
    case 'read': {
      if (!plan.linearizable) return plan.answer()
      const outcome = yield* server.member.linearize(server.requestTimeout)
      if (outcome.kind === 'lost') return errorAnswer(RPC_ERRORS.leaderChanged)
      return outcome.kind === 'applied' ? plan.answer() : timedOut(server)
    }
    case 'leader': {
      const results = yield* askLeader(server, plan.requests)
      return results === null ? timedOut(server) : plan.answer(results)
    }
  }
}

/** parseProposeCtxErr: who had no leader says so. */
function timedOut({ leader }: EtcdServer): HttpAnswer {
  return errorAnswer(leader === null ? RPC_ERRORS.timeoutDueToLeaderFail : RPC_ERRORS.timeout)
}

function* watch(server: EtcdServer, plan: WatchPlan, exchange: Exchange): Process {
  const lines = new Mailbox<string>(server.program)
  const stream = server.v3.watch(plan.requests, (line) => {
    if (lines.length >= LINES_MAX) return false
    lines.put(line)
    return true
  })
  try {
    // An empty line is no event: it wakes the wait.
    exchange.whenGone(() => lines.put(''))
    yield* exchange.begin(200, [['Content-Type', 'application/json']])
    for (;;) {
      const line = yield* lines.take(PROGRESS_INTERVAL)
      if (exchange.isGone) return
      if (line === null) stream.progress()
      else yield* exchange.chunk(withNext(line, lines))
    }
  } finally {
    stream.close()
  }
}

/** What waits goes out in one write, as gRPC's writer does (transport/controlbuf.go). */
function withNext(first: string, lines: Mailbox<string>): string {
  if (lines.length === 0) return first
  const all = [first]
  for (let line = lines.poll(); line !== null; line = lines.poll()) all.push(line)
  return joined(all)
}

/** The lines that went out together last: all watches of the same keys are told the same, one after the other. */
let last: { readonly lines: readonly string[]; readonly text: string } = { lines: [], text: '' }

function joined(lines: readonly string[]): string {
  const isSame =
    lines.length === last.lines.length && lines.every((line, i) => line === last.lines[i])
  if (!isSame) last = { lines, text: lines.join('') }
  return last.text
}
