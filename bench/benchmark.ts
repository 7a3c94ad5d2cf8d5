/** One load for the simulator, built anew for every repeat. */
export interface Benchmark {
  readonly name: string
  /** What it does, for the table. */
  readonly title: string
  /** What the counts of `Outcome.hops` or, where it is 0, of `Outcome.events` are called. */
  readonly unit: 'packet-hop' | 'event'
  /** The same load in ns-3; null where there is none. */
  readonly peer: Peer | null
  /** What `Outcome.delivered` counts, where its rate is of interest. */
  readonly delivery?: Delivery
  prepare(): Trial
}

export interface Peer {
  /** Units a second of ns-3 3.37's optimised build, best of its repeats. */
  readonly rate: number
  /** How many times that the simulator should reach at least; null: shown for comparison only. */
  readonly factor: number | null
}

export interface Delivery {
  readonly noun: string
  /** How many a second of the wall clock there should be at least. */
  readonly least: number
}

/** A load that is set up and waits to be run once. */
export interface Trial {
  /** The part that is timed. */
  run(): void
  /** Counts and checks what was run. */
  outcome(): Outcome
}

export interface Outcome {
  /** Crossings of a link by a frame; 0 where nothing is sent. */
  readonly hops: number
  readonly events: number
  /** Packets that reached the application they were meant for. */
  readonly delivered: number
  /** Why the run does not count: empty when the books balance and every packet is accounted for. */
  readonly faults: readonly string[]
  /** Further figures of this benchmark. */
  readonly figures?: readonly Figure[]
}

export interface Figure {
  readonly name: string
  readonly value: number
  /** What it should not exceed. */
  readonly most: number
}
