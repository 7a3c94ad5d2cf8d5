import type {
  CheckRecord,
  ConsulVersion,
  KvEntry,
  NodeRecord,
  Session,
  TxnAnswer,
} from '../store/commands.ts'

const UNSAFE = /[<>&\u2028\u2029]/

/** A string as Go's encoder writes it: fit to stand in HTML. */
function text(value: string): string {
  const json = JSON.stringify(value)
  return UNSAFE.test(json) ? json.replace(/[<>&\u2028\u2029]/g, escaped) : json
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function list(items: readonly string[]): string {
  return `[${items.join(',')}]`
}

/** Flags are written as their digits: a number of 64 bits would not survive JSON.stringify. */
function entryJson(entry: KvEntry): string {
  const value = entry.value === null ? 'null' : `"${entry.value}"`
  const session = entry.session === '' ? '' : `"Session":${text(entry.session)},`
  return (
    `{"LockIndex":${entry.lockIndex},"Key":${text(entry.key)},"Flags":${entry.flags},` +
    `"Value":${value},${session}` +
    `"CreateIndex":${entry.createIndex},"ModifyIndex":${entry.modifyIndex}}`
  )
}

export function entriesJson(entries: readonly KvEntry[]): string {
  return list(entries.map(entryJson))
}

export function textsJson(texts: readonly string[]): string {
  return list(texts.map(text))
}

export function textJson(value: string): string {
  return text(value)
}

export function sessionsJson(sessions: readonly Session[], version: ConsulVersion): string {
  return list(sessions.map((each) => sessionJson(each, version)))
}

function sessionJson(session: Session, version: ConsulVersion): string {
  const checks = textsJson(session.checks)
  const delay = `"LockDelay":${session.lockDelay},`
  const rest = `"Behavior":${text(session.behavior)},"TTL":${text(session.ttl)},`
  const middle =
    version === '1.2'
      ? `"Checks":${checks},${delay}${rest}`
      : `${delay}${rest}"NodeChecks":${checks},"ServiceChecks":null,`
  return (
    `{"ID":${text(session.id)},"Name":${text(session.name)},"Node":${text(session.node)},` +
    `${middle}"CreateIndex":${session.createIndex},"ModifyIndex":${session.modifyIndex}}`
  )
}

/** `meta` are the members that follow in the answer to a transaction that only reads. */
export function txnJson(txn: TxnAnswer, meta = ''): string {
  const results = txn.results?.map((entry) => `{"KV":${entryJson(entry)}}`)
  const errors = txn.errors?.map(({ index, what }) => `{"OpIndex":${index},"What":${text(what)}}`)
  return `{"Results":${results ? list(results) : 'null'},"Errors":${errors ? list(errors) : 'null'}${meta}}`
}

export function nodesJson(nodes: readonly NodeRecord[], datacenter: string): string {
  return list(
    nodes.map(
      (each) =>
        `{"ID":"","Node":${text(each.node)},"Address":${text(each.address)},` +
        `"Datacenter":${text(datacenter)},"TaggedAddresses":null,"Meta":null,` +
        `"CreateIndex":${each.createIndex},"ModifyIndex":${each.modifyIndex}}`,
    ),
  )
}

export function checksJson(checks: readonly CheckRecord[], version: ConsulVersion): string {
  const type = version === '1.2' ? '' : '"Type":"",'
  return list(
    checks.map(
      (each) =>
        `{"Node":${text(each.node)},"CheckID":${text(each.check)},"Name":${text(each.name)},` +
        `"Status":${text(each.status)},"Notes":"","Output":${text(each.output)},` +
        '"ServiceID":"","ServiceName":"","ServiceTags":[],' +
        `${type}"Definition":{},` +
        `"CreateIndex":${each.createIndex},"ModifyIndex":${each.modifyIndex}}`,
    ),
  )
}
