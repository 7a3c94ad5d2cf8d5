import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { ipv4 } from '../../../wire/ipv4-address.ts'
import { COORDINATE_PAYLOAD } from '../serf/messages.ts'
import { crc32 } from './crc32.ts'
import { decodeMessage, encodeMessage, type Message } from './messages.ts'
import { encodeMsgpack, Float64, type Msgpack, MsgpackReader } from './msgpack.ts'
import {
  packMessages,
  USER_PACKET_HEADER_BYTES,
  unpackMessages,
  userPacket,
  withCrc,
} from './packets.ts'
import {
  decodeMessageStream,
  decodePushPull,
  decodeUserStream,
  encodePushPull,
  encodeUserStream,
} from './stream-messages.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const node = (name: string, address: string) => ({ name, address: ipv4(address), port: 7946 })

const copyOf = (bytes: Uint8Array): Uint8Array => bytes.slice()

const MESSAGES: Message[] = [
  { type: 'ping', sequence: 7, node: 'host2', source: node('host1', '192.168.50.11') },
  {
    type: 'indirect-ping',
    sequence: 70_000,
    target: node('host2', '192.168.50.12'),
    source: node('host1', '192.168.50.11'),
  },
  { type: 'ack', sequence: 300, payload: Uint8Array.of(1, 2, 3) },
  { type: 'ack', sequence: 300, payload: new Uint8Array() },
  { type: 'nack', sequence: 5_000_000_000 },
  { type: 'alive', ...node('host2', '192.168.50.12'), incarnation: 4, meta: text('m'.repeat(512)) },
  { type: 'suspect', incarnation: 4, node: 'host2', from: 'host1' },
  { type: 'dead', incarnation: 4, node: 'host2', from: 'host2' },
  { type: 'user', content: text('anything') },
]

describe('msgpack', () => {
  it.each<[Msgpack, string]>([
    [null, 'c0'],
    [true, 'c3'],
    [127, '7f'],
    [128, 'cc80'],
    [256, 'cd0100'],
    [65_536, 'ce00010000'],
    [4_294_967_296, 'cf0000000100000000'],
    [new Float64(1), 'cb3ff0000000000000'],
    ['abc', 'a3616263'],
    ['x'.repeat(32), `da0020${'78'.repeat(32)}`],
    [[1, [2]], '9201' + '9102'],
    [new Map<string, Msgpack>([['a', false]]), '81a161c2'],
  ])('writes %j as the format says', (value, bytes) => {
    expect(hex(encodeMsgpack(value))).toBe(bytes)
  })

  it('reads what it wrote, and says when bytes are missing', () => {
    const long = Array.from({ length: 70_000 }, (_, i) => i)
    const bytes = encodeMsgpack(new Map<string, Msgpack>([['list', long]]))
    expect(new MsgpackReader(bytes).value()).toEqual(new Map([['list', long]]))
    for (const length of [0, 1, 8, 1000, bytes.length - 1]) {
      const reader = new MsgpackReader(bytes.subarray(0, length))
      reader.value()
      expect(reader.failure).toBe('short')
    }
  })

  it('refuses what a daemon does not send', () => {
    expect(() => encodeMsgpack(-1)).toThrow('not a whole number')
    const reader = new MsgpackReader(Uint8Array.of(0xc1))
    reader.value()
    expect(reader.failure).toBe('bad')
  })
})

