import { MILLISECOND } from '../../../sim/units.ts'
import { addressBytes, addressOf, type NamedEndpoint, prefixed } from '../wire/messages.ts'
import {
  type Decoded,
  encodeMsgpack,
  Fields,
  Float64,
  type Msgpack,
  MsgpackReader,
  struct,
  textOf,
} from '../wire/msgpack.ts'

/** Types of messages of Serf (messages.go), the first byte of each. */
const TYPE = { leave: 0, join: 1, pushPull: 2, user: 3, query: 4, response: 5 }

/** A node comes or goes on purpose, whatever memberlist finds. */
export interface Intent {
  readonly type: 'join' | 'leave'
  readonly time: number
  readonly node: string
}

export interface UserEventMessage {
  readonly type: 'user'
  readonly time: number
  readonly name: string
  readonly payload: Uint8Array
  /** Whether a receiver may keep only the newest of several events of this name. */
  readonly coalesce: boolean
}

export interface QueryMessage {
  readonly type: 'query'
  readonly time: number
  readonly id: number
  /** Whom to answer. */
  readonly source: NamedEndpoint
  /** Picoseconds. */
  readonly timeout: number
  readonly name: string
  readonly payload: Uint8Array
}

export interface QueryResponseMessage {
  readonly type: 'response'
  readonly time: number
  readonly id: number
  readonly from: string
  readonly payload: Uint8Array
}

export type SerfMessage = Intent | UserEventMessage | QueryMessage | QueryResponseMessage

export interface EventContent {
  readonly name: string
  readonly payload: Uint8Array
}

/** The events of one Lamport time. */
export interface EventSlot {
  readonly time: number
  readonly events: readonly EventContent[]
}

/** What Serf adds to a push/pull. */
export interface SerfState {
  readonly time: number
  readonly statusTimes: ReadonlyMap<string, number>
  readonly left: readonly string[]
  readonly eventTime: number
  /** With null for each place of the buffer that was not used yet. */
  readonly slots: readonly (EventSlot | null)[]
  readonly queryTime: number
}

export function encodeSerfMessage(message: SerfMessage): Uint8Array {
  switch (message.type) {
    case 'join':
      return body(TYPE.join, { LTime: message.time, Node: message.node })
    case 'leave':
      return body(TYPE.leave, { LTime: message.time, Node: message.node, Prune: false })
    case 'user':
      return body(TYPE.user, {
        CC: message.coalesce,
        LTime: message.time,
        Name: message.name,
        Payload: message.payload,
      })
    case 'query':
      return encodeQuery(message)
    case 'response':
      return body(TYPE.response, {
        Flags: 0,
        From: message.from,
        ID: message.id,
        LTime: message.time,
        Payload: message.payload,
      })
  }
}

/** Go's durations are nanoseconds. */
const MILLISECONDS_IN_GO = 1e6

function encodeQuery({ id, name, payload, source, time, timeout }: QueryMessage): Uint8Array {
  return body(TYPE.query, {
    Addr: addressBytes(source.address),
    Filters: null,
    Flags: 0,
    ID: id,
    LTime: time,
    Name: name,
    Payload: payload,
    Port: source.port,
    RelayFactor: 0,
    SourceNode: source.name,
    Timeout: Math.round(timeout / MILLISECOND) * MILLISECONDS_IN_GO,
  })
}

function body(type: number, fields: Readonly<Record<string, Msgpack>>): Uint8Array {
  return prefixed(type, encodeMsgpack(struct(fields)))
}

/** @returns null for what is none. */
export function decodeSerfMessage(bytes: Uint8Array): SerfMessage | null {
  const fields = Fields.decode(bytes, 1)
  if (fields === null) return null
  const time = fields.number('LTime')
  const payload = fields.bytes('Payload')
  switch (bytes[0]) {
    case TYPE.join:
      return { type: 'join', time, node: fields.text('Node') }
    case TYPE.leave:
      return { type: 'leave', time, node: fields.text('Node') }
    case TYPE.user: {
      const coalesce = fields.boolean('CC')
      return { type: 'user', time, name: fields.text('Name'), payload, coalesce }
    }
    case TYPE.query:
      return decodeQuery(fields)
    case TYPE.response: {
      const id = fields.number('ID')
      return { type: 'response', time, id, from: fields.text('From'), payload }
    }
    default:
      return null
  }
}

