import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { encodeMsgpack, Fields, type Msgpack, struct } from './msgpack.ts'

/** Types of messages of memberlist (net.go), the first byte of each. 9 and 10 wrap compressed and encrypted ones. */
export const MESSAGE = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  nack: 11,
  crc: 12,
} as const

/** Where one is reached, both by UDP and by TCP. */
export interface Endpoint {
  readonly address: Ipv4Address
  readonly port: number
}

export interface NamedEndpoint extends Endpoint {
  readonly name: string
}

export interface Ping {
  readonly type: 'ping'
  readonly sequence: number
  /** Who is meant: a ping that comes to another one is ignored. */
  readonly node: string
  readonly source: NamedEndpoint
}

export interface IndirectPing {
  readonly type: 'indirect-ping'
  readonly sequence: number
  readonly target: NamedEndpoint
  readonly source: NamedEndpoint
}

export interface Ack {
  readonly type: 'ack'
  readonly sequence: number
  readonly payload: Uint8Array
}

export interface Nack {
  readonly type: 'nack'
  readonly sequence: number
}

export interface Alive extends NamedEndpoint {
  readonly type: 'alive'
  readonly incarnation: number
  readonly meta: Uint8Array
}

/** `dead` that comes from the node itself: it leaves. */
export interface Rumour {
  readonly type: 'suspect' | 'dead'
  readonly incarnation: number
  readonly node: string
  readonly from: string
}

export interface UserMessage {
  readonly type: 'user'
  readonly content: Uint8Array
}

export type Message = Ping | IndirectPing | Ack | Nack | Alive | Rumour | UserMessage

/**
 * Versions of the protocols: lowest, highest and spoken ones of memberlist, then of Serf. All nodes here
 * have the same, so nobody looks at them.
 */
export const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 4)

type News = Alive | Rumour | UserMessage

/**
 * What news say, by their bytes, and the bytes by what they say (of user messages by the content). Nobody changes
 * either. News go out many times over, and who gets them in a packet that was made here gets the very same
 * bytes, and passes them on.
 */
const known = new WeakMap<Uint8Array, News>()
const written = new WeakMap<object, Uint8Array>()

export function encodeMessage(message: Message): Uint8Array {
  switch (message.type) {
    case 'ping':
      return body(MESSAGE.ping, {
        Node: message.node,
        SeqNo: message.sequence,
        ...sourceFields(message.source),
      })
    case 'indirect-ping':
      return encodeIndirectPing(message)
    case 'ack': {
      const { payload, sequence } = message
      return body(MESSAGE.ack, { Payload: payload.length > 0 ? payload : null, SeqNo: sequence })
    }
    case 'nack':
      return body(MESSAGE.nack, { SeqNo: message.sequence })
    default:
      return encodeNews(message)
  }
}

function encodeNews(message: News): Uint8Array {
  const key = message.type === 'user' ? message.content : message
  const earlier = written.get(key)
  if (earlier !== undefined) return earlier
  const bytes = writeNews(message)
  written.set(key, bytes)
  known.set(bytes, message)
  return bytes
}

function writeNews(message: News): Uint8Array {
  switch (message.type) {
    case 'alive':
      return body(MESSAGE.alive, {
        Addr: addressBytes(message.address),
        Incarnation: message.incarnation,
        Meta: message.meta,
        Node: message.name,
        Port: message.port,
        Vsn: VERSIONS,
      })
    case 'suspect':
    case 'dead': {
      const { from, incarnation, node, type } = message
      return body(MESSAGE[type], { From: from, Incarnation: incarnation, Node: node })
    }
    case 'user':
      return prefixed(MESSAGE.user, message.content)
  }
}

function encodeIndirectPing({ sequence, target, source }: IndirectPing): Uint8Array {
  return body(MESSAGE.indirectPing, {
    Nack: true,
    Node: target.name,
    Port: target.port,
    SeqNo: sequence,
    ...sourceFields(source),
    Target: addressBytes(target.address),
  })
}

