import seedrandom from 'seedrandom'

/** One named source of chance. Draws never depend on another stream's. */
export interface RandomStream {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform whole number in [low, high], both included. */
  integer(low: number, high: number): number
  /** 32 random bits as a signed integer. */
  int32(): number
}

/**
 * Named streams of one seed: each host, link and workload draws from its own, so that adding one
 * does not shift the others. Alea, seeded with `seed/name`: seeds that differ little give unrelated
 * streams with it, which does not hold for every generator of the package.
 */
export class RandomStreams {
  private readonly streams = new Map<string, RandomStream>()

  private readonly seed: string

  constructor(seed: string) {
    this.seed = seed
  }

  stream(name: string): RandomStream {
    const existing = this.streams.get(name)
    if (existing) return existing
    const created = new AleaStream(`${this.seed}/${name}`)
    this.streams.set(name, created)
    return created
  }
}

class AleaStream implements RandomStream {
  private generator: seedrandom.PRNG | null = null
  private readonly name: string

  constructor(name: string) {
    this.name = name
  }

  next(): number {
    // Built at the first draw: a host that draws nothing costs nothing.
    this.generator ??= seedrandom.alea(this.name)
    return this.generator()
  }

  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  int32(): number {
    return Math.floor(this.next() * 4294967296) | 0
  }
}
