import type { Ipv4Address, Ipv4Prefix } from '../wire/ipv4-address.ts'

/**
 * Addresses of one block, given out on one host: round robin from the last one given, skipping what
 * is taken, as CNI's host-local plugin does (plugins/ipam/host-local).
 */
export class HostLocalPool {
  private readonly first: number
  private readonly last: number
  private readonly taken = new Set<Ipv4Address>()
  private cursor: number

  /** @param first first address to give; @param last last address to give, both included. */
  constructor(
    block: Ipv4Prefix,
    reserved: readonly Ipv4Address[],
    first?: Ipv4Address,
    last?: Ipv4Address,
  ) {
    const base = block.base >>> 0
    const size = 2 ** (32 - block.length)
    this.first = (first ?? (base + 1) | 0) >>> 0
    this.last = (last ?? (base + size - 2) | 0) >>> 0
    this.cursor = this.first
    for (const address of reserved) this.taken.add(address)
  }

  /** @returns null when the block is exhausted. */
  allocate(): Ipv4Address | null {
    const count = this.last - this.first + 1
    for (let i = 0; i < count; i++) {
      const at = this.first + ((this.cursor - this.first + i) % count)
      const address = at | 0
      if (this.taken.has(address)) continue
      this.taken.add(address)
      this.cursor = at + 1 > this.last ? this.first : at + 1
      return address
    }
    return null
  }

  /** Takes a given address. @returns false when it is taken already. */
  reserve(address: Ipv4Address): boolean {
    if (this.taken.has(address)) return false
    this.taken.add(address)
    return true
  }

  release(address: Ipv4Address): void {
    this.taken.delete(address)
  }
}