function decodeQuery(fields: Fields): QueryMessage {
  return {
    type: 'query',
    time: fields.number('LTime'),
    id: fields.number('ID'),
    source: {
      name: fields.text('SourceNode'),
      address: addressOf(fields.bytes('Addr')),
      port: fields.number('Port'),
    },
    timeout: (fields.number('Timeout') / MILLISECONDS_IN_GO) * MILLISECOND,
    name: fields.text('Name'),
    payload: fields.bytes('Payload'),
  }
}

export function encodeSerfState(state: SerfState): Uint8Array {
  const slots = state.slots.map((slot) => slot && encodeSlot(slot))
  return body(TYPE.pushPull, {
    EventLTime: state.eventTime,
    Events: slots,
    LTime: state.time,
    LeftMembers: state.left,
    QueryLTime: state.queryTime,
    StatusLTimes: state.statusTimes,
  })
}

function encodeSlot({ events, time }: EventSlot): Msgpack {
  const contents = events.map(({ name, payload }) => struct({ Name: name, Payload: payload }))
  return struct({ Events: contents, LTime: time })
}

/** @returns null for what is none. The places of the buffer that are not used are left out. */
export function decodeSerfState(bytes: Uint8Array): SerfState | null {
  const fields = bytes[0] === TYPE.pushPull ? Fields.decode(bytes, 1) : null
  if (fields === null) return null
  const statusTimes = new Map<string, number>()
  for (const [name, time] of fields.map('StatusLTimes')) {
    if (typeof time === 'number') statusTimes.set(name, time)
  }
  return {
    time: fields.number('LTime'),
    statusTimes,
    left: fields.list('LeftMembers').filter(isBytes).map(textOf),
    eventTime: fields.number('EventLTime'),
    slots: fields.list('Events').filter(isPresent).map(slotOf),
    queryTime: fields.number('QueryLTime'),
  }
}

function isBytes(value: Decoded): value is Uint8Array {
  return value instanceof Uint8Array
}

function isPresent(value: Decoded): boolean {
  return value !== null
}

function slotOf(value: Decoded): EventSlot {
  const fields = new Fields(value)
  const events = fields.list('Events').map((event) => {
    const content = new Fields(event)
    return { name: content.text('Name'), payload: content.bytes('Payload') }
  })
  return { time: fields.number('LTime'), events }
}

/** What comes first in a node's meta when tags follow. */
const TAGS_MARK = 255

export function encodeTags(tags: ReadonlyMap<string, string>): Uint8Array {
  return prefixed(TAGS_MARK, encodeMsgpack(tags))
}

export function decodeTags(meta: Uint8Array): Map<string, string> {
  const tags = new Map<string, string>()
  if (meta[0] !== TAGS_MARK) return tags
  const decoded = new MsgpackReader(meta, 1).value()
  if (!(decoded instanceof Map)) return tags
  for (const [name, value] of decoded as ReadonlyMap<string, Decoded>) {
    if (isBytes(value)) tags.set(name, textOf(value))
  }
  return tags
}

const PING_VERSION = 1

/**
 * What Serf adds to the answer of a ping: its network coordinate, of 8 dimensions. Coordinates are not
 * computed here; the bytes of the one that a node begins with are sent, as they make up most of an answer.
 */
export const COORDINATE_PAYLOAD = prefixed(
  PING_VERSION,
  encodeMsgpack(
    struct({
      Adjustment: new Float64(0),
      Error: new Float64(1.5),
      Height: new Float64(1e-5),
      Vec: Array.from({ length: 8 }, () => new Float64(0)),
    }),
  ),
)
