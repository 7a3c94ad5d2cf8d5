import {
  type BulkSync,
  type Compound,
  eventOf,
  type GossipMessage,
  knownMessage,
  MESSAGE,
  type NetworkEntry,
  type NetworkEvent,
  type NetworkPushPull,
  type NodeEvent,
  PRESENCE_ACTIONS,
  TABLE_ACTIONS,
  type TableEvent,
} from './messages.ts'
import { ProtobufReader } from './protobuf.ts'

/** What a gossip message says. @returns null for what is none. */
export function readMessage(bytes: Uint8Array): GossipMessage | null {
  const known = knownMessage(bytes)
  if (known !== undefined) return known
  const reader = new ProtobufReader(bytes)
  let type = 0
  let content = bytes.subarray(0, 0)
  while (reader.next()) {
    if (reader.field === 1) type = reader.value
    else if (reader.field === 2) content = reader.content()
  }
  return reader.isBad ? null : read(type, content, bytes)
}

/** @param whole the message, of which `content` is a part. */
function read(type: number, content: Uint8Array, whole: Uint8Array): GossipMessage | null {
  switch (type) {
    case MESSAGE.tableEvent:
      return readTableEvent(content, whole)
    case MESSAGE.compound:
      return readCompound(content)
    case MESSAGE.bulkSync:
      return readBulkSync(content)
    case MESSAGE.nodeEvent:
    case MESSAGE.networkEvent:
      return readPresence(type, content)
    case MESSAGE.pushPull:
      return readPushPull(content)
    default:
      return null
  }
}

/** Those of its messages that are some. */
function readCompound(content: Uint8Array): Compound {
  const messages: GossipMessage[] = []
  const outer = new ProtobufReader(content)
  while (outer.next()) {
    const inner = new ProtobufReader(content, outer.start, outer.start + outer.value)
    const message = inner.next() ? readMessage(inner.content()) : null
    if (message !== null) messages.push(message)
  }
  return { type: 'compound', messages }
}

function readPresence(type: number, content: Uint8Array): NodeEvent | NetworkEvent | null {
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

/** In memory of its own: a row is kept, the packet that brought it is not. */
function readTableEvent(content: Uint8Array, whole: Uint8Array): TableEvent | null {
  const reader = new ProtobufReader(content)
  let [action, time, node, network, table, key, residual] = [0, 0, '', '', '', '', 0]
  let value = new Uint8Array()
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
  const fields = { action: name, time, node, network, table, key, value, residual }
  return eventOf(fields, whole.slice())
}

function readPushPull(content: Uint8Array): NetworkPushPull | null {
  const reader = new ProtobufReader(content)
  const networks: NetworkEntry[] = []
  let [time, node] = [0, '']
  while (reader.next()) {
    if (reader.field === 1) time = reader.value
    else if (reader.field === 2) networks.push(readEntry(reader.content()))
    else node = reader.text()
  }
  return reader.isBad ? null : { type: 'push-pull', time, networks, node }
}

function readEntry(content: Uint8Array): NetworkEntry {
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

function readBulkSync(content: Uint8Array): BulkSync | null {
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
  const rows = readMessage(payload)
  if (reader.isBad || rows?.type !== 'compound') return null
  return { type: 'bulk-sync', time, isUnsolicited, node, networks, payload: rows }
}
