import { type CostProfile, costProfile } from '../src/cpu/cost-profile.ts'
import { Machine } from '../src/cpu/machine.ts'
import { type CpuStage, STAGES } from '../src/cpu/stage.ts'
import { Nic } from '../src/host/nic.ts'
import { Port } from '../src/link/port.ts'
import { Ledger } from '../src/measure/ledger.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { MICROSECOND, NANOSECOND } from '../src/sim/units.ts'
import { Kernel } from '../src/stack/kernel.ts'
import { KERNEL_PROFILES } from '../src/stack/kernel-profile.ts'
import { NetNamespace } from '../src/stack/namespace.ts'
import { type Ipv4Address, ipv4, prefix } from '../src/wire/ipv4-address.ts'

/** A host with one NIC, as the tests of workloads need it. */
export interface CabledHost {
  readonly namespace: NetNamespace
  readonly nic: Nic
  readonly address: Ipv4Address
}

/** Bits per second: a byte takes 8000 ps. */
const RATE = 1e9
/** Of the cable, picoseconds. */
const DELAY = 5 * MICROSECOND

const CORES = 2
/** Of a test's cost profile: from a wake-up until a thread runs on an idle core, picoseconds. */
export const WAKEUP_LATENCY = MICROSECOND

/** A profile in which only these stages cost anything: nanoseconds a unit. */
export function costsOf(stages: Readonly<Partial<Record<CpuStage, number>>>): CostProfile {
  const source = 'a test'
  return costProfile({
    name: 'test',
    about: source,
    stages: Object.fromEntries(
      STAGES.map((stage) => [stage, { unit: stages[stage] ?? 0, source }]),
    ),
    cold: { factor: 1, afterNs: 0, source },
    latencies: {
      wakeup: { ns: WAKEUP_LATENCY / NANOSECOND, source },
      interrupt: { ns: 0, source },
    },
  })
}

/** Two hosts, 10.0.0.1 and 10.0.0.2, each a kernel of its own, on one cable of 1 Gb/s and 5 us. */
export class CabledHosts {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly a: CabledHost
  readonly b: CabledHost

  private readonly costs: CostProfile | null

  /** @param costs what the work of two cores takes on each host; null = nothing. NICs interrupt at once. */
  constructor(seed = '1', costs: CostProfile | null = null) {
    this.simulator = new Simulator(seed)
    this.costs = costs
    this.a = this.host('a', 1)
    this.b = this.host('b', 2)
    Port.connect(this.a.nic.port, this.b.nic.port, { rate: RATE, delay: DELAY })
  }

  private host(name: string, number: number): CabledHost {
    const { simulator, ledger, costs } = this
    const machine = costs === null ? null : new Machine(simulator, ledger, name, CORES, costs)
    const kernel = new Kernel(simulator, ledger, name, KERNEL_PROFILES['6.18']!, machine)
    const namespace = new NetNamespace(kernel, name)
    const coalesce = { usecs: 0, frames: 1 }
    const nic = new Nic(namespace, 'eth0', 1500, 0x020000000000 + number, { coalesce })
    nic.up = true
    namespace.addDevice(nic)
    const address = ipv4(`10.0.0.${number}`)
    namespace.addAddress(nic, { address, length: 24 })
    return { namespace, nic, address }
  }

  /** Permanent neighbours, so that no ARP takes part. */
  fixNeighbours(): this {
    for (const [one, other] of [
      [this.a, this.b],
      [this.b, this.a],
    ] as const) {
      const neighbour = one.namespace.neighbours.lookupOrCreate(one.nic, other.address)!
      neighbour.update(other.nic.mac, 'PERMANENT', true)
    }
    return this
  }

  /** Charges that no core has accounted for. */
  get unaccounted(): number {
    const machines = [this.a, this.b].map(({ namespace }) => namespace.kernel.machine)
    return machines.reduce((sum, machine) => sum + (machine?.unaccounted ?? 0), 0)
  }

  /** A route of `a` by way of `b`, behind which nothing else is. */
  routeBehindB(block: string): void {
    const error = this.a.namespace.routes.add({ destination: prefix(block), via: this.b.address })
    if (error !== null) throw new Error(error.message)
  }
}

/** Time that a packet of `l3` bytes needs from NIC to NIC: header, FCS, preamble, gap, delay. */
export function wireTime(l3: number): number {
  return (Math.max(l3 + 14, 60) + 24) * (8e12 / RATE) + DELAY
}
