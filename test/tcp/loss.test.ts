import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../src/stack/tcp/tcp-socket.ts'
import { Conversation, type Offer, type Segment } from './conversation.ts'

const MSS = 1448
const RTT = 20

/** Where segment `index` begins, counted from 0; the end of the one before. */
const at = (index: number): number => 1 + index * MSS

const full = (index: number): string => `. ${at(index)}:${at(index + 1)}(${MSS}) ack 1`

/** A connection with a round trip of 20 ms that has sent its first window of ten, and then waited one. */
function sending(segments: number, offer: Offer = {}): { talk: Conversation; socket: TcpSocket } {
  const talk = new Conversation()
  const socket = talk.connect({ rtt: RTT, ...offer })
  socket.write(segments * MSS)
  for (let i = 0; i < Math.min(segments, 10); i++) talk.receive(full(i), 0.1)
  talk.wait(RTT)
  return { talk, socket }
}

/** The segments since last asked, by number; null for what is not a full segment. */
function numbers(segments: readonly Segment[]): (number | null)[] {
  return segments.map(({ sequence, length }) => (length === MSS ? (sequence - 1) / MSS : null))
}

const sack = (from: number, to: number): string => ` <sack ${at(from)}:${at(to)}>`

describe('recovery by SACK', () => {
  it('repeats what three later segments overtook, once (RACK)', () => {
    const { talk } = sending(10)
    talk.send(`. 1:1(0) ack 1${sack(1, 4)}`)
    talk.receive(full(0), 0.1)
    talk.send(`. 1:1(0) ack 1${sack(1, 10)}`)
    talk.quiet(5)
    talk.send(`. 1:1(0) ack ${at(10)}`)
    talk.quiet(1000)
  })

  it('repeats each of several holes', () => {
    const { talk } = sending(10)
    talk.send(`. 1:1(0) ack 1 <sack ${at(7)}:${at(10)} ${at(3)}:${at(6)}>`)
    talk.wait(1)
    const first = numbers(talk.drain())
    expect(first[0]).toBe(0)
    // The rest comes with the acknowledgements of what was repeated.
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(1)} <sack ${at(7)}:${at(10)} ${at(3)}:${at(6)}>`)
    talk.wait(1)
    talk.send(`. 1:1(0) ack ${at(2)} <sack ${at(7)}:${at(10)} ${at(3)}:${at(6)}>`)
    talk.wait(1)
    const all = [...first, ...numbers(talk.drain())]
    expect([...new Set(all)].sort()).toEqual([0, 1, 2, 6])
    expect(all).toHaveLength(4)
  })

  it('waits a quarter of the round trip for one that was only overtaken', () => {
    const { talk, socket } = sending(10)
    talk.send(`. 1:1(0) ack 1${sack(1, 2)}`)
    talk.quiet(3)
    talk.send(`. 1:1(0) ack ${at(2)}`)
    talk.quiet(15)
    expect(socket.info.retransmits).toBe(0)
  })

  it('then repeats it, although no third acknowledgement came', () => {
    const { talk } = sending(2)
    talk.send(`. 1:1(0) ack 1${sack(1, 2)}`)
    const { time } = talk.receive(full(0), 40)
    expect(time).toBeGreaterThan(2 * RTT + RTT / 4)
    expect(time).toBeLessThan(2 * RTT + 30)
  })

  it('waits a quarter of the round trip even behind many, once it has seen reordering', () => {
    const { talk, socket } = sending(60)
    talk.send(`. 1:1(0) ack 1${sack(1, 2)}`)
    talk.wait(2)
    talk.send(`. 1:1(0) ack ${at(10)}`)
    expect(socket.info.reorderingSeen).toBe(1)
    talk.wait(RTT)
    const [next] = numbers(talk.drain())
    expect(next).toBe(10)
    talk.send(`. 1:1(0) ack ${at(10)}${sack(11, 16)}`)
    talk.wait(2)
    expect(numbers(talk.drain())).not.toContain(10)
    talk.wait(20)
    expect(numbers(talk.drain())).toContain(10)
  })

  it('sends new data for SACKs before it knows of a loss (limited transmit)', () => {
    const { talk } = sending(20)
    talk.send(`. 1:1(0) ack 1${sack(1, 2)}`)
    talk.receive(full(10), 0.1)
    talk.wait(2)
    talk.send(`. 1:1(0) ack 1${sack(1, 3)}`)
    talk.receive(full(11), 0.1)
  })

  it('reduces the window by PRR, evenly over the round trip', () => {
    const { talk, socket } = sending(60)
    // Twenty in flight, of which the first is lost.
    for (let i = 1; i <= 10; i++) talk.send(`. 1:1(0) ack ${at(i)}`)
    talk.wait(RTT)
    expect(numbers(talk.drain())).toEqual(Array.from({ length: 20 }, (_, i) => 10 + i))
    expect(socket.info.cwnd).toBe(20)
    const counts: number[] = []
    for (let i = 1; i < 20; i++) {
      // Further apart than the millisecond for which a unit waits to be filled.
      talk.wait(1.2)
      talk.send(`. 1:1(0) ack ${at(10)}${sack(11, 11 + i)}`)
      counts.push(talk.drain().length)
    }
    // Two by limited transmit; then CUBIC's 0.7 of 20 in all.
    expect(counts.slice(0, 3)).toEqual([1, 1, 1])
    expect(Math.max(...counts)).toBe(1)
    expect(counts.reduce((sum, count) => sum + count)).toBeLessThanOrEqual(16)
    expect(counts.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(13)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(45)}`)
    expect(socket.info.ssthresh).toBe(14)
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(14)
    expect(socket.info.cwnd).toBeLessThanOrEqual(16)
  })

  it('finds a lost repetition by what was sent after it (RACK)', () => {
    const { talk } = sending(30)
    talk.send(`. 1:1(0) ack 1${sack(1, 5)}`)
    talk.wait(RTT)
    const sent = numbers(talk.drain())
    expect(sent[0]).toBe(0)
    expect(sent.length).toBeGreaterThan(1)
    // What was sent after the repetition arrives; the repetition does not.
    talk.send(`. 1:1(0) ack 1${sack(1, sent.at(-1)! + 1)}`)
    talk.wait(10)
    expect(numbers(talk.drain())[0]).toBe(0)
  })
})

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
})

