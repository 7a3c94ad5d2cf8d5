import { describe, expect, it } from 'vitest'
import { CoredNics } from '../../test/cored-nics.ts'
import { tcpSegment, tcpUnit } from '../../test/tcp-units.ts'
import { flatCosts, testCosts } from '../../test/test-costs.ts'
import { STAGE_CHECKSUM, STAGE_GRO, STAGE_INTERRUPT, STAGE_NIC_RECEIVE } from '../cpu/stage.ts'
import { MICROSECOND, NANOSECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import type { TcpHeader } from '../wire/tcp.ts'

/** Wire time of a segment of 1448 bytes at 10 Gb/s, and the cable's delay. */
const SEGMENT_TIME = (1448 + 52 + 14 + 24) * 800
const DELAY = MICROSECOND

const segments = (count: number, port = 40000): Frame[] =>
  Array.from({ length: count }, (_, i) => tcpSegment({ sequence: i * 1448, ipId: i, port }))

describe('RxQueue', () => {
  it('interrupts when its delay is over, or enough frames wait, and rouses an idle core', () => {
    const far = { coalesce: { usecs: 10, frames: 4 } }
    const costs = testCosts({ interrupt: 3000 })
    const alone = new CoredNics({ far, costs })
    alone.send(tcpSegment())
    alone.run()
    const arrival = SEGMENT_TIME + DELAY
    expect(alone.arrivals[0]!.time).toBe(arrival + 13 * MICROSECOND)
    const many = new CoredNics({ far, costs })
    many.send(...segments(4))
    many.run()
    expect(many.arrivals[0]!.time).toBe(4 * SEGMENT_TIME + DELAY + 3 * MICROSECOND)
    expect(many.far.queues[0]!.interrupts).toBe(1)
  })

  it('merges what one poll finds, and nothing without coalescing', () => {
    const merging = new CoredNics({ far: { coalesce: { usecs: 40, frames: 64 } } })
    merging.send(tcpUnit({ bytes: 14480 }, 1448))
    merging.run()
    expect(merging.units).toEqual([10])
    expect(merging.far.rxPackets).toBe(10)
    const hasty = new CoredNics({ far: { coalesce: { usecs: 0, frames: 1 } } })
    hasty.send(tcpUnit({ bytes: 14480 }, 1448))
    hasty.run()
    expect(hasty.units).toEqual(new Array(10).fill(1))
    for (const bench of [merging, hasty]) expect(bench.ledger.imbalance()).toBe(0)
  })

  it('merges at most 64 frames a poll, though the poll takes many slices of work', () => {
    const costs = testCosts({ unit: { nic_receive: 400 } })
    const bench = new CoredNics({ costs, far: { coalesce: { usecs: 500, frames: 200 } } })
    const short = Array.from({ length: 100 }, (_, i) =>
      tcpSegment({ sequence: i * 500, ipId: i, bytes: 500 }),
    )
    bench.send(...short)
    bench.run(2000)
    expect(bench.units).toEqual([64, 36])
  })

  it('polls on without interrupts while frames wait', () => {
    const costs = testCosts({ unit: { nic_receive: 5000 } })
    const bench = new CoredNics({ costs, far: { coalesce: { usecs: 5, frames: 64 } } })
    bench.send(...segments(50))
    bench.run()
    expect(bench.arrivals.length).toBeGreaterThan(0)
    expect(bench.far.queues[0]!.interrupts).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('drops what finds its ring full', () => {
    const costs = testCosts({ unit: { nic_receive: 20_000 } })
    const far = { rxRing: 16, coalesce: { usecs: 0, frames: 1 }, features: { gro: false } }
    const bench = new CoredNics({ costs, far })
    bench.send(...segments(100))
    bench.run(60)
    expect([bench.far.heldFrames(), bench.ledger.imbalance()]).toEqual([16, 0])
    bench.run(5000)
    const { rx_ring_full = 0 } = bench.drops()
    expect(rx_ring_full).toBeGreaterThan(50)
    expect(bench.arrivals).toHaveLength(100 - rx_ring_full)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('is chosen by the flow: UDP by its ports only where the card reads them', () => {
    const cores = (far: { rss?: 'ports' | 'addresses' }, wrapping: 'plain' | 'vxlan'): number => {
      const bench = new CoredNics({ cpus: 4, far })
      for (let i = 0; i < 40; i++) {
        const frame = tcpSegment({ port: 1000 + i, bytes: 1000 }, wrapping)
        if (wrapping === 'vxlan') frame.sourcePort = 50000 + i
        bench.send(frame)
      }
      bench.run()
      return new Set(bench.arrivals.map(({ core }) => core)).size
    }
    expect(cores({}, 'plain')).toBe(4)
    expect(cores({ rss: 'addresses' }, 'plain')).toBe(4)
    expect(cores({}, 'vxlan')).toBe(4)
    expect(cores({ rss: 'addresses' }, 'vxlan')).toBe(1)
  })

  it('leaves the stack to other cores with RPS, in the order of each flow', () => {
    const far = { queues: 1, rps: true, coalesce: { usecs: 20, frames: 64 } }
    const bench = new CoredNics({ cpus: 4, far, costs: flatCosts(100) })
    const ports = [1, 2, 3, 4, 5, 6, 7, 8]
    for (let round = 0; round < 5; round++) {
      bench.send(
        ...ports.map((port) => tcpSegment({ port, sequence: round * 10_000, ipId: round })),
      )
    }
    bench.run()
    const byPort = new Map<number, { cores: Set<number>; sequences: number[] }>()
    for (const { core, frame } of bench.arrivals) {
      const entry = byPort.get(frame.sourcePort) ?? { cores: new Set(), sequences: [] }
      byPort.set(frame.sourcePort, entry)
      entry.cores.add(core)
      entry.sequences.push((frame.header as TcpHeader).sequence)
    }
    expect(byPort.size).toBe(8)
    for (const { cores, sequences } of byPort.values()) {
      expect(cores.size).toBe(1)
      expect(sequences).toEqual([0, 10_000, 20_000, 30_000, 40_000])
    }
    expect(new Set(bench.arrivals.map(({ core }) => core)).size).toBeGreaterThan(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('charges interrupts, descriptors, merging and, without the offload, checksums', () => {
    const far = { coalesce: { usecs: 40, frames: 64 }, features: { rxChecksum: false } }
    const each = { interrupt: 500, nic_receive: 100, gro: 30 }
    const costs = testCosts({ unit: each, byte: { checksum: 0.1 } })
    const bench = new CoredNics({ costs, far })
    bench.send(tcpUnit({ bytes: 4344 }, 1448))
    bench.run()
    const { account, busy } = bench.farMachine.cores[0]!
    const spent = [STAGE_INTERRUPT, STAGE_NIC_RECEIVE, STAGE_GRO, STAGE_CHECKSUM].map(
      (stage) => account[stage]! / NANOSECOND,
    )
    expect(spent.map((ns) => Math.round(ns * 10) / 10)).toEqual([500, 300, 90, 454.2])
    expect(account.reduce((sum, time) => sum + time, 0)).toBe(busy)
  })

  it('keeps an account that adds up on every core', () => {
    const bench = new CoredNics({ cpus: 4, costs: flatCosts(130, { interrupt: 1000 }), rate: 25e9 })
    for (let i = 0; i < 200; i++) {
      bench.send(tcpUnit({ bytes: 30_000, port: i % 7, ipId: i }, 1398, i % 2 ? 'vxlan' : 'plain'))
    }
    bench.run(10_000)
    for (const machine of [bench.nearMachine, bench.farMachine]) {
      expect(machine.unaccounted).toBe(0)
      for (const { account, busy } of machine.cores) {
        expect(account.reduce((sum, time) => sum + time, 0)).toBe(busy)
        expect(busy).toBeLessThanOrEqual(bench.simulator.now)
      }
    }
    expect(bench.units.reduce((sum, count) => sum + count, 0)).toBe(200 * 22)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
