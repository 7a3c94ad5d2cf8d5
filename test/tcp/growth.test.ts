import { describe, expect, it } from 'vitest'
import { INFINITE_SSTHRESH } from '../../src/stack/tcp/congestion/congestion-control.ts'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { Conversation, type ConversationOptions, type Offer, type Segment } from './conversation.ts'

const MSS = 1448

/** A connection that has always something to send, whose peer acknowledges a round trip later. */
class Transfer {
  readonly talk: Conversation
  readonly socket: TcpSocket
  /** Sent, not acknowledged. */
  flight: Segment[] = []
  private readonly rtt: number

  /** @param rtt milliseconds. */
  constructor(rtt: number, offer: Offer = {}, options: ConversationOptions = {}) {
    this.rtt = rtt
    this.talk = new Conversation(options)
    this.socket = this.talk.connect({ rtt, wscale: 14, sendBuffer: 20_000_000, ...offer })
    const writer = this.talk.namespace.kernel.task('writer', () => this.socket.write(1_000_000) > 0)
    this.socket.onWritable = () => writer.wake()
    writer.wake()
    this.settle()
  }

  private settle(): void {
    this.talk.wait(0.1)
    this.flight.push(...this.talk.drain())
  }

  /**
   * Acknowledges what is in flight. @param spread milliseconds over which the ACKs come.
   * @param late milliseconds that they come later than a round trip. @param every segments an ACK.
   */
  round({ spread = 0, late = 0, every = 1 } = {}): void {
    const { talk, flight } = this
    talk.wait(this.rtt + late - spread)
    this.flight = []
    for (let i = every - 1; i < flight.length; i += every) {
      talk.wait(spread / flight.length)
      talk.send(`. 1:1(0) ack ${endOf(flight[i]!)}`)
    }
    this.settle()
  }

  /** The first of the flight is lost; it is repaired within two round trips. */
  lose(): void {
    const { talk, flight } = this
    const [first] = flight
    const last = flight.at(-1)!
    talk.wait(this.rtt)
    talk.send(`. 1:1(0) ack ${first!.sequence} <sack ${endOf(first!)}:${endOf(last)}>`)
    talk.wait(this.rtt)
    this.flight = []
    const sent = talk.drain()
    const end = Math.max(endOf(last), ...sent.map(endOf))
    talk.send(`. 1:1(0) ack ${end}`)
    this.settle()
  }

  get cwnd(): number {
    return this.socket.info.cwnd
  }
}

const endOf = ({ sequence, length }: Segment): number => sequence + length

describe('slow start', () => {
  it('begins with ten segments (RFC 6928)', () => {
    expect(new Transfer(20).flight.map(({ length }) => length)).toEqual(Array(10).fill(MSS))
  })

  it.each([1, 2])('doubles each round trip, %d segments an acknowledgement', (every) => {
    const transfer = new Transfer(20, { congestion: 'reno' })
    const flights = [transfer.flight.length]
    for (let i = 0; i < 4; i++) {
      transfer.round({ every })
      flights.push(transfer.flight.length)
    }
    expect(flights).toEqual([10, 20, 40, 80, 160])
  })

  it('ends when acknowledgements come as a train of half a round trip (HyStart)', () => {
    const transfer = new Transfer(40)
    transfer.round()
    transfer.round({ spread: 32 })
    expect(transfer.socket.info.ssthresh).toBeLessThan(40)
    expect(transfer.socket.info.ssthresh).toBeGreaterThanOrEqual(16)
    expect(transfer.socket.info.retransmits).toBe(0)
    const { cwnd } = transfer
    transfer.round({ spread: 32 })
    // No more doubling.
    expect(transfer.cwnd).toBeLessThan(1.3 * cwnd)
  })

  it('ends when the round trip grows by an eighth, at least 4 ms (HyStart)', () => {
    const transfer = new Transfer(40)
    transfer.round()
    transfer.round({ late: 2 })
    expect(transfer.socket.info.ssthresh).toBe(INFINITE_SSTHRESH)
    transfer.round({ late: 8 })
    expect(transfer.socket.info.ssthresh).toBeLessThan(INFINITE_SSTHRESH)
  })

  it('goes on while acknowledgements come at once and in time', () => {
    const transfer = new Transfer(40)
    for (let i = 0; i < 5; i++) transfer.round()
    expect(transfer.socket.info.ssthresh).toBe(INFINITE_SSTHRESH)
    expect(transfer.flight).toHaveLength(320)
  })
})

describe('congestion avoidance', () => {
  it('halves at a loss and adds one segment a round trip (Reno)', () => {
    const transfer = new Transfer(20, { congestion: 'reno' })
    for (let i = 0; i < 3; i++) transfer.round()
    expect(transfer.cwnd).toBe(80)
    transfer.lose()
    expect(transfer.socket.info.ssthresh).toBe(40)
    const { cwnd } = transfer
    expect(cwnd).toBeLessThanOrEqual(41)
    expect(cwnd).toBeGreaterThanOrEqual(39)
    for (let i = 0; i < 10; i++) transfer.round()
    expect(Math.abs(transfer.cwnd - cwnd - 10)).toBeLessThanOrEqual(1)
  })

  it('keeps 0.7 at a loss, and is back after K seconds (CUBIC)', () => {
    const transfer = new Transfer(100)
    for (let i = 0; i < 3; i++) transfer.round()
    expect(transfer.cwnd).toBe(80)
    transfer.lose()
    expect(transfer.socket.info.ssthresh).toBe(56)
    // K = cbrt(24 / 0.4) = 3.9 s; half of the way is made in the first fifth of it.
    for (let i = 0; i < 8; i++) transfer.round()
    expect(transfer.cwnd).toBeGreaterThan(65)
    expect(transfer.cwnd).toBeLessThan(76)
    for (let i = 0; i < 30; i++) transfer.round()
    expect(transfer.cwnd).toBeGreaterThanOrEqual(78)
    expect(transfer.cwnd).toBeLessThanOrEqual(84)
  })

  it('does not grow a window that the application does not fill', () => {
    const talk = new Conversation()
    const socket = talk.connect({ rtt: 20 })
    for (let i = 0; i < 20; i++) {
      socket.write(2 * MSS)
      talk.wait(20)
      for (const segment of talk.drain()) talk.send(`. 1:1(0) ack ${endOf(segment)}`)
    }
    expect(socket.info.cwnd).toBeLessThanOrEqual(11)
  })
})

describe('after a pause', () => {
  function cwndAfter(pause: number, options: ConversationOptions): number {
    const talk = new Conversation(options)
    const socket = talk.connect({ rtt: 20, congestion: 'reno', sendBuffer: 1_000_000 })
    const answer = (): void => {
      talk.wait(20)
      for (const segment of talk.drain()) talk.send(`. 1:1(0) ack ${endOf(segment)}`)
    }
    socket.write(150 * MSS)
    for (let i = 0; i < 5; i++) answer()
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(80)
    talk.wait(pause)
    socket.write(200 * MSS)
    talk.wait(1)
    return talk.drain().length
  }

  it('starts again from the initial window (tcp_slow_start_after_idle)', () => {
    expect(cwndAfter(10_000, {})).toBe(10)
  })

  it('goes on where it was when the pause was shorter than the timeout', () => {
    expect(cwndAfter(100, {})).toBeGreaterThanOrEqual(80)
  })

  it('goes on where it was when that is switched off', () => {
    const off = { sysctls: { tcp_slow_start_after_idle: 0 } }
    expect(cwndAfter(10_000, off)).toBeGreaterThanOrEqual(80)
  })
})
