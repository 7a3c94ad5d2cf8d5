import { formatIssues, type Issue } from '../../scenario/issues.ts'
import { type LoadResult, loadScenario } from '../../scenario/load.ts'
import type { Scenario } from '../../scenario/model.ts'
import type { SchemeRegistry } from '../../scenario/registry.ts'
import type { Dimension, Series, SweepPlan } from './result.ts'
import { SweepError } from './sweep-error.ts'

const RUNS_MAX = 100_000
/** Points that are wrong are not all shown. */
const WRONG_SHOWN = 5

export interface PlanOptions {
  /** The scenario file's text and name. */
  readonly text: string
  readonly file: string
  readonly dimensions: readonly Dimension[]
  /** Replicas of each point, at least 1. */
  readonly seeds: number
  readonly settings: readonly string[]
  /** A panel of the file, or `all`; default: the first. */
  readonly panel: string | undefined
  /** Which of a point's scenarios are run. */
  readonly select: (scenarios: readonly Scenario[]) => readonly Scenario[]
  readonly registry: SchemeRegistry
  /** Whether messages are coloured. */
  readonly color: boolean
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

/** Checks every point of the plan before anything runs. Throws a SweepError with all that is wrong. */
export function planSweep(options: PlanOptions): Plan {
  const { dimensions, seeds, settings } = options
  checkPaths(dimensions, seeds)
  const points = dimensions.reduce((product, { values }) => product * values.length, 1)
  if (points * seeds > RUNS_MAX) {
    throw new SweepError(`these are ${points * seeds} runs; a sweep has at most ${RUNS_MAX}`)
  }
  const { scenarios, subjects } = loadPoints(options, points)
  const [first] = scenarios
  const series = scenarios.map(({ panel, variant }) => ({ panel, variant }))
  const total = series.length * points * seeds
  if (total > RUNS_MAX) {
    throw new SweepError(`these are ${total} runs; a sweep has at most ${RUNS_MAX}`)
  }
  const plan: SweepPlan = {
    scenario: first!.name,
    why: first!.why,
    dimensions,
    series,
    seeds: Array.from({ length: seeds }, (_, i) => seedOf(first!.seed, i)),
    settings,
    total,
  }
  return { plan, subjects }
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
function seedOf(seed: string, replica: number): string {
  return replica === 0 ? seed : `${seed}/${replica + 1}`
}

function loadPoints(
  options: PlanOptions,
  points: number,
): { scenarios: readonly Scenario[]; subjects: Set<string> } {
  const { dimensions, settings, select } = options
  const wrong: string[] = []
  const subjects = new Set<string>()
  let first: readonly Scenario[] = []
  for (let i = 0; i < points && wrong.length < WRONG_SHOWN; i++) {
    const varied = settingsAt(dimensions, pointAt(dimensions, i))
    const loaded = load(options, [...settings, ...varied])
    if (!loaded.ok) {
      wrong.push(complaint(varied, loaded.issues, options.color))
      continue
    }
    const scenarios = select(loaded.scenarios)
    for (const each of scenarios) collectSubjects(each, subjects)
    if (first.length === 0) {
      first = scenarios
      checkSeeds(options, [...settings, ...varied], scenarios)
    } else if (namesOf(scenarios) !== namesOf(first)) {
      wrong.push(`At ${varied.join(', ')}: the file has other panels or variants than elsewhere`)
    }
  }
  if (wrong.length > 0) throw new SweepError(wrong.join('\n'))
  return { scenarios: first, subjects }
}

/** The last replica's seed is the longest, and the file's may be as long as one may be. */
function checkSeeds(
  options: PlanOptions,
  settings: readonly string[],
  [first]: readonly Scenario[],
): void {
  if (options.seeds === 1) return
  const seed = seedSetting(seedOf(first!.seed, options.seeds - 1))
  const loaded = load(options, [...settings, seed])
  if (!loaded.ok) throw new SweepError(complaint([seed], loaded.issues, options.color))
}

function seedSetting(seed: string): string {
  return `seed=${JSON.stringify(seed)}`
}

function load(options: PlanOptions, settings: readonly string[]): LoadResult {
  const { text, file, registry, panel } = options
  return loadScenario(
    text,
    file,
    registry,
    panel === undefined ? { settings } : { settings, panel },
  )
}

function complaint(varied: readonly string[], issues: readonly Issue[], color: boolean): string {
  return `At ${varied.join(', ')}:\n${formatIssues(issues, { color })}`
}

function namesOf(scenarios: readonly Series[]): string {
  return JSON.stringify(scenarios.map(({ panel, variant }) => [panel, variant]))
}

function collectSubjects({ workloads, fabric }: Scenario, subjects: Set<string>): void {
  for (const { name } of workloads) subjects.add(name)
  for (const { kind, name } of fabric.nodes) if (kind === 'switch') subjects.add(name)
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
