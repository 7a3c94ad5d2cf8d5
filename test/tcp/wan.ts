/**
 * Two hosts, 10.0.0.1 and 10.0.0.2, at 10 Gb/s each, and between them a box that passes frames on over
 * a long line: its rate, queue, delay and faults are the path's.
 */
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { Machine } from '../../src/cpu/machine.ts'
import { Nic } from '../../src/host/nic.ts'
import { Port } from '../../src/link/port.ts'
import { Ledger } from '../../src/measure/ledger.ts'
import { Simulator } from '../../src/sim/simulator.ts'
import { MICROSECOND } from '../../src/sim/units.ts'
import { Kernel } from '../../src/stack/kernel.ts'
import { KERNEL_PROFILES, type KernelProfile } from '../../src/stack/kernel-profile.ts'
import { NetNamespace } from '../../src/stack/namespace.ts'
import { withSysctls } from '../../src/stack/sysctl.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { type Ipv4Address, ipv4 } from '../../src/wire/ipv4-address.ts'

export interface WanOptions {
  readonly seed: string
  /** Bits per second of the line. */
  readonly rate: number
  /** Round-trip time of the line, picoseconds. */
  readonly rtt: number
  /** Bytes that wait for the line in each direction; without it any number. */
  readonly queueBytes?: number
  /** Cores of each host, on which its work takes time; 0, the default, has it take none. */
  readonly cpus?: number
  /** net.ipv4.* of both hosts. */
  readonly sysctls?: Readonly<Record<string, number>>
}

export interface WanHost {
  readonly namespace: NetNamespace
  readonly nic: Nic
  readonly address: Ipv4Address
}

const LOCAL = { rate: 10e9, delay: MICROSECOND }

export class Wan {
  readonly simulator: Simulator
  readonly ledger = new Ledger()
  readonly left: WanHost
  readonly right: WanHost
  /** The ends of the line: what `leftEnd` sends goes from left to right. */
  readonly leftEnd: Port
  readonly rightEnd: Port
  private readonly profile: KernelProfile

  constructor(options: WanOptions) {
    this.simulator = new Simulator(options.seed)
    const settings = Object.entries(options.sysctls ?? {}).map(
      ([name, value]) => [`net.ipv4.${name}`, String(value)] as const,
    )
    this.profile = withSysctls(KERNEL_PROFILES['6.18']!, new Map(settings))
    this.left = this.host('left', 1, options.cpus ?? 0)
    this.right = this.host('right', 2, options.cpus ?? 0)
    this.leftEnd = this.box('left-box', this.left)
    this.rightEnd = this.box('right-box', this.right)
    const { rate, rtt, queueBytes } = options
    const queue = queueBytes === undefined ? {} : { queueBytes }
    Port.connect(this.leftEnd, this.rightEnd, { rate, delay: rtt / 2, ...queue })
    for (const [one, other] of [
      [this.left, this.right],
      [this.right, this.left],
    ] as const) {
      const neighbour = one.namespace.neighbours.lookupOrCreate(one.nic, other.address)!
      neighbour.update(other.nic.mac, 'PERMANENT', true)
    }
  }

  private host(name: string, number: number, cpus: number): WanHost {
    const { simulator, ledger } = this
    const costs = COST_PROFILES['server-2020s']!
    const machine = cpus === 0 ? null : new Machine(simulator, ledger, name, cpus, costs)
    const kernel = new Kernel(simulator, ledger, name, this.profile, machine)
    const namespace = new NetNamespace(kernel, name)
    const nic = new Nic(namespace, 'eth0', 1500, 0x020000000000 + number)
    nic.up = true
    namespace.addDevice(nic)
    const address = ipv4(`10.0.0.${number}`)
    namespace.addAddress(nic, { address, length: 24 })
    return { namespace, nic, address }
  }

  /** Joins a host to the line. @returns the line's end. */
  private box(name: string, host: WanHost): Port {
    const { simulator, ledger } = this
    const owner = {
      name,
      receive: (frame: Frame, port: Port) => (port === near ? far : near).send(frame),
    }
    const near: Port = new Port(simulator, ledger, owner, 0, 'host')
    const far: Port = new Port(simulator, ledger, owner, 1, 'line')
    Port.connect(host.nic.port, near, LOCAL)
    return far
  }
}
