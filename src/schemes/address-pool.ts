import { type Ipv4Address, type Ipv4Prefix, lastOf } from '../wire/ipv4-address.ts'

/**
 * Which address is next: `round-robin` goes on from the last one given, as CNI's host-local plugin
 * does; `lowest` takes the lowest that is free, as engines do on their own networks, so that the next
 * container has the address of the one that has just gone.
 */
export type AddressOrder = 'round-robin' | 'lowest'

/** What an engine says when a block is exhausted. */
export const NO_ADDRESS_LEFT = "no available IPv4 addresses on this network's address pools"

/** Addresses of one block, given out on one host. */
export class AddressPool {
  private readonly order: AddressOrder
  private readonly first: number
  private readonly last: number
  private readonly taken = new Set<Ipv4Address>()
  /** Where the search begins. */
  private cursor: number

  /** @param range first and last address to give, both included; default: all of the block. */
  constructor(
    order: AddressOrder,
    block: Ipv4Prefix,
    reserved: readonly Ipv4Address[],
    range: readonly [Ipv4Address, Ipv4Address] = [block.base, lastOf(block)],
  ) {
    this.order = order
    this.first = range[0] >>> 0
    this.last = range[1] >>> 0
    this.cursor = this.first
    for (const address of [block.base, lastOf(block), ...reserved]) this.taken.add(address)
  }

  /** @returns null when the block is exhausted. */
  allocate(): Ipv4Address | null {
    const count = this.last - this.first + 1
    for (let i = 0; i < count; i++) {
      const at = this.first + ((this.cursor - this.first + i) % count)
      const address = at | 0
      if (this.taken.has(address)) continue
      this.taken.add(address)
      this.cursor = at === this.last ? this.first : at + 1
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
    if (this.order === 'lowest')
      this.cursor = Math.max(this.first, Math.min(this.cursor, address >>> 0))
  }
}
