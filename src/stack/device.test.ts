import { describe, expect, it } from 'vitest'
import { tcpSegment, tcpUnit } from '../../test/tcp-units.ts'
import { testCosts } from '../../test/test-costs.ts'
import { Machine } from '../cpu/machine.ts'
import { STAGE_CHECKSUM, STAGE_GSO } from '../cpu/stage.ts'
import { Ledger } from '../measure/ledger.ts'
import { Simulator } from '../sim/simulator.ts'
import { MICROSECOND } from '../sim/units.ts'
import type { Frame } from '../wire/frame.ts'
import { NetDevice } from './device.ts'
import { ALL_OFFLOADS, type DeviceFeatures, withFeatures } from './device-features.ts'
import { isChecksumPending } from './gso.ts'
import { Kernel } from './kernel.ts'
import { KERNEL_PROFILES } from './kernel-profile.ts'
import { NetNamespace } from './namespace.ts'

const EACH = { gso: 10, checksum: 10 }
const COSTS = testCosts({ unit: EACH, byte: { gso: 1, checksum: 1 } })

class Sink extends NetDevice {
  readonly kind = 'sink'
  readonly sent: Frame[] = []

  protected transmit(frame: Frame): void {
    this.sent.push(frame)
    this.namespace.kernel.ledger.consumed++
  }
}

class Bench {
  readonly ledger = new Ledger()
  readonly machine: Machine
  readonly device: Sink
  private readonly kernel: Kernel

  constructor(changes: Partial<DeviceFeatures>) {
    const simulator = new Simulator('device')
    this.machine = new Machine(simulator, this.ledger, 'm', 1, COSTS)
    const profile = KERNEL_PROFILES['6.18']!
    this.kernel = new Kernel(simulator, this.ledger, 'k', profile, this.machine)
    this.device = new Sink(new NetNamespace(this.kernel, 'n'), 'eth0', 1500, 0x020000000001)
    this.device.up = true
    this.device.features = withFeatures(ALL_OFFLOADS, changes)
  }

  /** Sends in a softirq, as everything is. @returns what the driver got. */
  send(frame: Frame): Frame[] {
    this.ledger.originated++
    this.kernel.softirq(() => this.device.send(frame))
    this.kernel.simulator.run(this.kernel.simulator.now + 1000 * MICROSECOND)
    expect(this.ledger.imbalance()).toBe(0)
    expect(this.machine.unaccounted).toBe(0)
    return this.device.sent.splice(0)
  }

  /** Nanoseconds that went to a stage. */
  spent(stage: number): number {
    return this.machine.cores[0]!.account[stage]! / 1000
  }
}

describe('NetDevice.send', () => {
  it('hands units on where the device segments', () => {
    const bench = new Bench({ gro: false })
    for (const unit of [tcpUnit({ bytes: 3000 }, 1000), tcpUnit({ bytes: 3000 }, 1000, 'vxlan')]) {
      expect(bench.send(unit)).toEqual([unit])
    }
    expect([bench.spent(STAGE_GSO), bench.spent(STAGE_CHECKSUM), bench.ledger.split]).toEqual([
      0, 0, 0,
    ])
  })

  it('cuts units in software where it does not, and counts segments', () => {
    const bench = new Bench({ tso: false })
    const unit = tcpUnit({ bytes: 2500 }, 1000)
    const { length } = unit
    const sent = bench.send(unit)
    expect(sent.map(({ l3Length }) => l3Length)).toEqual([1052, 1052, 552])
    expect(bench.device.txPackets).toBe(3)
    expect([bench.ledger.split, bench.ledger.segments]).toEqual([1, 3])
    expect([bench.spent(STAGE_GSO), bench.spent(STAGE_CHECKSUM)]).toEqual([10 + length, 0])
    expect(bench.send(tcpUnit({ bytes: 2000 }, 1000, 'vxlan'))).toHaveLength(1)
  })

  it('cuts units in tunnels where the device segments only without', () => {
    const bench = new Bench({ tunnelTso: false })
    expect(bench.send(tcpUnit({ bytes: 2000 }, 1000, 'vxlan'))).toHaveLength(2)
    expect(bench.send(tcpUnit({ bytes: 2000 }, 1000))).toHaveLength(1)
  })

  it('cuts units that are longer than the device takes', () => {
    const few = new Bench({ gsoMaxSegments: 2 })
    expect([2000, 2001].map((bytes) => few.send(tcpUnit({ bytes }, 1000)).length)).toEqual([1, 3])
    const short = new Bench({ gsoMaxSize: 2052 })
    expect([1999, 2000].map((bytes) => short.send(tcpUnit({ bytes }, 1000)).length)).toEqual([1, 2])
  })

  it('makes checksums in software where the device does not, once', () => {
    const bench = new Bench({ txChecksum: false })
    // A device without checksums does not segment either.
    expect(bench.device.features).toMatchObject({ tso: false, tunnelTso: false })
    const frame = tcpSegment()
    bench.send(frame)
    const cost = 10 + frame.length
    expect([bench.spent(STAGE_CHECKSUM), isChecksumPending(frame)]).toEqual([cost, false])
    bench.send(frame)
    expect(bench.spent(STAGE_CHECKSUM)).toBe(cost)
    const unit = tcpUnit({ bytes: 2000 }, 1000)
    expect(bench.send(unit).map(isChecksumPending)).toEqual([false, false])
    expect(bench.spent(STAGE_CHECKSUM)).toBe(cost + 10 + unit.length)
  })
})
