import { describe, expect, it } from 'vitest'
import { Conversation } from './conversation.ts'
import { at, full, MSS, RTT, sack, sending } from './sending.ts'

describe('undo', () => {
  it('goes back to the old window when D-SACK says that the loss was none', () => {
    const { talk, socket } = sending(10)
    talk.send(`. 1:1(0) ack 1${sack(1, 4)}`)
    talk.receive(full(0), 0.1)
    expect(socket.info.ssthresh).toBe(7)
    // Timestamps that fit the repetition: only D-SACK can tell.
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(10)} <sack ${at(0)}:${at(1)}>`)
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(10)
  })

  it('goes back when the echo shows that the first copy arrived (Eifel)', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(10 * MSS)
    const original = talk.receive(full(0))
    talk.wait(RTT)
    talk.drain()
    talk.send(`. 1:1(0) ack 1 <sack ${at(1)}:${at(4)}>`)
    const again = talk.receive(full(0), 0.1)
    expect(again.options.tsValue).toBeGreaterThan(original.options.tsValue)
    talk.wait(2)
    talk.send(`. 1:1(0) ack ${at(10)} <TS ${talk.clock} ${original.options.tsValue}>`)
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(10)
    expect(socket.info.ssthresh).toBeGreaterThan(1000)
  })

  it('goes back after a timeout that was for nothing', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT })
    socket.write(10 * MSS)
    const original = talk.receive(full(0))
    talk.wait(100)
    talk.drain()
    // The path stood still for 300 ms; all of the window arrives late.
    talk.receive(full(0), 300)
    expect(socket.info.cwnd).toBe(1)
    talk.wait(1)
    talk.send(`. 1:1(0) ack ${at(10)} <TS ${talk.clock} ${original.options.tsValue}>`)
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(10)
    expect(socket.info.undone).toBe(1)
    talk.quiet(1000)
  })

  it('goes on with new data after a timeout, and undoes it when old data arrives (F-RTO)', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: RTT, timestamps: false })
    const mss = 1460
    socket.write(20 * mss)
    talk.wait(100)
    talk.drain()
    talk.receive(`. 1:${1 + mss}(${mss}) ack 1`, 300)
    talk.wait(2)
    // The first ACK after it may be of either sending: two new segments, no more of the old ones.
    talk.send(`. 1:1(0) ack ${1 + mss}`)
    talk.wait(1)
    const sent = talk.drain()
    expect(sent.map(({ sequence }) => sequence >= 1 + 10 * mss)).toEqual(sent.map(() => true))
    expect(sent.length).toBeGreaterThan(0)
    // The second one is of data that was sent once only.
    talk.send(`. 1:1(0) ack ${1 + 2 * mss}`)
    expect(socket.info.undone).toBe(1)
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(10)
    talk.drain()
  })

  it('counts the D-SACKs', () => {
    const { talk, socket } = sending(10)
    talk.send(`. 1:1(0) ack 1${sack(1, 4)}`)
    talk.receive(full(0), 0.1)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(10)} <sack ${at(0)}:${at(1)}>`)
    expect(socket.info.dsackDups).toBe(1)
  })

  it('is not done without SACK by the ACK that ends the recovery', () => {
    const { talk, socket } = sending(10, { sack: false })
    for (let i = 0; i < 4; i++) talk.send('. 1:1(0) ack 1')
    talk.receive(full(0), 0.1)
    talk.wait(RTT)
    // The state is held until something beyond is acknowledged (RFC 6582, 6).
    talk.send(`. 1:1(0) ack ${at(10)}`)
    socket.write(2 * MSS)
    talk.wait(RTT)
    talk.drain()
    talk.send(`. 1:1(0) ack ${at(12)}`)
    expect(socket.info.undone).toBe(0)
    expect(socket.info.ssthresh).toBe(7)
    expect(socket.info.cwnd).toBeLessThanOrEqual(8)
  })
})
