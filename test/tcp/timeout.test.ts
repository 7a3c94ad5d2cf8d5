import { describe, expect, it } from 'vitest'
import { at, full, MSS, numbers, RTT, sack, sending } from './sending.ts'

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
