/** What each scheme says of the order in which it gives addresses, and of those that have come back. */
import type { Ipv4Address } from '../../src/wire/ipv4-address.ts'

export interface Deed {
  readonly kind: 'given' | 'back'
  readonly host: string
  readonly at: Ipv4Address
}

/** @returns what is wrong with the last address of a history; null when it is the one to be given. */
export type Order = (history: readonly Deed[]) => string | null

/** What an allocator knows before its last deed. */
class Past {
  /** In the order in which they came back. */
  readonly free = new Set<number>()
  readonly held = new Set<number>()
  last: number | null = null

  constructor(history: readonly Deed[]) {
    for (const { kind, at } of history) {
      const address = at >>> 0
      if (kind === 'back') {
        this.held.delete(address)
        this.free.add(address)
      } else {
        this.free.delete(address)
        this.held.add(address)
        this.last = address
      }
    }
  }

  wasGiven(address: number): boolean {
    return this.free.has(address) || this.held.has(address)
  }
}

function split(history: readonly Deed[]): { readonly past: Past; readonly now: number } {
  return { past: new Past(history.slice(0, -1)), now: history.at(-1)!.at >>> 0 }
}

/** One allocator for each host. */
export function perHost(order: Order): Order {
  return (history) => order(history.filter(({ host }) => host === history.at(-1)!.host))
}

/** The lowest that is free. */
export const lowest: Order = (history) => {
  const { past, now } = split(history)
  const lower = [...past.free].find((address) => address < now)
  return lower === undefined ? null : `${lower} is free and lower than ${now}`
}

/**
 * Goes on behind the last one, whatever has come back. @param size of the block, whose first two addresses
 * and last are no container's. @param others how many at most have something else.
 */
export function roundRobin(size: number, others = 0): Order {
  return (history) => {
    const { past, now } = split(history)
    const base = now - (now % size)
    const count = size - 3
    const placeOf = (address: number) => address - base - 2
    const start = past.last === null ? 0 : placeOf(past.last) + 1
    const steps = (placeOf(now) - start + count) % count
    const passed = Array.from({ length: steps }, (_, i) => base + 2 + ((start + i) % count))
    const skipped = passed.filter((address) => !past.held.has(address))
    if (skipped.some((address) => past.free.has(address)))
      return `${skipped} are free before ${now}`
    return skipped.length <= others ? null : `${skipped} come before ${now}`
  }
}

/** Those of a block that were never given, upwards; then what came back first. @param size of a block. */
export function queue(size: number): Order {
  return (history) => {
    const { past, now } = split(history)
    const base = now - (now % size)
    const block = Array.from({ length: size }, (_, i) => base + i)
    const fresh = block.find((address) => !past.wasGiven(address))
    const first = fresh ?? [...past.free].find((address) => block.includes(address))
    return first === now ? null : `${first} comes before ${now}`
  }
}
