import type { ScheduledWorkload } from '../scenario/build-workload.ts'
import type { LimitedTable } from '../scenario/limited-table.ts'
import type { World } from '../scenario/world.ts'
import type { Kernel } from '../stack/kernel.ts'

/** Most intervals; a shorter one may stand at the end. */
const INTERVALS_MAX = 200
const STEPS = [1, 2, 5]

/** What arrived for one workload. */
export interface DeliverySamples {
  readonly workload: string
  /** TCP streams are counted by what the receivers have read. */
  readonly unit: 'packets' | 'bytes'
  /** In each interval; null where nothing is counted, as outside of the window of a TCP stream. */
  readonly values: readonly (number | null)[]
}

/** How full the fullest table of a kind was. */
export interface TableSamples {
  readonly kind: LimitedTable
  /** Of the fullest at the end; null without limit. */
  readonly capacity: number | null
  /** Entries at each instant. */
  readonly values: readonly number[]
}

/** Values over the time of a run. */
export interface Samples {
  /**
   * Ends of the intervals, picoseconds: the first begins at 0, and all are of one length, except that the
   * last ends with the run.
   */
  readonly times: readonly number[]
  readonly deliveries: readonly DeliverySamples[]
  readonly tables: readonly TableSamples[]
}

interface Reading {
  readonly used: number
  readonly capacity: number
}

const SAMPLED_TABLES = ['switch-mac', 'neighbours', 'router-arp', 'router-fib'] as const

/** Reads counters of a world at equal distances, between its events: the run goes as without it. */
export class Sampler {
  private readonly world: World
  /** Picoseconds. */
  private readonly interval: number
  private readonly times: number[] = []
  private readonly totals = new Map<ScheduledWorkload, (number | null)[]>()
  private readonly tables = new Map<LimitedTable, Reading[]>()

  /** @param world built, with its clock at 0. */
  constructor(world: World) {
    this.world = world
    this.interval = roundInterval(world.scenario.duration / INTERVALS_MAX)
    for (const workload of world.workloads) this.totals.set(workload, [])
    for (const kind of SAMPLED_TABLES) this.tables.set(kind, [])
  }

  /** When it wants to read next, picoseconds; Infinity when it is through. */
  get next(): number {
    const { times, interval } = this
    const { duration } = this.world.scenario
    if (times.at(-1) === duration) return Number.POSITIVE_INFINITY
    return Math.min(duration, interval * (times.length + 1))
  }

  /** To be called when the clock stands at `next`. */
  read(): void {
    const { now } = this.world.simulator
    const before = this.times.at(-1) ?? 0
    this.times.push(now)
    for (const [workload, totals] of this.totals) totals.push(totalOf(workload, before, now))
    for (const [kind, readings] of this.tables) readings.push(fullest(sizesOf(this.world, kind)))
  }

  samples(): Samples {
    return {
      times: [...this.times],
      deliveries: [...this.totals].map(([{ name, model }, totals]) => ({
        workload: name,
        unit: model.kind === 'tcp' ? 'bytes' : 'packets',
        values: totals.map((total, i) =>
          total === null ? null : total - (i === 0 ? 0 : (totals[i - 1] ?? 0)),
        ),
      })),
      tables: [...this.tables]
        .filter(([, readings]) => readings.some(({ used }) => used > 0))
        .map(([kind, readings]) => ({
          kind,
          capacity: limitOf(readings.at(-1)!),
          values: readings.map(({ used }) => used),
        })),
    }
  }
}

/**
 * The least of 1, 2, 5, 10 ... that is no shorter: what is sent at an even pace then comes evenly, and
 * does not beat with the intervals.
 */
function roundInterval(least: number): number {
  for (let unit = 1; ; unit *= 10) {
    for (const step of STEPS) if (unit * step >= least) return unit * step
  }
}

/** What arrived since the start; null before the workload has begun and after its window. */
function totalOf(workload: ScheduledWorkload, before: number, now: number): number | null {
  // A workload is made at its start: only then its containers have addresses.
  if (now <= workload.model.at) return null
  const result = workload.result(now)
  if (result.kind !== 'tcp') return 'delivered' in result ? result.delivered : null
  const { start, end } = workload.window
  return now <= start || before >= end ? null : result.bytes
}

function limitOf({ capacity }: Reading): number | null {
  return Number.isFinite(capacity) ? capacity : null
}

function fullest(readings: Iterable<Reading>): Reading {
  let most: Reading = { used: 0, capacity: Number.POSITIVE_INFINITY }
  for (const reading of readings) if (reading.used > most.used) most = reading
  return most
}

function* sizesOf(world: World, kind: LimitedTable): Generator<Reading> {
  const { now } = world.simulator
  if (kind === 'switch-mac') {
    for (const { table } of world.switches.values()) {
      yield { used: table.size(now), capacity: table.capacity }
    }
  } else if (kind === 'neighbours') {
    for (const { kernel } of world.hosts.values()) yield neighboursOf(kernel)
  } else {
    for (const { namespace } of world.routers.values()) {
      const { size: used, capacity } = namespace.routes
      yield kind === 'router-fib' ? { used, capacity } : neighboursOf(namespace.kernel)
    }
  }
}

function neighboursOf({ neighbourGc, profile }: Kernel): Reading {
  return { used: neighbourGc.size, capacity: profile.neighbour.gcThresh3 }
}
