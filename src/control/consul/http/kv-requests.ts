import { type KvArguments, type KvVerb, quoted, type TxnOperation } from '../store/commands.ts'
import { isWrite } from '../store/txn.ts'
import { BodyReader, member, parseBody } from './body.ts'
import { base64Length, isBase64, toBase64 } from './bytes.ts'
import type { AgentIdentity, DecodedCall, HttpRequest } from './call.ts'
import { first, type Parameters, parseUint, readCall, refuseConflicts } from './parameters.ts'
import { BadRequest } from './plain-answer.ts'

/** Source: consul agent/kvs_endpoint.go, agent/txn_endpoint.go. */
const MAX_VALUE_BYTES = 512 * 1024
const MAX_TXN_OPERATIONS = 64
const LIMIT_PAGE = 'https://www.consul.io/docs/agent/options.html#kv_max_value_size'

export function decodeKv(
  request: HttpRequest,
  key: string,
  parameters: Parameters,
  agent: AgentIdentity,
): DecodedCall {
  // Consistency and wait are read for every method, so their errors come first.
  readCall({ read: 'get', key }, parameters)
  if (request.method === 'GET') return decodeGet(key, parameters)
  if (request.method === 'PUT') return decodePut(request, key, parameters, agent)
  return decodeDelete(key, parameters)
}

function decodeGet(key: string, parameters: Parameters): DecodedCall {
  if (parameters.has('keys')) {
    // The misspelt name came first and is still understood.
    const name = parameters.has('separator') ? 'separator' : 'seperator'
    const separator = first(parameters, name)
    const call = readCall({ read: 'keys', prefix: key, separator }, parameters)
    return { call, shape: { as: 'keys', prefix: key } }
  }
  if (parameters.has('recurse')) {
    return { call: readCall({ read: 'list', prefix: key }, parameters), shape: { as: 'entries' } }
  }
  requireKey(key)
  const shape = parameters.has('raw') ? ({ as: 'raw' } as const) : ({ as: 'entries' } as const)
  return { call: readCall({ read: 'get', key }, parameters), shape }
}

function decodePut(
  request: HttpRequest,
  key: string,
  parameters: Parameters,
  agent: AgentIdentity,
): DecodedCall {
  requireKey(key)
  refuseConflicts(parameters, ['cas', 'acquire', 'release'])
  const flags = parameters.has('flags') ? parseUint(first(parameters, 'flags')) : '0'
  const { verb, more } = putVerb(parameters)
  refuseLarge(request.body.length, agent)
  const value = request.body.length === 0 ? null : toBase64(request.body)
  return apply(verb, { key, value, flags, ...more })
}

function putVerb(parameters: Parameters): { verb: KvVerb; more: Partial<KvArguments> } {
  if (parameters.has('cas')) {
    return { verb: 'cas', more: { index: Number(parseUint(first(parameters, 'cas'))) } }
  }
  if (parameters.has('acquire')) {
    return { verb: 'lock', more: { session: first(parameters, 'acquire') } }
  }
  if (parameters.has('release')) {
    return { verb: 'unlock', more: { session: first(parameters, 'release') } }
  }
  return { verb: 'set', more: {} }
}

function decodeDelete(key: string, parameters: Parameters): DecodedCall {
  refuseConflicts(parameters, ['recurse', 'cas'])
  if (parameters.has('recurse')) return apply('delete-tree', { key })
  requireKey(key)
  if (!parameters.has('cas')) return apply('delete', { key })
  return apply('delete-cas', { key, index: Number(parseUint(first(parameters, 'cas'))) })
}

function apply(verb: KvVerb, entry: KvArguments): DecodedCall {
  // Without a condition the client is told true, whatever the state machine said.
  const always = verb === 'set' || verb === 'delete' || verb === 'delete-tree'
  return {
    call: { kind: 'apply', command: { type: 'kv', verb, entry } },
    shape: { as: always ? 'true' : 'boolean' },
  }
}

function requireKey(key: string): void {
  if (key === '') throw new BadRequest(400, 'Missing key name')
}

function refuseLarge(bytes: number, agent: AgentIdentity): void {
  if (bytes <= MAX_VALUE_BYTES) return
  const text =
    agent.version === '1.2'
      ? `Value exceeds ${MAX_VALUE_BYTES} byte limit`
      : `Request body(${bytes} bytes) too large, max size: ${MAX_VALUE_BYTES} bytes. See ${LIMIT_PAGE}.`
  throw new BadRequest(413, text)
}

/** A transaction that only reads needs no log entry and has a consistency of its own. */
export function decodeTxn(request: HttpRequest, parameters: Parameters): DecodedCall {
  const operations = parseOperations(request.body)
  if (operations.some(({ verb }) => isWrite(verb))) {
    return { call: { kind: 'apply', command: { type: 'txn', operations } }, shape: { as: 'txn' } }
  }
  // It does not block, so index and wait are checked and dropped.
  const { consistency } = readCall({ read: 'txn', operations }, parameters)
  const call = { kind: 'read', query: { read: 'txn', operations }, consistency, index: 0 } as const
  return { call, shape: { as: 'txn-read' } }
}

function parseOperations(body: Uint8Array): TxnOperation[] {
  const prefix = 'Failed to parse body'
  const parsed = parseBody(body, prefix)
  if (!Array.isArray(parsed)) throw new BadRequest(400, `${prefix}: expected an array`)
  if (parsed.length > MAX_TXN_OPERATIONS) {
    throw new BadRequest(
      413,
      `Transaction contains too many operations (${parsed.length} > ${MAX_TXN_OPERATIONS})`,
    )
  }
  const operations = parsed.map((each) => parseOperation(member(each, 'KV'), prefix))
  const bytes = operations.reduce((sum, each) => sum + base64Length(each.value ?? ''), 0)
  if (bytes <= MAX_VALUE_BYTES) return operations
  throw new BadRequest(
    413,
    `Cumulative size of key data is too large (${bytes} > ${MAX_VALUE_BYTES} bytes)`,
  )
}

function parseOperation(kv: unknown, prefix: string): TxnOperation {
  if (kv === undefined) {
    throw new BadRequest(400, `${prefix}: only KV operations are modelled`)
  }
  const reader = new BodyReader(kv, prefix)
  const key = reader.text('Key', '')
  const value = reader.has('Value') ? reader.text('Value', '') : null
  if (value !== null && !isBase64(value)) {
    throw new BadRequest(400, `${prefix}: failed to decode value: illegal base64 data`)
  }
  const bytes = base64Length(value ?? '')
  if (bytes > MAX_VALUE_BYTES) {
    throw new BadRequest(
      413,
      `Value for key ${quoted(key)} is too large (${bytes} > ${MAX_VALUE_BYTES} bytes)`,
    )
  }
  return {
    verb: reader.text('Verb', ''),
    key,
    value,
    flags: parseUint(reader.text('Flags', '0')),
    index: reader.number('Index', 0),
    session: reader.text('Session', ''),
  }
}
