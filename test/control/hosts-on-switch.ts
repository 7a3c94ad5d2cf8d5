import { expect } from 'vitest'
import type { CostProfile } from '../../src/cpu/cost-profile.ts'
import { Machine } from '../../src/cpu/machine.ts'
import { L2Switch } from '../../src/fabric/l2-switch.ts'
import { SWITCH_PROFILES } from '../../src/fabric/switch-profiles.ts'
import { Host } from '../../src/host/host.ts'
import { partition } from '../../src/link/fault-rules.ts'
import { Port } from '../../src/link/port.ts'
import { Ledger } from '../../src/measure/ledger.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import { MICROSECOND } from '../../src/sim/units.ts'
import { KERNEL_PROFILES } from '../../src/stack/kernel-profile.ts'
import { type Ipv4Address, ipv4 } from '../../src/wire/ipv4-address.ts'

const GENERIC = SWITCH_PROFILES.find(({ name }) => name === 'generic')!

export interface HostsOptions {
  readonly seed?: string
  /** What the work of two cores takes on each host. Default: none. */
  readonly costs?: CostProfile
  /** Of each cable, picoseconds. Default 5 us. */
  readonly delay?: number
  /** Of each cable, bits per second. Default 10 Gb/s. */
  readonly rate?: number
}

/** Hosts h1, h2 ... with 10.0.0.1, 10.0.0.2 ... on one switch, for tests of what daemons speak. */
export class HostsOnSwitch {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly hosts: readonly Host[]

  constructor(count: number, options: HostsOptions = {}) {
    this.simulator = new Simulator(options.seed ?? '1')
    const fabric = new L2Switch(this.simulator, this.ledger, 's1', GENERIC)
    this.hosts = Array.from({ length: count }, (_, i) => this.addHost(fabric, i + 1, options))
  }

  private addHost(fabric: L2Switch, number: number, options: HostsOptions): Host {
    const { simulator, ledger } = this
    const name = `h${number}`
    const { costs, rate = 10e9, delay = 5 * MICROSECOND } = options
    const host = Host.cabled(simulator, ledger, name, {
      kernel: KERNEL_PROFILES['5.15']!,
      machine: costs === undefined ? null : new Machine(simulator, ledger, name, 2, costs),
      mtu: 1500,
      mac: 0x020000000000 + number,
      address: this.address(number),
      prefixLength: 24,
      gateway: null,
    })
    Port.connect(host.port!, fabric.addPort(), { rate, delay })
    return host
  }

  address(number: number): Ipv4Address {
    return ipv4(`10.0.0.${number}`)
  }

  /** h1 is 1. */
  host(number: number): Host {
    return this.hosts[number - 1]!
  }

  /**
   * What hosts of `from` send to hosts of `to` is lost; not the other way, unless `both`.
   * @returns what ends the partition.
   */
  partition(from: readonly number[], to: readonly number[], both = true): () => void {
    const ends = [this.cutOneWay(from, to)]
    if (both) ends.push(this.cutOneWay(to, from))
    return () => {
      for (const end of ends) end()
    }
  }

  private cutOneWay(from: readonly number[], to: readonly number[]): () => void {
    const rule = partition(new Set(to.map((number) => this.address(number))))
    const channels = from.map((number) => this.host(number).port!.channel)
    for (const channel of channels) channel.add(rule)
    return () => {
      for (const channel of channels) channel.remove(rule)
    }
  }

  /** Every frame has ended, or is held where one can count it. */
  expectBalance(): void {
    expect(this.ledger.imbalance()).toBe(0)
  }
}
