import { describe, expect, it } from 'vitest'
import { at, full, numbers, RTT, sack, sending } from './sending.ts'

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
