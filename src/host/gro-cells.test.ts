import { describe, expect, it } from 'vitest'
import { tcpSegment, tcpUnit } from '../../test/tcp-units.ts'
import { flatCosts } from '../../test/test-costs.ts'
import { Machine } from '../cpu/machine.ts'
import { STAGE_GRO } from '../cpu/stage.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MILLISECOND, NANOSECOND } from '../sim/units.ts'
import { withFeatures } from '../stack/device-features.ts'
import { segment } from '../stack/gso.ts'
import { Kernel } from '../stack/kernel.ts'
import { KERNEL_PROFILES } from '../stack/kernel-profile.ts'
import { NetNamespace } from '../stack/namespace.ts'
import type { Frame } from '../wire/frame.ts'
import { Dummy } from './dummy.ts'
import { GroCells } from './gro-cells.ts'

class Bench {
  readonly simulator = new Simulator('cells')
  readonly ledger = new Ledger()
  readonly machine: Machine | null
  readonly device: Dummy
  readonly cells: GroCells
  readonly arrivals: Frame[] = []
  private readonly kernel: Kernel

  constructor(hasCores = true) {
    const { simulator, ledger } = this
    this.machine = hasCores ? new Machine(simulator, ledger, 'm', 2, flatCosts(100)) : null
    this.kernel = new Kernel(simulator, ledger, 'k', KERNEL_PROFILES['6.18']!, this.machine)
    this.device = new Dummy(new NetNamespace(this.kernel, 'n'), 'tunnel', 1450, 0x020000000001)
    this.device.up = true
    this.device.rxHandler = {
      handleFrame: (frame) => {
        this.arrivals.push(frame)
        ledger.consumed++
        return null
      },
    }
    this.cells = new GroCells(this.device)
  }

  /** Unpacks frames in one softirq. @returns segments of each unit that the device received. */
  give(frames: readonly Frame[]): number[] {
    this.arrivals.length = 0
    this.kernel.softirq(() => {
      this.ledger.originated += frames.length
      for (const frame of frames) this.cells.receive(frame)
      expect(this.ledger.imbalance()).toBe(0)
    })
    this.simulator.run(this.simulator.now + 10 * MILLISECOND)
    expect(this.ledger.imbalance()).toBe(0)
    return this.arrivals.map(({ gsoSegments }) => gsoSegments || 1)
  }
}

const segments = (count: number): Frame[] => segment(tcpUnit({ bytes: count * 100 }, 100))

describe('GroCells', () => {
  it('merges what a tunnel unpacks in one softirq', () => {
    const bench = new Bench()
    expect(bench.give([...segments(20), tcpSegment({ port: 9 }), ...segments(20)])).toEqual([
      20, 20, 1,
    ])
    expect(bench.machine!.cores[0]!.account[STAGE_GRO]).toBe(41 * 100 * NANOSECOND)
    expect(bench.machine!.unaccounted).toBe(0)
  })

  it('hands on one by one where the device does not merge', () => {
    const bench = new Bench()
    bench.device.features = withFeatures(bench.device.features, { gro: false })
    expect(bench.give(segments(3))).toEqual([1, 1, 1])
    expect(bench.machine!.cores[0]!.account[STAGE_GRO]).toBe(0)
    expect(new Bench(false).give(segments(3))).toEqual([1, 1, 1])
  })

  it('drops what finds its queue full', () => {
    const bench = new Bench()
    const units = bench.give(Array.from({ length: 1003 }, (_, i) => tcpSegment({ port: i })))
    expect(units).toHaveLength(1000)
    expect([...bench.ledger.dropCounts()]).toEqual([
      { place: 'n/tunnel', reason: 'backlog_full', count: 3 },
    ])
  })
})
