import { ProtobufReader, ProtobufWriter } from './protobuf.ts'

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
  /** As it travels. */
  readonly bytes: Uint8Array
}

export interface NetworkEntry {
  readonly network: string
  readonly time: number
  readonly node: string
  readonly isLeaving: boolean
}

/** Who is in which network: networkdb's part of memberlist's push/pull. */
export interface NetworkPushPull {
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
  /** A compound of table events. */
  readonly payload: Uint8Array
}

const TABLE_ACTIONS = ['create', 'update', 'delete'] as const
const PRESENCE_ACTIONS = ['join', 'leave'] as const

/** GossipMessage: a type and a content. */
function gossip(type: number, data: Uint8Array): Uint8Array {
  return new ProtobufWriter().number(1, type).bytes(2, data).finish()
}

export function encodeNodeEvent({ action, time, node }: Omit<NodeEvent, 'type'>): Uint8Array {
  const type = PRESENCE_ACTIONS.indexOf(action) + 1
  const writer = new ProtobufWriter().number(1, type).number(2, time).text(3, node)
  return gossip(MESSAGE.nodeEvent, writer.finish())
}

export function encodeNetworkEvent(event: Omit<NetworkEvent, 'type'>): Uint8Array {
  const type = PRESENCE_ACTIONS.indexOf(event.action) + 1
  const writer = new ProtobufWriter().number(1, type).number(2, event.time)
  writer.text(3, event.node).text(4, event.network)
  return gossip(MESSAGE.networkEvent, writer.finish())
}

/** @returns the event with its bytes. */
export function tableEvent(event: Omit<TableEvent, 'type' | 'bytes'>): TableEvent {
  const writer = new ProtobufWriter()
    .number(1, TABLE_ACTIONS.indexOf(event.action) + 1)
    .number(2, event.time)
    .text(3, event.node)
    .text(4, event.network)
    .text(5, event.table)
    .text(6, event.key)
  if (event.value.length > 0) writer.bytes(7, event.value)
  writer.number(8, event.residual)
  return { type: 'table', ...event, bytes: gossip(MESSAGE.tableEvent, writer.finish()) }
}

export function encodePushPull({ time, networks, node }: NetworkPushPull): Uint8Array {
  const writer = new ProtobufWriter().number(1, time)
  for (const entry of networks) {
    const part = new ProtobufWriter().text(1, entry.network).number(2, entry.time)
    part.text(3, entry.node).number(4, entry.isLeaving ? 1 : 0)
    writer.bytes(2, part.finish())
  }
  return gossip(MESSAGE.pushPull, writer.text(3, node).finish())
}

/** Bytes that a message takes in a compound besides its own. */
export const COMPOUND_ENTRY_BYTES = 6
export const COMPOUND_HEADER_BYTES = 8

/** One message of several: CompoundMessage of SimpleMessages. */
export function encodeCompound(messages: readonly Uint8Array[]): Uint8Array {
  const parts = messages.flatMap((message) => {
    const simple = head(1, message.length)
    return [head(1, simple.length + message.length), simple, message]
  })
  return wrapped(MESSAGE.compound, parts)
}

/** Key and length of a field of bytes. */
function head(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2]
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** A gossip message of parts that need not be copied twice. */
function wrapped(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, { length }) => sum + length, 0)
  const front = [Uint8Array.of(8, type), head(2, size)]
  const bytes = new Uint8Array(size + front[0]!.length + front[1]!.length)
  let at = 0
  for (const part of [...front, ...parts]) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

export function encodeBulkSync(sync: Omit<BulkSync, 'type'>): Uint8Array {
  const writer = new ProtobufWriter().number(1, sync.time).number(2, sync.isUnsolicited ? 1 : 0)
  writer.text(3, sync.node)
  for (const network of sync.networks) writer.text(4, network)
  return wrapped(MESSAGE.bulkSync, [writer.finish(), head(5, sync.payload.length), sync.payload])
}