function sourceFields(source: NamedEndpoint): Record<string, Msgpack> {
  return {
    SourceAddr: addressBytes(source.address),
    SourceNode: source.name,
    SourcePort: source.port,
  }
}

function body(type: number, fields: Readonly<Record<string, Msgpack>>): Uint8Array {
  return prefixed(type, encodeMsgpack(struct(fields)))
}

/** `content` after a byte that says what it is. */
export function prefixed(type: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + content.length)
  bytes[0] = type
  bytes.set(content, 1)
  return bytes
}

/** @returns `bytes`, which say so. */
export function userMessage(bytes: Uint8Array, content: Uint8Array): Uint8Array {
  known.set(bytes, { type: 'user', content })
  return bytes
}

/** @returns null for what is no message, or one of a type that travels otherwise. */
export function decodeMessage(bytes: Uint8Array): Message | null {
  switch (bytes[0]) {
    case MESSAGE.user:
    case MESSAGE.alive:
    case MESSAGE.suspect:
    case MESSAGE.dead:
      return known.get(bytes) ?? decodeNews(bytes)
    default:
      return decodeTalk(bytes)
  }
}

function decodeNews(bytes: Uint8Array): News | null {
  if (bytes[0] === MESSAGE.user) return { type: 'user', content: bytes.slice(1) }
  const fields = Fields.decode(bytes, 1)
  if (fields === null) return null
  switch (bytes[0]) {
    case MESSAGE.suspect:
      return { type: 'suspect', ...rumourOf(fields) }
    case MESSAGE.dead:
      return { type: 'dead', ...rumourOf(fields) }
    default: {
      const endpoint = endpointOf(fields, 'Node', 'Addr', 'Port')
      const incarnation = fields.number('Incarnation')
      return { type: 'alive', ...endpoint, incarnation, meta: fields.bytes('Meta') }
    }
  }
}

/** What goes between two nodes and is not passed on. */
function decodeTalk(bytes: Uint8Array): Message | null {
  const fields = Fields.decode(bytes, 1)
  if (fields === null) return null
  switch (bytes[0]) {
    case MESSAGE.ping:
      return decodePing(fields)
    case MESSAGE.indirectPing: {
      const target = endpointOf(fields, 'Node', 'Target', 'Port')
      const source = sourceOf(fields)
      return { type: 'indirect-ping', sequence: fields.number('SeqNo'), target, source }
    }
    case MESSAGE.ack:
      return { type: 'ack', sequence: fields.number('SeqNo'), payload: fields.bytes('Payload') }
    case MESSAGE.nack:
      return { type: 'nack', sequence: fields.number('SeqNo') }
    default:
      return null
  }
}

function decodePing(fields: Fields): Ping {
  const sequence = fields.number('SeqNo')
  return { type: 'ping', sequence, node: fields.text('Node'), source: sourceOf(fields) }
}

function rumourOf(fields: Fields) {
  const incarnation = fields.number('Incarnation')
  return { incarnation, node: fields.text('Node'), from: fields.text('From') }
}

function sourceOf(fields: Fields): NamedEndpoint {
  return endpointOf(fields, 'SourceNode', 'SourceAddr', 'SourcePort')
}

export function endpointOf(
  fields: Fields,
  name: string,
  address: string,
  port: string,
): NamedEndpoint {
  return {
    name: fields.text(name),
    address: addressOf(fields.view(address)),
    port: fields.number(port),
  }
}

/** An address as Go's net.IP holds it after To4. */
export function addressBytes(address: Ipv4Address): Uint8Array {
  return Uint8Array.of(address >>> 24, address >>> 16, address >>> 8, address)
}

/** @returns 0.0.0.0 for what is no address. */
export function addressOf(bytes: Uint8Array): Ipv4Address {
  if (bytes.length !== 4) return 0
  return (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
