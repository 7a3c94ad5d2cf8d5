import { describe, expect, it } from 'vitest'
import { TCP_PSH } from '../../src/wire/tcp.ts'
import { Conversation } from './conversation.ts'

const MSS = 1448
const RTT = 20
const at = (index: number): number => 1 + index * MSS

describe('Nagle', () => {
  it('holds a second small segment back until the first is acknowledged', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(100)
    talk.receive('P. 1:101(100) ack 1')
    socket.write(100)
    socket.write(50)
    talk.quiet(RTT)
    talk.send('. 1:1(0) ack 101')
    talk.receive('P. 101:251(150) ack 1')
  })

  it('counts only small segments in flight (Minshall)', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(2 * MSS + 10)
    talk.receive(`. 1:${at(1)}(${MSS}) ack 1`)
    talk.receive(`. ${at(1)}:${at(2)}(${MSS}) ack 1`)
    // The rest is the first small one.
    talk.receive(`P. ${at(2)}:${at(2) + 10}(10) ack 1`)
    socket.write(10)
    talk.quiet(RTT)
    talk.send(`. 1:1(0) ack ${at(2) + 10}`)
    talk.receive(`P. ${at(2) + 10}:${at(2) + 20}(10) ack 1`)
  })

  it('is off with TCP_NODELAY', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT, noDelay: true })
    socket.write(100)
    talk.receive('P. 1:101(100) ack 1')
    socket.write(100)
    talk.receive('P. 101:201(100) ack 1', 0.1)
  })

  it('lets a FIN go at once', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(100)
    talk.receive('P. 1:101(100) ack 1')
    socket.write(100)
    socket.shutdown()
    talk.receive('FP. 101:201(100) ack 1', 0.1)
  })
})

describe('units', () => {
  it.each([
    ['in hardware', {}],
    ['in software before a device without TSO', { tso: false }],
  ])('are cut to full segments %s, PSH on the last of each', (_where, features) => {
    const talk = new Conversation({ features })
    const socket = talk.connect({ rtt: RTT })
    socket.write(10 * MSS)
    const segments = Array.from({ length: 10 }, (_, i) =>
      talk.receive(`. ${at(i)}:${at(i + 1)}(${MSS}) ack 1`, 0.1),
    )
    // Ten are five units by the rate of the first round trip, each of which ends with PSH.
    expect(segments.map(({ flags }) => (flags & TCP_PSH) !== 0)).toEqual(
      segments.map((_, i) => i % 2 === 1),
    )
    const ids = segments.map(({ frame }) => frame.ipId)
    expect(ids.map((id, i) => (id - ids[0]! - i) & 0xffff)).toEqual(ids.map(() => 0))
    expect(talk.ledger.split).toBe(5)
    expect(talk.ledger.segments).toBe(10)
  })

  it('end at the MSS of the peer', () => {
    const talk = new Conversation()
    talk.connect({ rtt: RTT, mss: 536 }).write(3000)
    for (let i = 0; i < 5; i++) talk.receive(`. ${1 + 524 * i}:${525 + 524 * i}(524) ack 1`, 0.1)
  })
})

