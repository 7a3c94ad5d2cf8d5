import type { Holder, Ledger } from '../measure/ledger.ts'
import type { Simulator } from '../sim/simulator.ts'
import { Core } from './core.ts'
import type { CostProfile } from './cost-profile.ts'

/** The cores of one machine. Several hosts may share them: then they are namespaces of one kernel. */
export class Machine implements Holder {
  readonly name: string
  readonly simulator: Simulator
  readonly ledger: Ledger
  readonly costs: CostProfile
  readonly cores: readonly Core[]
  /** Where the code that runs now runs; null outside of all work. */
  current: Core | null = null
  /** Charges made outside of all work, which no core has accounted for: set-up, and else a bug. */
  unaccounted = 0
  private given = 0

  constructor(
    simulator: Simulator,
    ledger: Ledger,
    name: string,
    cpus: number,
    costs: CostProfile,
  ) {
    this.simulator = simulator
    this.ledger = ledger
    this.name = name
    this.costs = costs
    this.cores = Array.from({ length: cpus }, (_, index) => new Core(this, index))
    ledger.addHolder(this)
  }

  /** The charge funnel of CPU time. @param stage one of STAGE_*. */
  spend(stage: number, segments: number, bytes: number): void {
    const { current } = this
    if (current === null) this.unaccounted++
    else current.spend(stage, segments, bytes)
  }

  /** Where the next task starts: they are spread over the cores in turn. */
  nextCore(): Core {
    return this.cores[this.given++ % this.cores.length]!
  }

  /** The first idle core after `from`; null when all are taken. */
  idleCore(from: Core): Core | null {
    const { cores } = this
    for (let i = 1; i < cores.length; i++) {
      const core = cores[(from.index + i) % cores.length]!
      if (core.isIdle) return core
    }
    return null
  }

  /** Runs a callback in a softirq: of the core at work, else of the first. */
  softirq(callback: () => void): void {
    const core = this.current ?? this.cores[0]!
    core.timers.push(callback)
  }

  heldFrames(): number {
    let held = 0
    for (const core of this.cores) held += core.heldFrames()
    return held
  }
}
