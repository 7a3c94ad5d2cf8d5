import { type Process, sleep } from '../../../sim/process.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import type { Exchange, HttpRequest } from '../../http/exchange.ts'
import { HttpError } from '../../http/http-error.ts'
import { LEADER_PATH, PEER_PORT } from '../settings.ts'
import type { LeaderRequest, LeaderResult } from '../v3/planner.ts'
import type { EtcdServer } from './server.ts'

/** LeaseRenew: pause before the leader is asked again. */
const RETRY_PAUSE = 50 * MILLISECOND

/** Has the leader answer, wherever it is. @returns null when there was none in time. */
export function* askLeader(
  server: EtcdServer,
  requests: readonly LeaderRequest[],
): Process<LeaderResult[] | null> {
  const { program, member } = server
  const end = program.now + server.requestTimeout
  for (;;) {
    const { leader } = server
    const results = member.isLeader
      ? yield* answerAsLeader(server, requests)
      : leader === null
        ? null
        : yield* forwardTo(server, leader.address, requests, end - program.now)
    if (results !== null) return results
    if (program.now + RETRY_PAUSE >= end) return null
    yield* sleep(RETRY_PAUSE)
  }
}

function* forwardTo(
  { http }: EtcdServer,
  address: number,
  requests: readonly LeaderRequest[],
  timeout: number,
): Process<LeaderResult[] | null> {
  const response = yield* http.request({
    address,
    port: PEER_PORT,
    method: 'POST',
    path: LEADER_PATH,
    headers: [['Content-Type', 'application/json']],
    body: JSON.stringify(requests),
    timeout,
  })
  if (response instanceof HttpError || response.status !== 200) return null
  return JSON.parse(response.text) as LeaderResult[]
}

/** Answers another member. */
export function* serveLeader(
  server: EtcdServer,
  request: HttpRequest,
  exchange: Exchange,
): Process {
  const requests = JSON.parse(request.text) as LeaderRequest[]
  const results = server.member.isLeader ? yield* answerAsLeader(server, requests) : null
  if (results === null) yield* exchange.reply(503)
  else {
    const body = JSON.stringify(results)
    yield* exchange.reply(200, [['Content-Type', 'application/json']], body)
  }
}

/** @returns null when this member leads no more. */
function* answerAsLeader(
  { v3, program, member }: EtcdServer,
  requests: readonly LeaderRequest[],
): Process<LeaderResult[] | null> {
  const results: LeaderResult[] = []
  for (const request of requests) {
    let result = v3.atLeader(request, program.now)
    while (result === 'expiring') {
      // It is being revoked: wait until that is applied.
      yield* sleep(RETRY_PAUSE)
      if (!member.isLeader) return null
      result = v3.atLeader(request, program.now)
    }
    results.push(result)
  }
  return results
}
