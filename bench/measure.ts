import type { Benchmark, Outcome } from './benchmark.ts'

/** What one benchmark came to. Seconds are of the wall clock unless said otherwise. */
export interface Measurement {
  readonly name: string
  readonly title: string
  readonly unit: Benchmark['unit']
  /** One a repeat, in order; the warm-up is not among them. */
  readonly seconds: readonly number[]
  /** Of the processor, user and system, all threads: above `seconds` by the garbage collector's helpers. */
  readonly cpuSeconds: readonly number[]
  readonly setupSeconds: number
  readonly outcome: Outcome
  readonly peakMiB: number
  readonly peer: Benchmark['peer']
  readonly delivery: Benchmark['delivery'] | null
}

/** Runs a warm-up and then `repeats` times. A fault ends it: what follows would not count either. */
export function measure(benchmark: Benchmark, repeats: number): Measurement {
  const seconds: number[] = []
  const cpuSeconds: number[] = []
  let setupSeconds = Infinity
  let { outcome } = once(benchmark)
  for (let i = 0; i < repeats && outcome.faults.length === 0; i++) {
    const turn = once(benchmark)
    outcome = turn.outcome
    seconds.push(turn.seconds)
    cpuSeconds.push(turn.cpuSeconds)
    setupSeconds = Math.min(setupSeconds, turn.setupSeconds)
  }
  const { name, title, unit, peer, delivery = null } = benchmark
  const peakMiB = process.resourceUsage().maxRSS / 1024
  return { name, title, unit, seconds, cpuSeconds, setupSeconds, outcome, peakMiB, peer, delivery }
}

interface Turn {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly setupSeconds: number
  readonly outcome: Outcome
}

function once(benchmark: Benchmark): Turn {
  const begun = performance.now()
  const trial = benchmark.prepare()
  // No collection is forced here: it would take the hidden classes of which no object is alive, Frame's
  // among them, and with them the compiled code.
  const cpu = process.cpuUsage()
  const start = performance.now()
  trial.run()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const cpuSeconds = (user + system) / 1e6
  return { seconds, cpuSeconds, setupSeconds: (start - begun) / 1000, outcome: trial.outcome() }
}
