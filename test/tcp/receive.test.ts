import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { Conversation, type Reading } from './conversation.ts'

const MSS = 1448

/** The peer sends full segment `index`, counted from 0. */
function sendFull(talk: Conversation, index: number, options = ''): void {
  const from = 1 + index * MSS
  talk.send(`. ${from}:${from + MSS}(${MSS}) ack 1${options}`)
}

/** Segments of a connection after which nothing is acknowledged at once any more. */
const QUICK = 100

/** Its buffer is fixed, for while the window grows Linux stays with quick ACKs. */
function acceptPastQuickAcks(talk: Conversation): { socket: TcpSocket; reading: Reading } {
  const socket = talk.accept({ receiveBuffer: 60_000 })
  const reading = talk.readAll(socket)
  for (let i = 0; i < QUICK; i++) {
    sendFull(talk, i)
    talk.wait(1)
  }
  talk.wait(100)
  talk.drain()
  return { socket, reading }
}

describe('acknowledgements', () => {
  it('acknowledges the first segments at once (quick ACK)', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept())
    for (let i = 0; i < 8; i++) {
      sendFull(talk, i)
      talk.receive(`. 1:1(0) ack ${1 + (i + 1) * MSS}`, 1)
    }
  })

  it('then acknowledges every second full segment', () => {
    const talk = new Conversation()
    acceptPastQuickAcks(talk)
    sendFull(talk, QUICK)
    talk.quiet(1)
    sendFull(talk, QUICK + 1)
    talk.receive(`. 1:1(0) ack ${1 + (QUICK + 2) * MSS}`, 0.1)
    sendFull(talk, QUICK + 2)
    talk.quiet(1)
    sendFull(talk, QUICK + 3)
    talk.receive(`. 1:1(0) ack ${1 + (QUICK + 4) * MSS}`, 0.1)
  })

  it('acknowledges a lone segment after 40 ms', () => {
    const talk = new Conversation()
    acceptPastQuickAcks(talk)
    sendFull(talk, QUICK)
    const sent = talk.now
    const { time } = talk.receive(`. 1:1(0) ack ${1 + (QUICK + 1) * MSS}`, 100)
    expect(time - sent).toBeGreaterThanOrEqual(36)
    expect(time - sent).toBeLessThan(60)
  })

  it('lets an answer carry the acknowledgement', () => {
    const talk = new Conversation()
    const { socket, reading } = acceptPastQuickAcks(talk)
    sendFull(talk, QUICK)
    expect(reading.bytes).toBe((QUICK + 1) * MSS)
    socket.write(100)
    talk.receive(`P. 1:101(100) ack ${1 + (QUICK + 1) * MSS}`, 0.1)
    talk.quiet(100)
  })

  it('drops what arrived before, and acknowledges with D-SACK what it was', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept())
    sendFull(talk, 0)
    sendFull(talk, 1)
    talk.wait(100)
    talk.drain()
    sendFull(talk, 0)
    talk.receive(`. 1:1(0) ack ${1 + 2 * MSS} <TS,sack 1:${1 + MSS}>`, 0.1)
    expect([...talk.ledger.dropsByReason()]).toEqual([['tcp_old_data', 1]])
  })

  it('takes the new half of a segment whose first half is old', () => {
    const talk = new Conversation()
    const reading = talk.readAll(talk.accept())
    talk.send('. 1:1001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1001')
    talk.send('. 501:1501(1000) ack 1')
    talk.receive('. 1:1(0) ack 1501 <TS,sack 501:1001>', 100)
    expect(reading.bytes).toBe(1500)
  })

  it('reports a duplicate of what it has not acknowledged yet, at once', () => {
    const talk = new Conversation()
    acceptPastQuickAcks(talk)
    sendFull(talk, QUICK)
    talk.quiet(1)
    sendFull(talk, QUICK)
    const from = 1 + QUICK * MSS
    talk.receive(`. 1:1(0) ack ${from + MSS} <TS,sack ${from}:${from + MSS}>`, 0.1)
    expect([...talk.ledger.dropsByReason()]).toEqual([['tcp_old_data', 1]])
  })
})

