import { SERF_CHECK, type SessionArguments } from '../store/commands.ts'
import { parseDuration } from '../store/duration.ts'
import { BodyReader, parseBody } from './body.ts'
import type { AgentIdentity, DecodedCall, HttpRequest } from './call.ts'
import { type Parameters, readCall } from './parameters.ts'
import { BadRequest } from './plain-answer.ts'

const DECODE_FAILED = 'Request decode failed'
const DEFAULT_LOCK_DELAY = 15e9
/** Below so many nanoseconds a number was meant in seconds. */
const LOCK_DELAY_MIN = 1000

/** Source: consul agent/session_endpoint.go. */
export function decodeSessionCreate(request: HttpRequest, agent: AgentIdentity): DecodedCall {
  const session: SessionArguments =
    request.body.length === 0
      ? {
          id: '',
          name: '',
          node: agent.node,
          checks: [SERF_CHECK],
          behavior: 'release',
          ttl: '',
          lockDelay: DEFAULT_LOCK_DELAY,
        }
      : fromBody(new BodyReader(parseBody(request.body, DECODE_FAILED), DECODE_FAILED), agent)
  return {
    call: { kind: 'apply', command: { type: 'session-create', session } },
    shape: { as: 'session-id' },
  }
}

/** The leader gives the id. */
function fromBody(reader: BodyReader, agent: AgentIdentity): SessionArguments {
  return {
    id: '',
    name: reader.text('Name', ''),
    node: reader.text('Node', agent.node),
    checks: checksOf(reader, agent),
    behavior: reader.text('Behavior', 'release'),
    ttl: reader.text('TTL', ''),
    lockDelay: lockDelayOf(reader),
  }
}

/** An empty list takes the default away; 1.7 moved the field to NodeChecks and understands both. */
function checksOf(reader: BodyReader, agent: AgentIdentity): readonly string[] {
  const standard = [SERF_CHECK]
  const checks = reader.texts('Checks', standard)
  if (agent.version === '1.2') return checks
  const nodeChecks = reader.texts('NodeChecks', standard)
  if (checks.length === 0 || nodeChecks.length === 0) return []
  if (checks.length === 1 && checks[0] === SERF_CHECK) return nodeChecks
  return [...new Set([...checks, ...nodeChecks])]
}

/** A duration's text or nanoseconds. */
function lockDelayOf(reader: BodyReader): number {
  const given = reader.raw('LockDelay') ?? DEFAULT_LOCK_DELAY
  const delay = typeof given === 'string' ? parseDuration(given) : given
  if (typeof delay !== 'number') {
    throw new BadRequest(400, `${DECODE_FAILED}: time: invalid duration ${String(given)}`)
  }
  return delay < LOCK_DELAY_MIN ? delay * 1e9 : delay
}

export function decodeSessionDestroy(id: string): DecodedCall {
  requireSession(id)
  return {
    call: { kind: 'apply', command: { type: 'session-destroy', id } },
    shape: { as: 'true' },
  }
}

export function decodeSessionRenew(id: string, parameters: Parameters): DecodedCall {
  readCall({ read: 'session', id }, parameters)
  requireSession(id)
  return { call: { kind: 'renew', session: id }, shape: { as: 'renewal', session: id } }
}

export function decodeSessionInfo(id: string, parameters: Parameters): DecodedCall {
  const call = readCall({ read: 'session', id }, parameters)
  requireSession(id)
  return { call, shape: { as: 'sessions' } }
}

export function decodeNodeSessions(node: string, parameters: Parameters): DecodedCall {
  const call = readCall({ read: 'node-sessions', node }, parameters)
  if (node === '') throw new BadRequest(400, 'Missing node name')
  return { call, shape: { as: 'sessions' } }
}

function requireSession(id: string): void {
  if (id === '') throw new BadRequest(400, 'Missing session')
}
