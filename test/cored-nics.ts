import type { CostProfile } from '../src/cpu/cost-profile.ts'
import { Machine } from '../src/cpu/machine.ts'
import { Nic } from '../src/host/nic.ts'
import type { NicOptions } from '../src/host/nic-options.ts'
import { Port } from '../src/link/port.ts'
import { Ledger } from '../src/measure/ledger.ts'
import { Simulator } from '../src/sim/simulator.ts'
import { MICROSECOND } from '../src/sim/units.ts'
import { Kernel } from '../src/stack/kernel.ts'
import { KERNEL_PROFILES } from '../src/stack/kernel-profile.ts'
import { NetNamespace } from '../src/stack/namespace.ts'
import type { Frame } from '../src/wire/frame.ts'
import { testCosts } from './test-costs.ts'

export interface CoredNicsOptions {
  readonly near?: NicOptions
  readonly far?: NicOptions
  readonly cpus?: number
  readonly costs?: CostProfile
  /** Bits per second. */
  readonly rate?: number
}

/** What the stack above a NIC got, and where. */
export interface Arrival {
  readonly time: number
  readonly frame: Frame
  readonly core: number
}

/** Two NICs on a cable, each on a machine with cores; what arrives at the far one is kept. */
export class CoredNics {
  readonly simulator = new Simulator('nics')
  readonly ledger = new Ledger()
  readonly near: Nic
  readonly far: Nic
  readonly arrivals: Arrival[] = []
  readonly nearMachine: Machine
  readonly farMachine: Machine

  constructor(options: CoredNicsOptions = {}) {
    const { cpus = 1, costs = testCosts(), rate = 10e9 } = options
    this.nearMachine = new Machine(this.simulator, this.ledger, 'near', cpus, costs)
    this.farMachine = new Machine(this.simulator, this.ledger, 'far', cpus, costs)
    this.near = this.nic(this.nearMachine, 1, options.near)
    this.far = this.nic(this.farMachine, 2, options.far)
    Port.connect(this.near.port, this.far.port, { rate, delay: MICROSECOND })
    this.far.rxHandler = {
      handleFrame: (frame) => {
        const core = this.farMachine.current?.index ?? -1
        this.arrivals.push({ time: this.simulator.now, frame, core })
        this.ledger.consumed++
        return null
      },
    }
  }

  private nic(machine: Machine, number: number, options: NicOptions = {}): Nic {
    const { simulator, ledger } = this
    const kernel = new Kernel(simulator, ledger, machine.name, KERNEL_PROFILES['6.18']!, machine)
    const namespace = new NetNamespace(kernel, machine.name)
    const nic = new Nic(namespace, 'eth0', 1500, 0x020000000000 + number, options)
    namespace.addDevice(nic)
    nic.up = true
    return nic
  }

  /** Sends in one softirq of the near machine. */
  send(...frames: Frame[]): void {
    this.near.namespace.kernel.softirq(() => {
      this.ledger.originated += frames.length
      for (const frame of frames) this.near.send(frame)
    })
  }

  /** Runs on for a number of microseconds. */
  run(microseconds = 1000): void {
    this.simulator.run(this.simulator.now + microseconds * MICROSECOND)
  }

  /** Segments of each unit that arrived. */
  get units(): number[] {
    return this.arrivals.map(({ frame }) => frame.gsoSegments || 1)
  }

  /** Drops so far, by reason. */
  drops(): Record<string, number> {
    return Object.fromEntries(this.ledger.dropsByReason())
  }
}
