import { MacTable } from '../link/mac-table.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'

/** Addresses besides its own that an Intel 82599 has room for. */
const FILTER_ENTRIES = 128

/** The unicast addresses that a NIC hears besides its own. */
export class UnicastFilter {
  /** Times that an address did not fit. */
  overflows = 0
  readonly capacity: number
  private table: MacTable | null = null
  /** How often each address was asked for. */
  private readonly wanted = new Map<MacAddress, number>()

  constructor(capacity = FILTER_ENTRIES) {
    this.capacity = capacity
  }

  /** Addresses asked for, whether or not there is room. */
  get size(): number {
    return this.wanted.size
  }

  /** Whether more was asked for than there is room: then the card must hear everything. */
  get isOverfull(): boolean {
    return this.wanted.size > this.capacity
  }

  holds(hi: number, lo: number): boolean {
    return this.table !== null && this.table.lookup(0, hi, lo, 0) >= 0
  }

  add(mac: MacAddress): void {
    const users = this.wanted.get(mac) ?? 0
    this.wanted.set(mac, users + 1)
    if (users > 0) return
    if (this.isOverfull) this.overflows++
    this.table ??= new MacTable({ capacity: 0, ageing: Infinity })
    this.table.addStatic(0, macHi(mac), macLo(mac), 0, 0)
  }

  remove(mac: MacAddress): void {
    const users = this.wanted.get(mac) ?? 0
    if (users > 1) {
      this.wanted.set(mac, users - 1)
      return
    }
    this.wanted.delete(mac)
    this.table?.remove(0, macHi(mac), macLo(mac))
  }
}
