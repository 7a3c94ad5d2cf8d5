import { type RandomStream, RandomStreams } from '../../src/sim/random.ts'

/** Draws for a generator: everything that one scenario has of chance comes from its one seed. */
export class Dice {
  private readonly random: RandomStream

  constructor(seed: string) {
    this.random = new RandomStreams(seed).stream('chaos')
  }

  integer(low: number, high: number): number {
    return this.random.integer(low, high)
  }

  chance(probability: number): boolean {
    return this.random.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)]!
  }

  /** So many different items, in the order of the list; all of them if there are no more. */
  some<T>(items: readonly T[], count: number): T[] {
    const left = items.map((_, i) => i)
    const taken = new Set<number>()
    while (taken.size < count && left.length > 0) {
      taken.add(left.splice(this.integer(0, left.length - 1), 1)[0]!)
    }
    return items.filter((_, i) => taken.has(i))
  }

  /** `draw()` under `key` in some cases, no such key in the others: for spreading into an object. */
  maybe<T>(probability: number, key: string, draw: () => T): Record<string, T> {
    return this.chance(probability) ? { [key]: draw() } : {}
  }

  times<T>(count: number, draw: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, i) => draw(i))
  }
}
