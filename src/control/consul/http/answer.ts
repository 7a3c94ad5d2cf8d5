import { MILLISECOND, NANOSECOND } from '../../../sim/units.ts'
import type { HeaderList } from '../../http/headers.ts'
import type { Result, Rows, Session, TxnAnswer } from '../store/commands.ts'
import { fromBase64 } from './bytes.ts'
import type { AgentIdentity, Consistency, ConsulReply, HttpAnswer, Shape } from './call.ts'
import {
  checksJson,
  entriesJson,
  nodesJson,
  sessionsJson,
  textJson,
  textsJson,
  txnJson,
} from './json.ts'
import { jsonAnswer, textAnswer } from './plain-answer.ts'

type Answered = Extract<ConsulReply, { kind: 'answer' }>

/** What the client reads. Source: consul agent/http.go, agent/kvs_endpoint.go and their neighbours. */
export function encodeReply(shape: Shape, reply: ConsulReply, agent: AgentIdentity): HttpAnswer {
  switch (reply.kind) {
    case 'error':
      return textAnswer(500, reply.text)
    case 'result':
      return encodeResult(shape, reply.result)
    case 'answer':
      return encodeAnswer(shape, reply, agent)
    case 'renewed':
      return encodeRenewal(shape, reply.sessions, agent)
    case 'leader':
      return jsonAnswer(200, textJson(reply.address))
    case 'peers':
      return jsonAnswer(200, textsJson(reply.addresses))
  }
}

function encodeResult(shape: Shape, result: Result): HttpAnswer {
  switch (result.kind) {
    case 'error':
      return textAnswer(500, result.text)
    case 'session':
      return jsonAnswer(200, `{"ID":${textJson(result.id)}}`)
    case 'txn':
      return encodeTxn(result.txn, [], '')
    case 'ok':
      return jsonAnswer(200, shape.as === 'true' || result.value ? 'true' : 'false')
  }
}

/** A refused transaction is a conflict. */
function encodeTxn(txn: TxnAnswer, headers: HeaderList, meta: string): HttpAnswer {
  return jsonAnswer(txn.errors === null ? 200 : 409, txnJson(txn, meta), headers)
}

function encodeRenewal(
  shape: Shape,
  sessions: readonly Session[],
  agent: AgentIdentity,
): HttpAnswer {
  if (sessions.length > 0) return jsonAnswer(200, sessionsJson(sessions, agent.version))
  const id = shape.as === 'renewal' ? shape.session : ''
  return textAnswer(404, `Session id '${id}' not found`)
}

function encodeAnswer(shape: Shape, reply: Answered, agent: AgentIdentity): HttpAnswer {
  const { rows } = reply.answer
  if (rows.kind === 'txn') return encodeTxn(rows.txn, contactOf(reply), metaOf(reply))
  const headers: HeaderList = [
    ...consistencyOf(shape),
    ['X-Consul-Index', String(reply.answer.index)],
    ...contactOf(reply),
  ]
  if (isMissing(shape, rows)) return textAnswer(404, '', headers)
  if (shape.as === 'raw' && rows.kind === 'entries') return rawAnswer(rows, headers)
  return jsonAnswer(200, rowsJson(rows, agent), headers)
}

function rowsJson(rows: Exclude<Rows, { kind: 'txn' }>, agent: AgentIdentity): string {
  switch (rows.kind) {
    case 'entries':
      return entriesJson(rows.entries)
    case 'keys':
      return textsJson(rows.keys)
    case 'sessions':
      return sessionsJson(rows.sessions, agent.version)
    case 'nodes':
      return nodesJson(rows.nodes, agent.datacenter)
    case 'checks':
      return checksJson(rows.checks, agent.version)
  }
}

/** Lists of keys and values that are empty are not found, but for the keys of the root. */
function isMissing(shape: Shape, rows: Rows): boolean {
  if (rows.kind === 'entries') return rows.entries.length === 0
  return (
    rows.kind === 'keys' && rows.keys.length === 0 && shape.as === 'keys' && shape.prefix !== ''
  )
}

/** The value alone; its type is guessed from the bytes, which is not modelled. */
function rawAnswer(rows: Extract<Rows, { kind: 'entries' }>, headers: HeaderList): HttpAnswer {
  const { headers: plain } = textAnswer(200, '', headers)
  return { status: 200, headers: plain, body: fromBase64(rows.entries[0]?.value ?? '') }
}

function contactOf(reply: Answered): HeaderList {
  const milliseconds = Math.floor(Math.max(0, reply.lastContact) / MILLISECOND)
  return [
    ['X-Consul-Knownleader', String(reply.knownLeader)],
    ['X-Consul-Lastcontact', String(milliseconds)],
  ]
}

/** Only the catalog's and the health endpoints say it. */
function consistencyOf(shape: Shape): HeaderList {
  if (shape.as !== 'nodes' && shape.as !== 'checks') return []
  return [['X-Consul-Effective-Consistency', effective(shape.consistency)]]
}

function effective(consistency: Consistency): string {
  return consistency === 'default' ? 'leader' : consistency
}

function metaOf(reply: Answered): string {
  const nanoseconds = Math.floor(reply.lastContact / NANOSECOND)
  return `,"Index":0,"LastContact":${nanoseconds},"KnownLeader":${reply.knownLeader},"ConsistencyLevel":""`
}
