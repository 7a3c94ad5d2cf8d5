import type { MacTable } from '../link/mac-table.ts'
import type { EventTarget } from '../sim/event-queue.ts'
import type { Simulator } from '../sim/simulator.ts'

export interface PortSecurityOptions {
  /** Source addresses that the port admits; 1 is the vendors' default. */
  readonly maximum: number
  /** All drop; `restrict` also counts the violation, `shutdown` also disables the port. */
  readonly violation: 'protect' | 'restrict' | 'shutdown'
  /** Picoseconds after which a disabled port is enabled again (300 s is usual); without it never. */
  readonly recovery?: number
}

/**
 * Port security as Cisco's: the first addresses of a port are pinned to it as static entries, which do
 * not age; a further source, or one that is pinned to another port, is a violation.
 * Weaker than the real thing: pinned addresses take no room of the MAC table.
 */
export class PortSecurity implements EventTarget {
  /** As the device counts them: none with `protect`, whose drops only the ledger shows. */
  violations = 0
  /** Times the port was disabled. */
  shutdowns = 0
  isDisabled = false
  /** Addresses admitted so far. */
  pinned = 0
  readonly options: PortSecurityOptions
  private readonly simulator: Simulator
  private readonly table: MacTable
  private readonly port: number

  constructor(simulator: Simulator, table: MacTable, port: number, options: PortSecurityOptions) {
    this.simulator = simulator
    this.table = table
    this.port = port
    this.options = options
  }

  /** Whether the port takes frames from this source, which is pinned if there is room. */
  admits(vlan: number, hi: number, lo: number): boolean {
    if (this.isDisabled) return false
    const { now } = this.simulator
    const entry = this.table.isStatic(vlan, hi, lo)
    if (entry && this.table.lookup(vlan, hi, lo, now) === this.port) return true
    if (entry || this.pinned >= this.options.maximum) {
      this.violate()
      return false
    }
    this.table.addStatic(vlan, hi, lo, this.port, now)
    this.pinned++
    return true
  }

  private violate(): void {
    if (this.options.violation === 'protect') return
    this.violations++
    if (this.options.violation === 'restrict') return
    this.shutdowns++
    this.isDisabled = true
    this.table.flushPort(this.port, true)
    this.pinned = 0
    if (this.options.recovery !== undefined) this.simulator.after(this.options.recovery, this)
  }

  /** The recovery timer. */
  fire(): void {
    this.isDisabled = false
  }
}
