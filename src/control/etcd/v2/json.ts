/** The keys API's JSON, in the field order and with the escapes of Go's encoder. */
import { rfc3339 } from '../../program/wall-clock.ts'
import type { V2Error } from './errors.ts'
import type { V2Event, V2Node } from './event.ts'
import { KEYS_ROOT } from './tree.ts'

/** Clients do not see that their keys lie in a directory of the store. */
function withoutKeysRoot(path: string): string {
  return path.startsWith(KEYS_ROOT) ? path.slice(KEYS_ROOT.length) : path
}

/** A listing goes to many clients, and a change to all who watch: each is encoded once. */
const encoded = new WeakMap<V2Event, string>()

/** A line of JSON. @param isBare only the action, for `noValueOnSuccess` */
export function encodeEvent(event: V2Event, isBare = false): string {
  if (isBare) return `{"action":"${event.action}"}\n`
  const known = encoded.get(event)
  if (known !== undefined) return known
  const line = encodeWhole(event)
  encoded.set(event, line)
  return line
}

function encodeWhole(event: V2Event): string {
  const prevNode = event.prevNode === undefined ? '' : `,"prevNode":${encodeNode(event.prevNode)}`
  return `{"action":"${event.action}","node":${encodeNode(event.node)}${prevNode}}\n`
}

export function encodeError(error: V2Error): string {
  const cause = withoutKeysRoot(error.cause)
  const shown = cause === '' ? '' : `,"cause":${encodeString(cause)}`
  const { code, message, index } = error
  return `{"errorCode":${code},"message":${encodeString(message)}${shown},"index":${index}}`
}

/** Files without a TTL, which the tree shows again as the same object while they do not change. */
const encodedFiles = new WeakMap<V2Node, string>()

function encodeNode(node: V2Node): string {
  if (node.value === undefined || node.ttl !== undefined) return encodeFields(node)
  const known = encodedFiles.get(node)
  if (known !== undefined) return known
  const text = encodeFields(node)
  encodedFiles.set(node, text)
  return text
}

/** Empty and zero fields are left out, an empty value is not. */
function encodeFields(node: V2Node): string {
  const fields: string[] = []
  const key = withoutKeysRoot(node.key)
  if (key !== '') fields.push(`"key":${encodeString(key)}`)
  if (node.value !== undefined) fields.push(`"value":${encodeString(node.value)}`)
  if (node.dir === true) fields.push('"dir":true')
  if (node.expiration !== undefined) {
    fields.push(`"expiration":"${rfc3339(node.expiration)}"`)
  }
  if (node.ttl) fields.push(`"ttl":${node.ttl}`)
  if (node.nodes !== undefined) fields.push(`"nodes":[${node.nodes.map(encodeNode).join(',')}]`)
  if (node.modifiedIndex > 0) fields.push(`"modifiedIndex":${node.modifiedIndex}`)
  if (node.createdIndex > 0) fields.push(`"createdIndex":${node.createdIndex}`)
  return `{${fields.join(',')}}`
}

/** What Go's encoder escapes otherwise than JSON.stringify; `\\` is here so that it is passed over. */
const DIFFERENT = /\\\\|\\[bf]|[<>&\u2028\u2029]/g
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\b', '\\u0008'],
  ['\\f', '\\u000c'],
  ['<', '\\u003c'],
  ['>', '\\u003e'],
  ['&', '\\u0026'],
  ['\u2028', '\\u2028'],
  ['\u2029', '\\u2029'],
])

export function encodeString(text: string): string {
  return JSON.stringify(text).replace(DIFFERENT, (found) => ESCAPES.get(found) ?? found)
}