describe('selective acknowledgement', () => {
  it('names what lies beyond a hole, the latest block first', () => {
    const talk = new Conversation()
    const reading = talk.readAll(talk.accept())
    talk.send('. 1001:2001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1 <TS,sack 1001:2001>', 0.1)
    talk.send('. 3001:4001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1 <TS,sack 3001:4001 1001:2001>', 0.1)
    talk.send('. 2001:3001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1 <TS,sack 1001:4001>', 0.1)
    expect(reading.bytes).toBe(0)
    talk.send('. 1:1001(1000) ack 1')
    talk.receive('. 1:1(0) ack 4001 <TS>', 0.1)
    expect(reading.bytes).toBe(4000)
  })

  it.each([
    [true, '9001:9501 7001:7501 5001:5501'],
    [false, '9001:9501 7001:7501 5001:5501 3001:3501'],
  ])('has room for three blocks beside timestamps, for four without (%s)', (timestamps, blocks) => {
    const talk = new Conversation()
    talk.readAll(talk.accept({ timestamps }))
    for (const from of [3001, 5001, 7001]) {
      talk.send(`. ${from}:${from + 500}(500) ack 1`)
      talk.wait(5)
    }
    talk.drain()
    talk.send('. 9001:9501(500) ack 1')
    const segment = talk.receive('. 1:1(0) ack 1', 5)
    expect(segment.options.sackBlocks).toBe(blocks.split(' ').length)
  })

  it('reports a duplicate beyond the hole with its block', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept())
    talk.send('. 1001:2001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1 <TS,sack 1001:2001>', 0.1)
    talk.send('. 1001:2001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1 <TS,sack 1001:2001 1001:2001>', 0.1)
  })

  it('only repeats the acknowledgement where SACK was not agreed on', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept({ sack: false }))
    for (const from of [1001, 2001, 3001]) {
      talk.send(`. ${from}:${from + 1000}(1000) ack 1`)
      talk.receive('. 1:1(0) ack 1 <TS>', 0.1)
    }
  })
})

describe('timestamps', () => {
  it('echoes the one of the segment that moved the acknowledgement, not of one behind a hole', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept())
    talk.wait(5)
    talk.send('. 1:1001(1000) ack 1 <TS 1500 0>')
    expect(talk.receive('. 1:1(0) ack 1001').options.tsEcho).toBe(1500)
    talk.send('. 2001:3001(1000) ack 1 <TS 1600 0>')
    expect(talk.receive('. 1:1(0) ack 1001').options.tsEcho).toBe(1500)
    talk.send('. 1001:2001(1000) ack 1 <TS 1700 0>')
    expect(talk.receive('. 1:1(0) ack 3001').options.tsEcho).toBe(1700)
  })

  it('refuses a segment older than the latest (PAWS), with an acknowledgement', () => {
    const talk = new Conversation()
    const reading = talk.readAll(talk.accept())
    talk.send('. 1:1001(1000) ack 1 <TS 5000 0>')
    talk.receive('. 1:1(0) ack 1001')
    talk.send('. 1001:2001(1000) ack 1 <TS 4000 0>')
    talk.receive('. 1:1(0) ack 1001', 0.1)
    expect(reading.bytes).toBe(1000)
    expect(talk.ledger.dropsByReason().get('tcp_paws')).toBe(1)
    talk.send('. 1001:2001(1000) ack 1 <TS 5001 0>')
    talk.receive('. 1:1(0) ack 2001', 100)
  })

  it('tick in milliseconds', () => {
    const talk = new Conversation()
    const socket = talk.accept()
    socket.write(10)
    const first = talk.receive('P. 1:11(10)')
    talk.send('. 1:1(0) ack 11')
    talk.wait(100)
    socket.write(10)
    const second = talk.receive('P. 11:21(10)')
    expect(second.options.tsValue - first.options.tsValue).toBeGreaterThanOrEqual(99)
    expect(second.options.tsValue - first.options.tsValue).toBeLessThanOrEqual(101)
  })
})

