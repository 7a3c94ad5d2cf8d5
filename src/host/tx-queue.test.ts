import { describe, expect, it } from 'vitest'
import { CabledHosts } from '../../test/cabled-hosts.ts'
import { CoredNics } from '../../test/cored-nics.ts'
import { tcpSegment, tcpUnit } from '../../test/tcp-units.ts'
import { testCosts } from '../../test/test-costs.ts'
import { STAGE_NIC_TRANSMIT } from '../cpu/stage.ts'
import { MICROSECOND, NANOSECOND } from '../sim/units.ts'
import { encode } from '../wire/encode.ts'
import type { Frame, FrameOwner, Transmitter } from '../wire/frame.ts'

/** Wire time of a segment of 1448 bytes at 10 Gb/s. */
const SEGMENT_TIME = (1448 + 52 + 14 + 24) * 800

class Owner implements FrameOwner {
  isBlocked = false
  transmitter: Transmitter | null = null
  used = 0

  own(frame: Frame): Frame {
    frame.owner = this
    frame.truesize = 1000
    this.used += frame.truesize
    return frame
  }

  frameFreed(truesize: number): void {
    this.used -= truesize
  }
}

describe('TxQueue', () => {
  it('lets the card cut units, at no cost, when the work that sent them has ended', () => {
    const costs = testCosts({ unit: { nic_transmit: 2000 }, segment: { nic_transmit: 10 } })
    const bench = new CoredNics({ costs })
    const seen: { time: number; bytes: Uint8Array }[] = []
    bench.near.port.tap = { frame: (time, frame) => seen.push({ time, bytes: encode(frame) }) }
    bench.send(tcpUnit({ bytes: 2000 }, 1000))
    bench.run()
    expect(seen.map(({ time, bytes }) => [time / NANOSECOND, bytes.length])).toEqual([
      [2020, 1066],
      [2020, 1066],
    ])
    expect(bench.nearMachine.cores[0]!.account[STAGE_NIC_TRANSMIT]).toBe(2020 * NANOSECOND)
    expect(bench.near.txPackets).toBe(2)
    expect([bench.ledger.split, bench.ledger.segments, bench.ledger.imbalance()]).toEqual([1, 2, 0])
  })

  it('counts the units that wait against txqueuelen, and drops a unit as a whole', () => {
    const bench = new CoredNics({ near: { txQueue: 2 } })
    // 20 segments take 24.6 us: three units are in the rings, two wait.
    const units = Array.from({ length: 7 }, (_, i) => tcpUnit({ bytes: 28_960, port: i }, 1448))
    bench.send(...units)
    bench.run(10)
    expect(bench.drops()).toEqual({ queue_full: 2 })
    expect(bench.near.port.txFrames).toBe(60)
    expect(bench.ledger.held()).toBeGreaterThan(60)
    bench.run(1000)
    expect(bench.drops()).toEqual({ queue_full: 2 })
    expect(bench.near.port.txFrames).toBe(100)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('sends from all flows in turn what the rings have no room for', () => {
    const bench = new CoredNics()
    const ports: number[] = []
    bench.near.port.tap = { frame: (_, frame) => ports.push(frame.sourcePort) }
    const greedy = Array.from({ length: 200 }, () => tcpSegment({ port: 1 }))
    const modest = Array.from({ length: 20 }, () => tcpSegment({ port: 2 }))
    bench.send(...greedy, ...modest)
    bench.run(1000)
    // The rings hold 50 us, which is 41 segments; from then on each flow has every other.
    expect(ports.slice(0, 41).every((port) => port === 1)).toBe(true)
    expect(ports.slice(41, 81).filter((port) => port === 2)).toHaveLength(20)
    expect(ports).toHaveLength(220)
    expect(bench.near.port.queuePeakBytes).toBeGreaterThan(200 * 1448)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('gives memory back when its owner asks, for what has left', () => {
    const bench = new CoredNics()
    const owner = new Owner()
    const frames = [owner.own(tcpSegment()), owner.own(tcpUnit({ bytes: 2896 }, 1448))]
    bench.send(...frames)
    bench.run(2)
    // The first frame has left, of the unit only the first segment has.
    expect([owner.used, frames[0]!.owner]).toEqual([2000, null])
    owner.transmitter!.reap()
    expect(owner.used).toBe(1000)
    bench.run(100)
    owner.transmitter!.reap()
    expect(owner.used).toBe(0)
  })

  it('gives memory back when the kernel sends on, though its owner never asks', () => {
    const bench = new CoredNics()
    const owner = new Owner()
    let most = 0
    for (let i = 0; i < 500; i++) {
      bench.send(owner.own(tcpSegment()))
      bench.run(2)
      most = Math.max(most, owner.used)
    }
    expect(most).toBeLessThanOrEqual(33_000)
    owner.transmitter!.reap()
    expect(owner.used).toBe(0)
  })

  it('gives memory back by one event, at the middle of what waits, to a socket that waits for it', () => {
    const costs = testCosts({ unit: { interrupt: 100 } })
    const bench = new CoredNics({ costs })
    const [owner, other] = [new Owner(), new Owner()]
    owner.isBlocked = true
    const times: number[] = []
    owner.frameFreed = (truesize) => {
      times.push(bench.simulator.now)
      owner.used -= truesize
    }
    const frames = Array.from({ length: 6 }, (_, i) => tcpSegment({ ipId: i }))
    bench.send(...frames.slice(0, 4).map((each) => other.own(each)))
    bench.send(...frames.slice(4).map((each) => owner.own(each)))
    bench.run()
    // The first request came with the fifth frame, of which the third is the middle; the next is for what is left.
    expect(times).toEqual([5 * SEGMENT_TIME, 6 * SEGMENT_TIME])
    expect([owner.used, other.used]).toEqual([0, 0])
    expect(bench.nearMachine.unaccounted).toBe(0)
  })

  it('gives memory back at once where a frame is dropped', () => {
    const bench = new CoredNics({ near: { txQueue: 1 } })
    const owner = new Owner()
    bench.send(...Array.from({ length: 50 }, () => owner.own(tcpSegment())))
    bench.run(1)
    // 41 segments are 50 us of wire time, one waits.
    expect([owner.used, bench.drops()]).toEqual([42_000, { queue_full: 8 }])
    bench.near.port.setUp(false)
    bench.send(owner.own(tcpUnit({ bytes: 2000 }, 1000)))
    bench.run(100)
    owner.transmitter!.reap()
    expect(owner.used).toBe(0)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('does the same where work takes no time', () => {
    const { a, simulator, ledger } = new CabledHosts()
    const owner = new Owner()
    owner.isBlocked = true
    ledger.originated += 2
    a.nic.send(owner.own(tcpSegment()))
    a.nic.send(owner.own(tcpUnit({ bytes: 2896 }, 1448)))
    expect(owner.used).toBe(2000)
    simulator.run(1000 * MICROSECOND)
    expect([owner.used, ledger.imbalance()]).toEqual([0, 0])
  })
})
