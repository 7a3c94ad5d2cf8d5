import type { CostProfile } from '../src/cpu/cost-profile.ts'
import { Machine } from '../src/cpu/machine.ts'
import { L2Switch } from '../src/fabric/l2-switch.ts'
import type { SwitchProfile } from '../src/fabric/switch-profiles.ts'
import { Nic } from '../src/host/nic.ts'
import { type LinkOptions, Port } from '../src/link/port.ts'
import { Ledger } from '../src/measure/ledger.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { MICROSECOND, SECOND } from '../src/sim/units.ts'
import { Kernel } from '../src/stack/kernel.ts'
import { KERNEL_PROFILES } from '../src/stack/kernel-profile.ts'
import { NetNamespace } from '../src/stack/namespace.ts'
import { type Ipv4Address, parseIpv4 } from '../src/wire/ipv4-address.ts'
import type { MacAddress } from '../src/wire/mac-address.ts'
import { type Expected, faultsOf } from './accounts.ts'
import type { Outcome } from './benchmark.ts'

export const GIGABIT = 1e9
const LINK_DELAY = MICROSECOND
/** DropTail queue of ns-3's devices, packets. */
const QUEUE_FRAMES = 1000
const CORES = 8
const PORT_DISCARD = 9
const FIRST_MAC: MacAddress = 0x0a0000000001
const FIRST_ADDRESS = parseIpv4('10.0.0.1')!
const PREFIX_LENGTH = 16

/** ns-3's bridge: it forwards in no time and learns without limit for 300 s. */
const PEER_SWITCH: SwitchProfile = {
  name: 'bench',
  macTable: { capacity: Infinity, ageing: 300 * SECOND },
  arpTimeout: 300 * SECOND,
  latency: 0,
  bufferBytes: 64 * 1024 * 1024,
}

export interface BenchHost {
  readonly namespace: NetNamespace
  readonly nic: Nic
  readonly address: Ipv4Address
}

/** Hosts with a real stack on learning switches: no CPU cost, no captures, the ledger on. */
export class BenchNetwork {
  readonly simulator = new Simulator('bench')
  readonly ledger = new Ledger()
  private readonly hosts: BenchHost[] = []

  /** @param costs what its eight cores' work takes; null = nothing. */
  host(costs: CostProfile | null = null): BenchHost {
    const index = this.hosts.length
    const name = `h${index}`
    const { simulator, ledger } = this
    const machine = costs === null ? null : new Machine(simulator, ledger, name, CORES, costs)
    const kernel = new Kernel(simulator, ledger, name, KERNEL_PROFILES['6.18']!, machine)
    const namespace = new NetNamespace(kernel, name)
    const nic = new Nic(namespace, 'eth0', 1500, FIRST_MAC + index)
    namespace.addDevice(nic)
    nic.up = true
    const address = FIRST_ADDRESS + index
    namespace.addAddress(nic, { address, length: PREFIX_LENGTH })
    const host = { namespace, nic, address }
    this.hosts.push(host)
    return host
  }

  switch(name: string): L2Switch {
    return new L2Switch(this.simulator, this.ledger, name, PEER_SWITCH)
  }

  link(a: Port, b: Port, rate: number, delay = LINK_DELAY): void {
    const options: LinkOptions = { rate, delay, queueFrames: QUEUE_FRAMES }
    Port.connect(a, b, options)
  }

  /** Sends one packet before the load, so that ARP is done when it starts. */
  probe(from: BenchHost, to: BenchHost, at: number): void {
    to.namespace.sockets.openUdp(PORT_DISCARD)
    this.simulator.callAt(at, () => {
      const socket = from.namespace.sockets.openUdp()!
      socket.sendTo(to.address, PORT_DISCARD, 64)
      socket.close()
    })
  }

  outcome(expected: Expected): Outcome {
    const { hops } = this.ledger
    const { events } = this.simulator
    return { hops, events, delivered: expected.delivered, faults: faultsOf(this.ledger, expected) }
  }
}