describe('receive window', () => {
  it('grows with a reader that keeps up, beyond the window of the handshake', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept())
    let widest = 0
    // Round trips of 10 ms, each twice the one before, as a sender in slow start has them.
    let next = 0
    for (let round = 0; round < 9; round++) {
      for (let i = 0; i < Math.min(10 * 2 ** round, 400); i++) sendFull(talk, next++)
      talk.wait(10)
      for (const { windowBytes } of talk.drain()) widest = Math.max(widest, windowBytes)
    }
    expect(widest).toBeGreaterThan(300_000)
  })

  it('stays as it is when SO_RCVBUF fixes the buffer', () => {
    const talk = new Conversation()
    talk.readAll(talk.accept({ receiveBuffer: 32768 }))
    let widest = 0
    let next = 0
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 10; i++) sendFull(talk, next++)
      talk.wait(10)
      for (const { windowBytes } of talk.drain()) widest = Math.max(widest, windowBytes)
    }
    // SO_RCVBUF is doubled, and memory is more than content.
    expect(widest).toBeGreaterThan(16_000)
    expect(widest).toBeLessThan(65_536)
    expect(talk.ledger.dropped).toBe(0)
  })

  it('closes when the application does not read, and says when it opens', () => {
    const talk = new Conversation()
    const socket = talk.accept({ receiveBuffer: 8192 })
    let window = Infinity
    let next = 1
    for (let i = 0; i < 100 && window > 0; i++) {
      talk.send(`. ${next}:${next + 1000}(1000) ack 1`)
      talk.wait(50)
      for (const segment of talk.drain()) {
        window = segment.window
        next = segment.acknowledgement
      }
    }
    expect(window).toBe(0)
    expect(socket.readable).toBe(next - 1)
    // A probe beyond the closed window is dropped and answered.
    talk.send(`. ${next}:${next + 1}(1) ack 1`)
    talk.receive(`. 1:1(0) ack ${next} win 0`, 1)
    expect(talk.ledger.dropsByReason().get('tcp_zero_window')).toBe(1)
    socket.read(100_000)
    expect(talk.receive(`. 1:1(0) ack ${next}`, 1).window).toBeGreaterThan(0)
  })

  it('never takes back what it has offered', () => {
    const talk = new Conversation()
    const socket = talk.accept()
    let edge = 0
    for (let i = 0; i < 120; i++) {
      sendFull(talk, i)
      if (i % 7 === 0) socket.read(3000)
      talk.wait(i % 5)
      for (const { acknowledgement, windowBytes } of talk.drain()) {
        expect(acknowledgement + windowBytes).toBeGreaterThanOrEqual(edge)
        edge = acknowledgement + windowBytes
      }
    }
    expect(edge).toBeGreaterThan(64240)
  })

  it('refuses what lies beyond it', () => {
    const talk = new Conversation()
    const reading = talk.readAll(talk.accept())
    talk.send('. 9000001:9001001(1000) ack 1')
    talk.receive('. 1:1(0) ack 1', 0.1)
    expect(reading.bytes).toBe(0)
    const drops = talk.ledger.dropsByReason()
    expect((drops.get('tcp_invalid_sequence') ?? 0) + (drops.get('tcp_over_window') ?? 0)).toBe(1)
  })
})

it('drops a segment whose checksum is wrong', () => {
  const talk = new Conversation()
  const socket = talk.accept()
  talk.damageNext()
  talk.send('. 1:1001(1000) ack 1')
  talk.quiet(100)
  expect(socket.readable).toBe(0)
  expect(talk.ledger.dropsByReason().get('tcp_checksum')).toBe(1)
})