describe('recovery without SACK', () => {
  it('repeats after the third duplicate acknowledgement', () => {
    const { talk } = sending(10, { sack: false })
    // The first one only tells the window, which the handshake could not scale.
    for (let i = 0; i < 3; i++) talk.send('. 1:1(0) ack 1')
    talk.quiet(2)
    talk.send('. 1:1(0) ack 1')
    talk.receive(full(0), 0.1)
  })

  it('repeats the next hole at a partial acknowledgement (NewReno)', () => {
    const { talk } = sending(10, { sack: false })
    for (let i = 0; i < 8; i++) talk.send('. 1:1(0) ack 1')
    expect(numbers(talk.drain())).toEqual([0])
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(5)}`)
    talk.receive(full(5), 0.1)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(10)}`)
    talk.quiet(1000)
  })
})

describe('tail loss probe', () => {
  it('repeats the last segment after two round trips', () => {
    const { talk } = sending(10)
    const { time } = talk.receive(full(9), 60)
    // Sent at 20 ms; two jiffies are the least.
    expect(time).toBeGreaterThanOrEqual(3 * RTT)
    expect(time).toBeLessThanOrEqual(3 * RTT + 12)
  })

  it('sends something new if there is something', () => {
    const { talk } = sending(11)
    talk.receive(full(10), 60)
  })

  it('allows for the delayed acknowledgement of a lone segment', () => {
    const { talk } = sending(1)
    talk.quiet(180)
    talk.receive(full(0), 60)
  })

  it('repairs a lost tail by the SACK that the probe causes', () => {
    const { talk, socket } = sending(10)
    talk.send(`. 1:1(0) ack ${at(6)}`)
    const probe = talk.receive(full(9), 80)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(6)}${sack(9, 10)}`)
    talk.receive(full(6), 0.1)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(7)}${sack(9, 10)}`)
    // As in slow start, for nothing more is lost.
    talk.receive(full(7), 0.1)
    talk.receive(full(8), 0.1)
    expect(talk.now - probe.time).toBeLessThan(2.2 * RTT)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(10)}`)
    talk.quiet(1000)
    expect(socket.info.timeouts).toBe(0)
  })

  it('reduces the window when its repetition was what repaired the loss', () => {
    const { talk, socket } = sending(10)
    talk.send(`. 1:1(0) ack ${at(9)}`)
    talk.receive(full(9), 300)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(10)}`)
    const { cwnd } = socket.info
    // Only an acknowledgement beyond the probe excludes that the first sending arrived as well.
    socket.write(2 * MSS)
    talk.wait(RTT)
    talk.drain()
    talk.send(`. 1:1(0) ack ${at(12)}`)
    expect(socket.info.ssthresh).toBe(Math.floor(cwnd * 0.7))
    expect(socket.info.cwnd).toBeLessThanOrEqual(socket.info.ssthresh + 1)
  })

  it('reduces nothing when the first sending arrived as well', () => {
    const { talk, socket } = sending(10)
    talk.receive(full(9), 80)
    talk.wait(2)
    talk.send(`. 1:1(0) ack ${at(10)}`)
    const { cwnd } = socket.info
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(10)} <sack ${at(9)}:${at(10)}>`)
    socket.write(2 * MSS)
    talk.wait(RTT)
    talk.drain()
    talk.send(`. 1:1(0) ack ${at(12)}`)
    expect(socket.info.cwnd).toBeGreaterThanOrEqual(cwnd)
  })
})

describe('retransmission timer', () => {
  it('waits 200 ms beyond the round trip, then twice as long each time', () => {
    const { talk, socket } = sending(10)
    talk.receive(full(9), 60)
    const times = [talk.now]
    for (let i = 0; i < 6; i++) times.push(talk.receive(full(0), 30_000).time)
    const waits = times.slice(1).map((time, i) => time - times[i]!)
    expect(waits[0]).toBeGreaterThanOrEqual(RTT + 200 - 4)
    expect(waits[0]).toBeLessThan(RTT + 200 + 20)
    for (let i = 1; i < waits.length; i++) {
      expect(waits[i]! / waits[i - 1]!).toBeGreaterThan(1.8)
      expect(waits[i]! / waits[i - 1]!).toBeLessThan(2.2)
    }
    expect(socket.info.cwnd).toBe(1)
    expect(socket.info.ssthresh).toBe(7)
  })

  it('never waits longer than 120 s, and gives up after about 15 minutes', () => {
    const { talk, socket } = sending(1)
    let error: unknown = null
    socket.onClose = (reason) => {
      error = reason
    }
    const times: number[] = []
    while (error === null && talk.now < 2_000_000) {
      talk.wait(10_000)
      times.push(...talk.drain().map(({ time }) => time))
    }
    expect(error).toBe('ETIMEDOUT')
    expect(talk.now).toBeGreaterThan(900_000)
    expect(talk.now).toBeLessThan(1_100_000)
    const waits = times.slice(1).map((time, i) => time - times[i]!)
    expect(Math.max(...waits)).toBeLessThan(135_000)
    expect(Math.max(...waits)).toBeGreaterThan(100_000)
    expect(times.length).toBeGreaterThanOrEqual(15)
    expect(times.length).toBeLessThanOrEqual(17)
  })

  it('goes back to its old length with the next sample', () => {
    const { talk, socket } = sending(2)
    talk.wait(2000)
    talk.drain()
    expect(socket.info.rto / 1e9).toBeGreaterThan(800)
    talk.send(`. 1:1(0) ack ${at(2)}`)
    // What the last repetition took, by its timestamp: no back-off is left.
    expect(socket.info.rto / 1e9).toBeLessThan(800)
    for (let i = 2; i < 32; i++) {
      socket.write(MSS)
      talk.receive(full(i))
      talk.wait(RTT)
      talk.send(`. 1:1(0) ack ${at(i + 1)}`)
    }
    expect(socket.info.rto / 1e9).toBeLessThan(RTT + 200 + 10)
  })

  it('repeats the whole window in slow start when nothing of it arrived', () => {
    const { talk } = sending(10)
    talk.receive(full(9), 60)
    talk.receive(full(0), 300)
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(1)}`)
    talk.wait(1)
    expect(numbers(talk.drain())).toEqual([1, 2])
    talk.wait(RTT)
    talk.send(`. 1:1(0) ack ${at(3)}`)
    talk.wait(1)
    expect(numbers(talk.drain())).toEqual([3, 4, 5, 6])
  })

  it('takes another path: the flow hash is drawn again', () => {
    const { talk } = sending(10)
    const probe = talk.receive(full(9), 60)
    const hash = probe.frame.flowHash
    expect(hash).not.toBe(0)
    const first = talk.receive(full(0), 300)
    expect(first.frame.flowHash).not.toBe(hash)
    expect(first.frame.flowHash).not.toBe(0)
    const second = talk.receive(full(0), 600)
    expect(second.frame.flowHash).not.toBe(first.frame.flowHash)
  })

  it('measures the round trip as RFC 6298 has it', () => {
    const { talk, socket } = sending(10)
    for (let i = 1; i <= 10; i++) talk.send(`. 1:1(0) ack ${at(i)}`)
    expect(socket.info.srtt / 1e9).toBeGreaterThan(RTT - 0.5)
    expect(socket.info.srtt / 1e9).toBeLessThan(RTT + 1)
    socket.write(MSS)
    talk.receive(full(10))
    talk.wait(100)
    talk.send(`. 1:1(0) ack ${at(11)}`)
    // An eighth of the way from 20 to 100.
    expect(socket.info.srtt / 1e9).toBeGreaterThan(29)
    expect(socket.info.srtt / 1e9).toBeLessThan(31)
    expect(socket.info.rto / 1e9).toBeGreaterThan(230 - 2)
  })
})
