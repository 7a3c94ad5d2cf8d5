import type { AgentIdentity, DecodedCall, HttpAnswer, HttpRequest } from './call.ts'
import {
  decodeDeregister,
  decodeNodeChecks,
  decodeNodes,
  decodeRegister,
} from './catalog-requests.ts'
import { decodeKv, decodeTxn } from './kv-requests.ts'
import { type Parameters, parseTarget, readCall } from './parameters.ts'
import { BadRequest } from './plain-answer.ts'
import {
  decodeNodeSessions,
  decodeSessionCreate,
  decodeSessionDestroy,
  decodeSessionInfo,
  decodeSessionRenew,
} from './session-requests.ts'

interface Endpoint {
  /** Ends in `/` when a name follows. */
  readonly path: string
  readonly methods: readonly string[]
  decode(
    request: HttpRequest,
    name: string,
    parameters: Parameters,
    agent: AgentIdentity,
  ): DecodedCall
}

const ENDPOINTS: readonly Endpoint[] = [
  { path: '/v1/kv/', methods: ['GET', 'PUT', 'DELETE'], decode: decodeKv },
  {
    path: '/v1/txn',
    methods: ['PUT'],
    decode: (request, _name, given) => decodeTxn(request, given),
  },
  {
    path: '/v1/session/create',
    methods: ['PUT'],
    decode: (request, _name, _given, agent) => decodeSessionCreate(request, agent),
  },
  {
    path: '/v1/session/destroy/',
    methods: ['PUT'],
    decode: (_request, name) => decodeSessionDestroy(name),
  },
  {
    path: '/v1/session/renew/',
    methods: ['PUT'],
    decode: (_request, name, given) => decodeSessionRenew(name, given),
  },
  {
    path: '/v1/session/info/',
    methods: ['GET'],
    decode: (_request, name, given) => decodeSessionInfo(name, given),
  },
  {
    path: '/v1/session/list',
    methods: ['GET'],
    decode: (_request, _name, given) => ({
      call: readCall({ read: 'sessions' }, given),
      shape: { as: 'sessions' },
    }),
  },
  {
    path: '/v1/session/node/',
    methods: ['GET'],
    decode: (_request, name, given) => decodeNodeSessions(name, given),
  },
  { path: '/v1/status/leader', methods: ['GET'], decode: () => status('leader') },
  { path: '/v1/status/peers', methods: ['GET'], decode: () => status('peers') },
  { path: '/v1/catalog/register', methods: ['PUT'], decode: decodeRegister },
  { path: '/v1/catalog/deregister', methods: ['PUT'], decode: decodeDeregister },
  {
    path: '/v1/catalog/nodes',
    methods: ['GET'],
    decode: (_request, _name, given) => decodeNodes(given),
  },
  {
    path: '/v1/health/node/',
    methods: ['GET'],
    decode: (_request, name, given) => decodeNodeChecks(name, given),
  },
]

/** What the request asks of a server, or the agent's own answer when it is refused. */
export function decodeRequest(
  request: HttpRequest,
  agent: AgentIdentity,
): DecodedCall | { readonly answer: HttpAnswer } {
  try {
    return decode(request, agent)
  } catch (error) {
    if (error instanceof BadRequest) return { answer: error.answer }
    throw error
  }
}

function decode(request: HttpRequest, agent: AgentIdentity): DecodedCall {
  const { path, parameters } = parseTarget(request.target)
  const endpoint = ENDPOINTS.find((each) =>
    each.path.endsWith('/') ? path.startsWith(each.path) : path === each.path,
  )
  if (endpoint === undefined) throw new BadRequest(404, '')
  if (!endpoint.methods.includes(request.method)) {
    const allow = ['OPTIONS', ...endpoint.methods].join(',')
    if (request.method === 'OPTIONS') throw new BadRequest(200, '', [['Allow', allow]])
    throw new BadRequest(405, `method ${request.method} not allowed`, [['Allow', allow]])
  }
  return endpoint.decode(request, path.slice(endpoint.path.length), parameters, agent)
}

function status(what: 'leader' | 'peers'): DecodedCall {
  return { call: { kind: 'status', what }, shape: { as: 'status' } }
}
