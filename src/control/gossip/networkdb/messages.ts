import { encodeUserStream, type UserStream } from '../wire/stream-messages.ts'
import { ProtobufWriter } from './protobuf.ts'

/** MessageType of networkdb.proto. */
export const MESSAGE = {
  networkEvent: 1,
  tableEvent: 2,
  pushPull: 3,
  bulkSync: 4,
  compound: 5,
  nodeEvent: 6,
} as const

/** A node has come to the cluster or leaves it. */
export interface NodeEvent {
  readonly type: 'node'
  readonly action: 'join' | 'leave'
  readonly time: number
  readonly node: string
}

/** A node has come to a network or leaves it. */
export interface NetworkEvent {
  readonly type: 'network'
  readonly action: 'join' | 'leave'
  readonly time: number
  readonly node: string
  readonly network: string
}

export type TableAction = 'create' | 'update' | 'delete'

/** A row of a table of one network has changed; `node` owns it. */
export interface TableEvent {
  readonly type: 'table'
  readonly action: TableAction
  readonly time: number
  readonly node: string
  readonly network: string
  readonly table: string
  readonly key: string
  readonly value: Uint8Array
  /** Of a deleted row: whole seconds until it is forgotten. */
  readonly residual: number
  /** Which row of its network: one for all who know the event. */
  readonly path: string
  /** As it travels. */
  readonly bytes: Uint8Array
  /** Of all events the how-manieth: no other one has it. */
  readonly number: number
}

export interface NetworkEntry {
  readonly network: string
  readonly time: number
  readonly node: string
  readonly isLeaving: boolean
}

/** Who is in which network: networkdb's part of memberlist's push/pull. */
export interface NetworkPushPull {
  readonly type: 'push-pull'
  readonly time: number
  readonly networks: readonly NetworkEntry[]
  readonly node: string
}

/** Rows of some networks, sent by TCP; one that was asked for is the answer to one that was not. */
export interface BulkSync {
  readonly type: 'bulk-sync'
  readonly time: number
  readonly isUnsolicited: boolean
  readonly node: string
  readonly networks: readonly string[]
  readonly payload: Compound
}

/** One message of several. */
export interface Compound {
  readonly type: 'compound'
  readonly messages: readonly GossipMessage[]
}

export type GossipMessage =
  | NodeEvent
  | NetworkEvent
  | TableEvent
  | NetworkPushPull
  | BulkSync
  | Compound

export const TABLE_ACTIONS = ['create', 'update', 'delete'] as const
export const PRESENCE_ACTIONS = ['join', 'leave'] as const

/**
 * What messages say, by their bytes, which nobody changes. Every node of a network gets the same ones many times
 * over: all keep the one event that its owner has made.
 */
const known = new WeakMap<Uint8Array, GossipMessage>()

/** @returns what the bytes are known to say; undefined for those that have to be read. */
export function knownMessage(bytes: Uint8Array): GossipMessage | undefined {
  return known.get(bytes)
}

/** @returns `bytes`, which say so. */
export function remember(bytes: Uint8Array, message: GossipMessage): Uint8Array {
  known.set(bytes, message)
  return bytes
}

/** A gossip message: a type and a content. */
function gossip(type: number, data: Uint8Array): Uint8Array {
  return new ProtobufWriter().number(1, type).bytes(2, data).finish()
}

/** Of events of nodes and networks, which each node passes on. */
const written = new WeakMap<NodeEvent | NetworkEvent, Uint8Array>()

/** @returns the bytes that it came by, if it was passed on. */
export function encodePresence(event: NodeEvent | NetworkEvent): Uint8Array {
  const earlier = written.get(event)
  if (earlier !== undefined) return earlier
  const bytes = event.type === 'node' ? encodeNodeEvent(event) : encodeNetworkEvent(event)
  written.set(event, bytes)
  return bytes
}

function encodeNodeEvent(event: NodeEvent): Uint8Array {
  const { action, time, node } = event
  const type = PRESENCE_ACTIONS.indexOf(action) + 1
  const writer = new ProtobufWriter().number(1, type).number(2, time).text(3, node)
  return remember(gossip(MESSAGE.nodeEvent, writer.finish()), event)
}

function encodeNetworkEvent(event: NetworkEvent): Uint8Array {
  const type = PRESENCE_ACTIONS.indexOf(event.action) + 1
  const writer = new ProtobufWriter().number(1, type).number(2, event.time)
  writer.text(3, event.node).text(4, event.network)
  return remember(gossip(MESSAGE.networkEvent, writer.finish()), event)
}

/** A table event without what follows from the rest. */
export type TableEventFields = Omit<TableEvent, 'type' | 'path' | 'bytes' | 'number'>

/** @returns the event with its bytes. */
export function tableEvent(fields: TableEventFields): TableEvent {
  const writer = new ProtobufWriter()
    .number(1, TABLE_ACTIONS.indexOf(fields.action) + 1)
    .number(2, fields.time)
    .text(3, fields.node)
    .text(4, fields.network)
    .text(5, fields.table)
    .text(6, fields.key)
  if (fields.value.length > 0) writer.bytes(7, fields.value)
  writer.number(8, fields.residual)
  return eventOf(fields, gossip(MESSAGE.tableEvent, writer.finish()))
}

/** Only told apart by it, never ordered: how many there were before is no matter. */
let events = 0

/** The event that these bytes say. */
export function eventOf(fields: TableEventFields, bytes: Uint8Array): TableEvent {
  const { action, time, node, network, table, key, value, residual } = fields
  const path = `${table}/${key}`
  const event: TableEvent = {
    ...{ type: 'table', action, time, node, network, table, key, value, residual },
    ...{ path, bytes, number: events++ },
  }
  remember(bytes, event)
  return event
}

export function encodePushPull(state: NetworkPushPull): Uint8Array {
  const writer = new ProtobufWriter().number(1, state.time)
  for (const entry of state.networks) {
    const part = new ProtobufWriter().text(1, entry.network).number(2, entry.time)
    part.text(3, entry.node).number(4, entry.isLeaving ? 1 : 0)
    writer.bytes(2, part.finish())
  }
  return remember(gossip(MESSAGE.pushPull, writer.text(3, state.node).finish()), state)
}

/** What stands before a content of `size` bytes. */
export function envelope(type: number, size: number): Uint8Array {
  return new ProtobufWriter().number(1, type).head(2, size).finish()
}

/** For TCP. @param rows of its payload, as entries of a compound. */
export function encodeBulkSync(sync: BulkSync, rows: readonly Uint8Array[]): UserStream {
  const size = rows.reduce((sum, { length }) => sum + length, 0)
  const payload = envelope(MESSAGE.compound, size)
  const writer = new ProtobufWriter().number(1, sync.time).number(2, sync.isUnsolicited ? 1 : 0)
  writer.text(3, sync.node)
  for (const network of sync.networks) writer.text(4, network)
  const fields = writer.head(5, payload.length + size).finish()
  const front = envelope(MESSAGE.bulkSync, fields.length + payload.length + size)
  const stream = encodeUserStream([front, fields, payload, ...rows])
  remember(stream.content, sync)
  return stream
}
