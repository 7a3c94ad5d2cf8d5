import type { Process } from '../../../sim/process.ts'
import { serveHttp } from '../../http/server.ts'
import type { Program } from '../../program/program.ts'
import { encodeReply } from '../http/answer.ts'
import type { AgentIdentity, ConsulCall, ConsulReply } from '../http/call.ts'
import { decodeRequest } from '../http/request.ts'
import { HTTP_PORT } from '../settings.ts'

/** Who answers the calls that an agent makes of requests: servers, or the server that it is itself. */
export type Answerer = (call: ConsulCall) => Process<ConsulReply>

/** Serves an agent's HTTP API. @returns false when the port is taken. */
export function serveApi(program: Program, agent: AgentIdentity, answer: Answerer): boolean {
  return serveHttp(program, HTTP_PORT, function* (request, exchange) {
    const decoded = decodeRequest(request, agent)
    const { status, headers, body } =
      'answer' in decoded
        ? decoded.answer
        : encodeReply(decoded.shape, yield* answer(decoded.call), agent)
    yield* exchange.reply(status, headers, body)
  })
}