/** A message's type and where its content is; null for what is none. */
export interface Envelope {
  readonly type: number
  readonly content: Uint8Array
}

export function openEnvelope(bytes: Uint8Array): Envelope | null {
  const reader = new ProtobufReader(bytes)
  let type = 0
  let content = bytes.subarray(0, 0)
  while (reader.next()) {
    if (reader.field === 1) type = reader.value
    else if (reader.field === 2) content = reader.content()
  }
  return reader.isBad || type === 0 ? null : { type, content }
}

/** The messages of a compound, whole. */
export function openCompound(content: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = []
  const outer = new ProtobufReader(content)
  while (outer.next()) {
    const inner = new ProtobufReader(content, outer.start, outer.start + outer.value)
    if (inner.next()) messages.push(inner.content())
  }
  return messages
}

export function decodePresence({ type, content }: Envelope): NodeEvent | NetworkEvent | null {
  const reader = new ProtobufReader(content)
  let [action, time, node, network] = [0, 0, '', '']
  while (reader.next()) {
    if (reader.field === 1) action = reader.value
    else if (reader.field === 2) time = reader.value
    else if (reader.field === 3) node = reader.text()
    else network = reader.text()
  }
  const name = PRESENCE_ACTIONS[action - 1]
  if (reader.isBad || name === undefined) return null
  if (type === MESSAGE.nodeEvent) return { type: 'node', action: name, time, node }
  return { type: 'network', action: name, time, node, network }
}

/** @param whole the gossip message, of which `content` is a part; kept with the event. */
export function decodeTableEvent(whole: Uint8Array, content: Uint8Array): TableEvent | null {
  const reader = new ProtobufReader(content)
  const bytes = whole.slice()
  let [action, time, node, network, table, key, residual] = [0, 0, '', '', '', '', 0]
  let value = bytes.subarray(0, 0)
  while (reader.next()) {
    const { field } = reader
    if (field === 1) action = reader.value
    else if (field === 2) time = reader.value
    else if (field === 3) node = reader.text()
    else if (field === 4) network = reader.text()
    else if (field === 5) table = reader.text()
    else if (field === 6) key = reader.text()
    else if (field === 7) value = reader.content().slice()
    else residual = reader.value
  }
  const name = TABLE_ACTIONS[action - 1]
  if (reader.isBad || name === undefined) return null
  return { type: 'table', action: name, time, node, network, table, key, value, residual, bytes }
}

export function decodePushPull(content: Uint8Array): NetworkPushPull | null {
  const reader = new ProtobufReader(content)
  const networks: NetworkEntry[] = []
  let [time, node] = [0, '']
  while (reader.next()) {
    if (reader.field === 1) time = reader.value
    else if (reader.field === 2) networks.push(decodeEntry(reader.content()))
    else node = reader.text()
  }
  return reader.isBad ? null : { time, networks, node }
}

function decodeEntry(content: Uint8Array): NetworkEntry {
  const reader = new ProtobufReader(content)
  let [network, time, node, isLeaving] = ['', 0, '', false]
  while (reader.next()) {
    if (reader.field === 1) network = reader.text()
    else if (reader.field === 2) time = reader.value
    else if (reader.field === 3) node = reader.text()
    else isLeaving = reader.value === 1
  }
  return { network, time, node, isLeaving }
}

export function decodeBulkSync(content: Uint8Array): BulkSync | null {
  const reader = new ProtobufReader(content)
  const networks: string[] = []
  let [time, isUnsolicited, node] = [0, false, '']
  let payload = content.subarray(0, 0)
  while (reader.next()) {
    if (reader.field === 1) time = reader.value
    else if (reader.field === 2) isUnsolicited = reader.value === 1
    else if (reader.field === 3) node = reader.text()
    else if (reader.field === 4) networks.push(reader.text())
    else payload = reader.content()
  }
  if (reader.isBad) return null
  return { type: 'bulk-sync', time, isUnsolicited, node, networks, payload }
}
