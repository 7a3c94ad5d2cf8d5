import { describe, expect, it } from 'vitest'
import { DeviceBench } from '../../test/device-bench.ts'
import { Port } from '../link/port.ts'
import { MICROSECOND } from '../sim/units.ts'
import { BROADCAST_MAC, type MacAddress, mac } from '../wire/mac-address.ts'
import { Nic } from './nic.ts'
import type { NicOptions } from './nic-options.ts'

const OTHER = mac('02:00:00:00:00:99')

class CabledNics extends DeviceBench {
  readonly near: Nic
  readonly far: Nic

  constructor(options: NicOptions = {}) {
    super()
    this.near = this.nic('h1', mac('52:54:00:00:00:01'), {})
    this.far = this.nic('h2', mac('52:54:00:00:00:02'), options)
    Port.connect(this.near.port, this.far.port, { rate: 1e9, delay: MICROSECOND })
  }

  private nic(name: string, address: MacAddress, options: NicOptions): Nic {
    const namespace = this.namespace(name, this.addKernel(name))
    const nic = new Nic(namespace, 'eth0', 1500, address, options)
    namespace.addDevice(nic)
    nic.setUp(true)
    return nic
  }

  /** Whether a frame to `destination` passes the far card's filter. */
  passes(destination: MacAddress): boolean {
    const before = this.far.rxPackets
    this.inject(this.near, this.near.mac, destination)
    this.run()
    return this.far.rxPackets > before
  }
}

describe('Nic', () => {
  it('filters unicast for others, unless the address was added or it is promiscuous', () => {
    const bench = new CabledNics()
    const { far } = bench
    expect([far.mac, BROADCAST_MAC, OTHER].map((to) => bench.passes(to))).toEqual([
      true,
      true,
      false,
    ])
    far.addUnicast(OTHER)
    far.addUnicast(OTHER)
    far.removeUnicast(OTHER)
    expect(bench.passes(OTHER)).toBe(true)
    far.removeUnicast(OTHER)
    expect(bench.passes(OTHER)).toBe(false)
    far.changePromiscuity(1)
    expect(bench.passes(OTHER)).toBe(true)
    expect(bench.drops()).toMatchObject({ nic_filter: 2 })
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('turns promiscuous while its filter is full, and counts that', () => {
    const bench = new CabledNics({ filterEntries: 4 })
    const added = Array.from({ length: 5 }, (_, i) => mac('02:00:00:00:01:00') + i)
    for (const address of added.slice(0, 4)) bench.far.addUnicast(address)
    expect([bench.passes(OTHER), bench.far.filterOverflows]).toEqual([false, 0])
    bench.far.addUnicast(added[4]!)
    expect([bench.passes(OTHER), bench.far.filterOverflows]).toEqual([true, 1])
    bench.far.removeUnicast(added[0]!)
    expect([bench.passes(OTHER), bench.passes(added[4]!)]).toEqual([false, true])
  })

  it('names its port after its host and follows its own MTU', () => {
    const bench = new CabledNics()
    expect(bench.near.port.label).toBe('h1/eth0')
    bench.near.setMtu(9000)
    bench.inject(bench.near, bench.near.mac, bench.far.mac, 9014)
    bench.inject(bench.near, bench.near.mac, bench.far.mac, 9019)
    bench.run()
    expect([...bench.ledger.dropCounts()].map(({ place, reason }) => `${place} ${reason}`)).toEqual(
      ['h1/eth0 frame_too_long', 'h2/eth0 frame_too_long'],
    )
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