describe('messages of memberlist', () => {
  it('come out as they went in', () => {
    expect(MESSAGES.map((message) => decodeMessage(copyOf(encodeMessage(message))))).toEqual(
      MESSAGES,
    )
  })

  it('are as long as those of real daemons', () => {
    // Observed between two hosts whose names have 5 letters: 67 bytes of ping, 150 of ack.
    expect(encodeMessage(MESSAGES[0]!)).toHaveLength(67)
    const ack: Message = { type: 'ack', sequence: 7, payload: COORDINATE_PAYLOAD }
    expect(encodeMessage(ack)).toHaveLength(150)
  })

  it('have the fields of Go structs in alphabetical order', () => {
    const rumour = Buffer.from(encodeMessage(MESSAGES[6]!)).toString('latin1')
    expect(rumour).toBe('\x03\x83\xa4From\xa5host1\xabIncarnation\x04\xa4Node\xa5host2')
  })

  it('go into packets and come out of them', () => {
    const bodies = MESSAGES.map(encodeMessage)
    for (const some of [bodies.slice(0, 1), bodies, Array(300).fill(bodies[0]!)]) {
      const packets = packMessages(some)
      expect(packets).toHaveLength(Math.ceil(some.length / 255))
      const checked = packets.map(withCrc)
      for (const list of [packets, packets.map(copyOf), checked, checked.map(copyOf)]) {
        expect(list.flatMap(unpackMessages)).toEqual(some)
      }
    }
  })

  it.each([0, 1, 2, 3, 4, 5, 1000])('of a user, %i bytes, are packed as any others', (length) => {
    const content = Uint8Array.from({ length }, (_, i) => i * 7)
    const plain = withCrc(encodeMessage({ type: 'user', content }))
    const room = new Uint8Array(USER_PACKET_HEADER_BYTES + length)
    room.set(content, USER_PACKET_HEADER_BYTES)
    const around = userPacket(room.subarray(USER_PACKET_HEADER_BYTES))
    expect(around.buffer).toBe(room.buffer)
    for (const packet of [userPacket(content), around, around.slice()]) {
      expect(packet).toEqual(plain)
      const [message, ...others] = unpackMessages(packet)
      expect(others).toEqual([])
      expect(decodeMessage(message!)).toEqual({ type: 'user', content })
    }
  })

  it('are dropped when the checksum is wrong, and those behind the cut when a packet is', () => {
    const [packet] = packMessages(MESSAGES.map(encodeMessage)) as [Uint8Array]
    const damaged = withCrc(packet).slice()
    damaged[20]! ^= 1
    expect(unpackMessages(damaged)).toEqual([])
    expect(unpackMessages(packet.subarray(0, -1))).toHaveLength(MESSAGES.length - 1)
    expect(crc32(text('123456789'))).toBe(0xcbf43926)
  })

  it('are nothing when they are rubbish', () => {
    const random = new RandomStreams('rubbish').stream('bytes')
    for (let i = 0; i < 3000; i++) {
      const length = random.integer(0, 60)
      const bytes = Uint8Array.from({ length }, (_, at) => random.integer(0, at === 0 ? 14 : 255))
      for (const part of unpackMessages(bytes)) decodeMessage(part)
      for (const decode of [decodePushPull, decodeUserStream, decodeMessageStream]) {
        const decoded = decode(bytes)
        expect(decoded === 'short' || decoded === 'bad' || typeof decoded === 'object').toBe(true)
      }
    }
    expect(decodeMessage(Uint8Array.of(0, 0x81, 0xa4))).toBeNull()
    expect(decodeMessage(Uint8Array.of(99, 0x80))).toBeNull()
  })
})

describe('messages in a stream', () => {
  const meta = new Uint8Array()
  const state = {
    join: true,
    nodes: [
      { ...node('a', '10.0.0.1'), meta, incarnation: 3, state: 'suspect' as const },
      { ...node('b', '10.0.0.2'), meta: text('tags'), incarnation: 1, state: 'left' as const },
    ],
    userState: text('what the owner knows'),
  }

  it('come out as they went in', () => {
    const content = text('u'.repeat(7_000))
    const user = { type: 'user', content }
    // The very bytes are known; a copy of them is read.
    for (const copy of [(bytes: Uint8Array) => bytes, copyOf]) {
      expect(decodePushPull(copy(encodePushPull(state)))).toEqual(state)
      expect(decodeUserStream(copy(encodeUserStream([content]).bytes))).toEqual(user)
    }
    expect(decodeMessageStream(encodeMessage(MESSAGES[0]!))).toEqual(MESSAGES[0])
  })

  it('are short until their last byte has come', () => {
    const bytes = encodePushPull(state)
    for (let length = 1; length < bytes.length; length++) {
      expect(decodePushPull(bytes.subarray(0, length))).toBe('short')
      expect(decodePushPull(bytes.slice(0, length))).toBe('short')
    }
  })

  it('say what the nodes were when they were sent', () => {
    const changing = { ...state.nodes[0]! }
    const bytes = encodePushPull({ ...state, nodes: [changing] })
    changing.incarnation = 9
    expect(decodePushPull(bytes)).toEqual({ ...state, nodes: [state.nodes[0]] })
  })
})
