import { loadScenario } from '../../scenario/load.ts'
import type { Scenario } from '../../scenario/model.ts'
import type { SchemeRegistry } from '../../scenario/registry.ts'
import { complaintOf, type PointCheck, type PointRequest } from './check-point.ts'
import type { Dimension, Series, SweepPlan } from './result.ts'
import { SweepError } from './sweep-error.ts'

const RUNS_MAX = 100_000
/** Points that are wrong are not all shown. */
const WRONG_SHOWN = 5
/** Points that are handed out before the first of them must be back. */
const CHECKED_AT_ONCE = 512

export interface PlanOptions {
  /** What is the same at all points. */
  readonly request: Omit<PointRequest, 'varied'>
  readonly dimensions: readonly Dimension[]
  /** Replicas of each point, at least 1. */
  readonly seeds: number
  /** Which of the first point's scenarios are run; the others must have the same. */
  readonly select: (scenarios: readonly Scenario[]) => readonly Scenario[]
  readonly registry: SchemeRegistry
  /** Checks one point, in whatever thread. */
  readonly check: (request: PointRequest) => Promise<PointCheck>
  /** Called after each point, with those checked and all of them. */
  readonly onChecked?: (checked: number, points: number) => void
}

/** One run, as a worker takes it: plain data. */
export interface SweepTask {
  readonly text: string
  readonly file: string
  readonly settings: readonly string[]
  readonly panel: string | null
  readonly variant: string | null
}

export interface Plan {
  readonly plan: SweepPlan
  /** Names that metrics may be of. */
  readonly subjects: ReadonlySet<string>
}

/**
 * Checks every point of the plan before anything runs. Throws a SweepError with what is wrong at the
 * first few wrong points, which are the same whatever check ends first.
 */
export async function planSweep(options: PlanOptions): Promise<Plan> {
  const { dimensions, seeds, request } = options
  checkPaths(dimensions, seeds)
  const points = pointCount(dimensions)
  checkTotal(points * seeds)
  const first = loadFirst(options)
  const { series, subjects } = await checkPoints(options, points)
  if (first === null) throw new SweepError('no variant is left at the first point')
  const total = series.length * points * seeds
  checkTotal(total)
  const plan: SweepPlan = {
    scenario: first.name,
    why: first.why,
    dimensions,
    series,
    seeds: Array.from({ length: seeds }, (_, i) => seedOf(first.seed, i)),
    settings: request.settings,
    total,
  }
  return { plan, subjects }
}

/** Points of a grid over these dimensions. */
export function pointCount(dimensions: readonly Dimension[]): number {
  return dimensions.reduce((product, { values }) => product * values.length, 1)
}

function checkTotal(runs: number): void {
  if (runs <= RUNS_MAX) return
  throw new SweepError(`these are ${runs} runs; a sweep has at most ${RUNS_MAX}`)
}

function checkPaths(dimensions: readonly Dimension[], seeds: number): void {
  const paths = dimensions.map(({ path }) => path)
  const twice = paths.find((path, i) => paths.indexOf(path) < i)
  if (twice !== undefined) throw new SweepError(`--vary ${twice}: it is varied twice`)
  if (seeds > 1 && paths.includes('seed')) {
    throw new SweepError('--vary seed: leave out --seeds, which makes seeds of its own')
  }
}

/** The first replica has the file's own seed, so that `run` shows the same. */
export function seedOf(seed: string, replica: number): string {
  return replica === 0 ? seed : `${seed}/${replica + 1}`
}

/** A scenario of the first point, which names the plan; null where that point is wrong. */
function loadFirst(options: PlanOptions): Scenario | null {
  const { dimensions, select, seeds, request } = options
  const varied = settingsAt(dimensions, pointAt(dimensions, 0))
  const loaded = load(options, varied)
  // Said with what is wrong at the other points.
  if (!loaded.ok) return null
  const [first] = select(loaded.scenarios)
  if (first === undefined) return null
  if (seeds > 1) {
    // The last replica's seed is the longest, and the file's may be as long as one may be.
    const seed = [seedSetting(seedOf(first.seed, seeds - 1))]
    const longest = load(options, [...varied, ...seed])
    if (!longest.ok) throw new SweepError(complaintOf(seed, longest.issues, request.color))
  }
  return first
}

function load({ request, registry }: PlanOptions, varied: readonly string[]) {
  const { text, file, panel } = request
  const settings = [...request.settings, ...varied]
  return loadScenario(text, file, registry, panel === null ? { settings } : { settings, panel })
}

async function checkPoints(
  options: PlanOptions,
  points: number,
): Promise<{ readonly series: readonly Series[]; readonly subjects: ReadonlySet<string> }> {
  const wrong: string[] = []
  const subjects = new Set<string>()
  let series: readonly Series[] | null = null
  for (let at = 0; at < points && wrong.length < WRONG_SHOWN; at += CHECKED_AT_ONCE) {
    const count = Math.min(CHECKED_AT_ONCE, points - at)
    for (const { varied, result } of await checkSome(options, at, count, points)) {
      if (!result.ok) {
        wrong.push(result.complaint)
        continue
      }
      for (const each of result.subjects) subjects.add(each)
      series ??= result.series
      if (JSON.stringify(result.series) === JSON.stringify(series)) continue
      wrong.push(`At ${varied.join(', ')}: the file has other panels or variants than elsewhere`)
    }
  }
  if (wrong.length > 0) throw new SweepError(wrong.slice(0, WRONG_SHOWN).join('\n'))
  return { series: series ?? [], subjects }
}

/** Checks `count` points from `at` on, all at once; what comes out stands in their order. */
function checkSome(options: PlanOptions, at: number, count: number, points: number) {
  const { dimensions, request, check, onChecked } = options
  let checked = at
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const varied = settingsAt(dimensions, pointAt(dimensions, at + i))
      const result = await check({ ...request, varied })
      onChecked?.(++checked, points)
      return { varied, result }
    }),
  )
}

function seedSetting(seed: string): string {
  return `seed=${JSON.stringify(seed)}`
}

/** Indices of the values of a point; the last dimension changes fastest. */
function pointAt(dimensions: readonly Dimension[], index: number): number[] {
  const point: number[] = []
  for (const { values } of dimensions.toReversed()) {
    point.unshift(index % values.length)
    index = Math.floor(index / values.length)
  }
  return point
}

/** A run's place in the plan, taken apart. */
export interface Place {
  readonly series: number
  readonly point: readonly number[]
  readonly replica: number
}

export function placeAt({ dimensions, seeds, series, total }: SweepPlan, index: number): Place {
  const ofSeries = total / series.length
  const inSeries = index % ofSeries
  return {
    series: Math.floor(index / ofSeries),
    point: pointAt(dimensions, Math.floor(inSeries / seeds.length)),
    replica: inSeries % seeds.length,
  }
}

export function indexOf({ dimensions, seeds }: SweepPlan, place: Place): number {
  let index = place.series
  for (const [i, { values }] of dimensions.entries()) {
    index = index * values.length + place.point[i]!
  }
  return index * seeds.length + place.replica
}

function settingsAt(dimensions: readonly Dimension[], point: readonly number[]): string[] {
  return dimensions.map(({ path, values }, i) => `${path}=${values[point[i]!]!.text}`)
}

/** What is set for a run, as `--set` takes it. */
export function settingsOf(plan: SweepPlan, { point, replica }: Place): readonly string[] {
  const seed = replica === 0 ? [] : [seedSetting(plan.seeds[replica]!)]
  return [...plan.settings, ...settingsAt(plan.dimensions, point), ...seed]
}
