import {
  addressBytes,
  concatenate,
  decodeMessage,
  endpointOf,
  MESSAGE,
  type Message,
  type NamedEndpoint,
  type UserMessage,
  VERSIONS,
} from './messages.ts'
import { encodeMsgpack, Fields, MsgpackReader, struct } from './msgpack.ts'

/** A state in the numbers of memberlist's state.go. */
export const NODE_STATES = ['alive', 'suspect', 'dead', 'left'] as const

export type NodeStateName = (typeof NODE_STATES)[number]

/** A node as it stands in a push/pull. */
export interface RemoteNode extends NamedEndpoint {
  readonly meta: Uint8Array
  readonly incarnation: number
  readonly state: NodeStateName
}

export interface PushPull {
  readonly join: boolean
  readonly nodes: readonly RemoteNode[]
  readonly userState: Uint8Array
}

/**
 * Messages that were sent from here, by the memory of their bytes: nobody changes it, and a peer that has read
 * all of it need not take it apart.
 */
const sent = new WeakMap<ArrayBufferLike, PushPull | UserMessage>()

/** @returns what was sent as these bytes; `short` for the beginning of them; undefined when it is not known. */
function sentAs({ buffer, byteOffset, length }: Uint8Array) {
  const message = sent.get(buffer)
  if (message === undefined || byteOffset !== 0) return undefined
  return length === buffer.byteLength ? message : 'short'
}

export function encodePushPull({ join, nodes, userState }: PushPull): Uint8Array {
  const header = struct({ Join: join, Nodes: nodes.length, UserStateLen: userState.length })
  const parts = [Uint8Array.of(MESSAGE.pushPull), encodeMsgpack(header)]
  for (const node of nodes) parts.push(encodeNode(node))
  parts.push(userState)
  const bytes = concatenate(parts)
  // Nodes change while it is on its way.
  sent.set(bytes.buffer, { join, nodes: nodes.map(copyOf), userState })
  return bytes
}

function encodeNode(node: RemoteNode): Uint8Array {
  return encodeMsgpack(
    struct({
      Addr: addressBytes(node.address),
      Incarnation: node.incarnation,
      Meta: node.meta,
      Name: node.name,
      Port: node.port,
      State: NODE_STATES.indexOf(node.state),
      Vsn: VERSIONS,
    }),
  )
}

function copyOf({ name, address, port, meta, incarnation, state }: RemoteNode): RemoteNode {
  return { name, address, port, meta, incarnation, state }
}

/** Reads one, its first byte included. @returns `short` when more bytes have to come. */
export function decodePushPull(bytes: Uint8Array): PushPull | 'short' | 'bad' {
  const known = sentAs(bytes)
  if (known === 'short' || (known !== undefined && 'nodes' in known)) return known
  const reader = new MsgpackReader(bytes, 1)
  const first = reader.value()
  if (reader.failure === null && !(first instanceof Map)) return 'bad'
  const header = new Fields(first)
  const nodes: RemoteNode[] = []
  for (let i = header.number('Nodes'); i > 0 && reader.failure === null; i--) {
    const fields = new Fields(reader.value())
    const state = NODE_STATES[fields.number('State')]
    if (state === undefined) return 'bad'
    const endpoint = endpointOf(fields, 'Name', 'Addr', 'Port')
    const incarnation = fields.number('Incarnation')
    nodes.push({ ...endpoint, meta: fields.bytes('Meta'), incarnation, state })
  }
  if (reader.failure !== null) return reader.failure
  const end = reader.at + header.number('UserStateLen')
  if (end > bytes.length) return 'short'
  return { join: header.boolean('Join'), nodes, userState: bytes.slice(reader.at, end) }
}

/** A user message by TCP, where its length comes first. */
export interface UserStream {
  /** As it travels. */
  readonly bytes: Uint8Array
  /** What of it is the message's own, in the same memory. */
  readonly content: Uint8Array
}

/** @param parts of the content, which may be long: it is put together only once. */
export function encodeUserStream(parts: readonly Uint8Array[]): UserStream {
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  const header = encodeMsgpack(struct({ UserMsgLen: size }))
  const bytes = concatenate([Uint8Array.of(MESSAGE.user), header, ...parts])
  const content = bytes.subarray(bytes.length - size)
  sent.set(bytes.buffer, { type: 'user', content })
  return { bytes, content }
}

export function decodeUserStream(bytes: Uint8Array): UserMessage | 'short' | 'bad' {
  const known = sentAs(bytes)
  if (known === 'short' || (known !== undefined && 'type' in known)) return known
  const reader = new MsgpackReader(bytes, 1)
  const end = new Fields(reader.value()).number('UserMsgLen')
  if (reader.failure !== null) return reader.failure
  if (reader.at + end > bytes.length) return 'short'
  return { type: 'user', content: bytes.slice(reader.at, reader.at + end) }
}

/** A ping or an ack by TCP. */
export function decodeMessageStream(bytes: Uint8Array): Message | 'short' | 'bad' {
  const reader = new MsgpackReader(bytes, 1)
  reader.value()
  return reader.failure ?? decodeMessage(bytes.subarray(0, reader.at)) ?? 'bad'
}