describe('the peer’s window', () => {
  it('is filled up, and never overrun', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT, wscale: 0, window: 5000 })
    talk.window = 5000
    socket.write(20 * MSS)
    let acked = 1
    for (let round = 0; round < 4; round++) {
      talk.wait(RTT)
      const sent = talk.drain()
      const end = Math.max(...sent.map(({ sequence, length }) => sequence + length))
      expect(end).toBeLessThanOrEqual(acked + 5000)
      expect(end).toBeGreaterThanOrEqual(acked + 3 * MSS)
      acked = end
      talk.send(`. 1:1(0) ack ${acked}`)
    }
    talk.drain()
  })

  it('is asked for when it has closed, with growing patience', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(MSS)
    talk.receive(`P. 1:${at(1)}(${MSS}) ack 1`)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(1)} win 0`)
    socket.write(MSS)
    let before = talk.now
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      const { time } = talk.receive(`. ${at(1) - 1}:${at(1) - 1}(0) ack 1`, 60_000)
      waits.push(time - before)
      before = time
      talk.send(`. 1:1(0) ack ${at(1)} win 0`)
    }
    expect(waits[0]).toBeGreaterThanOrEqual(200)
    expect(waits[0]).toBeLessThan(250)
    for (let i = 1; i < waits.length; i++) {
      expect(waits[i]! / waits[i - 1]!).toBeGreaterThan(1.8)
      expect(waits[i]! / waits[i - 1]!).toBeLessThan(2.2)
    }
    // An answered probe is no failure: the connection lives on for as long as it takes.
    talk.wait(60_000)
    talk.drain()
    talk.send(`. 1:1(0) ack ${at(1)} win 1000`)
    talk.receive(`P. ${at(1)}:${at(2)}(${MSS}) ack 1`, 1)
  })

  it('lets no data through while it is closed', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    talk.send('. 1:1(0) ack 1 win 0')
    socket.write(10 * MSS)
    talk.quiet(150)
    talk.send('. 1:1(0) ack 1 win 500')
    talk.receive(`. 1:${at(1)}(${MSS}) ack 1`)
  })
})

describe('socket memory', () => {
  it('takes no more than the send buffer, and says when there is room', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT, sendBuffer: 20_000 })
    let calls = 0
    socket.onWritable = () => {
      calls++
    }
    const taken = socket.write(1_000_000)
    expect(taken).toBeGreaterThan(10_000)
    expect(taken).toBeLessThan(60_000)
    expect(socket.write(1000)).toBe(0)
    for (let round = 0; round < 2; round++) {
      talk.wait(RTT)
      const sent = talk.drain().at(-1)!
      talk.send(`. 1:1(0) ack ${sent.sequence + sent.length}`)
    }
    expect(calls).toBe(1)
    expect(socket.write(1000)).toBe(1000)
    talk.drain()
  })

  it('counts the time in which only the buffer kept it from sending', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT, sendBuffer: 4000 })
    const limited: number[] = []
    for (let round = 0; round < 12; round++) {
      const before = socket.info.sndbufLimited
      socket.write(1_000_000)
      talk.wait(RTT)
      limited.push((socket.info.sndbufLimited - before) / 1e9)
      const sent = talk.drain().at(-1)!
      talk.send(`. 1:1(0) ack ${sent.sequence + sent.length}`)
    }
    // At first the window is smaller than the buffer.
    expect(limited[0]).toBe(0)
    for (const time of limited.slice(-3)) expect(time).toBeCloseTo(RTT, 1)
    talk.drain()
  })

  it('grows with the window unless it is fixed', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    const first = socket.write(10_000_000)
    let acked = 1
    for (let round = 0; round < 6; round++) {
      talk.wait(RTT)
      for (const { sequence, length } of talk.drain()) {
        acked = Math.max(acked, sequence + length)
        talk.send(`. 1:1(0) ack ${acked}`)
      }
    }
    expect(socket.write(10_000_000)).toBeGreaterThan(2 * first)
    talk.drain()
  })
})

describe('content', () => {
  it('arrives as it was written, across segments', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    const content = Uint8Array.from({ length: 4000 }, (_, i) => i % 251)
    socket.write(4000, content)
    const parts = [0, 1, 2].map(() => talk.drainOne())
    const joined = parts.flatMap(({ frame }) => [...(frame.payload ?? [])])
    expect(joined).toEqual([...content.subarray(0, joined.length)])
    expect(joined.length).toBeGreaterThanOrEqual(2 * MSS)
  })

  it('is read as it came, also when segments overtake each other', () => {
    const talk = new Conversation()
    const socket = talk.accept()
    const content = Uint8Array.from({ length: 3000 }, (_, i) => i % 251)
    talk.send('. 1001:2001(1000) ack 1', content.subarray(1000, 2000))
    talk.send('. 2001:3001(1000) ack 1', content.subarray(2000))
    talk.send('. 1:1001(1000) ack 1', content.subarray(0, 1000))
    talk.wait(50)
    talk.drain()
    expect([...socket.readContent(1500)]).toEqual([...content.subarray(0, 1500)])
    expect([...socket.readContent(5000)]).toEqual([...content.subarray(1500)])
    expect(socket.readable).toBe(0)
  })
})
