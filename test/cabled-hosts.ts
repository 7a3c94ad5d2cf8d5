import { Nic } from '../src/host/nic.ts'
import { Port } from '../src/link/port.ts'
import { Ledger } from '../src/measure/ledger.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { MICROSECOND } from '../src/sim/units.ts'
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

/** Two hosts, 10.0.0.1 and 10.0.0.2, each a kernel of its own, on one cable of 1 Gb/s and 5 us. */
export class CabledHosts {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly a: CabledHost
  readonly b: CabledHost

  constructor(seed = '1') {
    this.simulator = new Simulator(seed)
    this.a = this.host('a', 1)
    this.b = this.host('b', 2)
    Port.connect(this.a.nic.port, this.b.nic.port, { rate: RATE, delay: DELAY })
  }

  private host(name: string, number: number): CabledHost {
    const { simulator, ledger } = this
    const kernel = new Kernel(simulator, ledger, name, KERNEL_PROFILES['6.18']!)
    const namespace = new NetNamespace(kernel, name)
    const nic = new Nic(namespace, 'eth0', 1500, 0x020000000000 + number)
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
