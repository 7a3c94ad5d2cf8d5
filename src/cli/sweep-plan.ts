import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { CostsAbout } from '../report/html/sweep-page.ts'
import { suggest } from '../scenario/did-you-mean.ts'
import { VERSION } from '../sim/version.ts'
import { parseCondition } from '../study/sweep/condition.ts'
import { parseDimension } from '../study/sweep/dimension.ts'
import type { Identity } from '../study/sweep/journal.ts'
import { metricInfo } from '../study/sweep/metrics.ts'
import { type Plan, planSweep, pointCount } from '../study/sweep/plan.ts'
import type { Condition, Dimension, SweepPlan } from '../study/sweep/result.ts'
import { SweepError } from '../study/sweep/sweep-error.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { load, selectVariants } from './load.ts'
import { costsAbout } from './report.ts'
import type { SweepPool } from './sweep-pool.ts'
import { SweepProgress } from './sweep-progress.ts'
import { hasColor } from './terminal.ts'
import { schemesWith } from './user-schemes.ts'

export interface SweepFlags {
  readonly vary: readonly string[]
  readonly seeds: string
  readonly find?: string
  readonly jobs?: string
  readonly out?: string
  readonly set?: readonly string[]
  readonly variant?: readonly string[]
  readonly panel?: string
  readonly metric?: readonly string[]
  readonly report?: string
  readonly scheme?: readonly string[]
}

/** What the command line asks for, before the file is looked at. */
export interface Wish {
  readonly dimensions: readonly Dimension[]
  readonly condition: Condition | null
  readonly seeds: number
  /** Runs at once, no more than there are for sure. */
  readonly jobs: number
}

/** A sweep that was checked and can begin. */
export interface Prepared extends Wish {
  readonly text: string
  readonly file: string
  readonly plan: SweepPlan
  readonly directory: string
  /** Cost profiles of the file's hosts, and what each stands for. */
  readonly costs: CostsAbout
  /** SHA-256 of the files with schemes of the user's. */
  readonly schemes: readonly string[]
}

const SEEDS_MAX = 1000
const JOBS_MAX = 1024
/** The part of the identity that may grow from one command to the next. */
export const SEEDS = '--seeds'

export function parseFlags(flags: SweepFlags): Wish {
  const dimensions = flags.vary.map(parseDimension)
  const condition = flags.find === undefined ? null : parseCondition(flags.find)
  for (const name of flags.metric ?? []) metricInfo(name)
  const seeds = wholeNumber(SEEDS, flags.seeds, SEEDS_MAX)
  const jobs =
    flags.jobs === undefined ? availableParallelism() : wholeNumber('--jobs', flags.jobs, JOBS_MAX)
  return { dimensions, condition, seeds, jobs: Math.min(jobs, pointCount(dimensions) * seeds) }
}

/** Checks everything, the points in the pool's threads. */
export async function prepare(
  file: string,
  flags: SweepFlags,
  wish: Wish,
  pool: SweepPool,
): Promise<Prepared> {
  const { set = [], metric = [], panel, variant = [] } = flags
  const { dimensions, condition, seeds } = wish
  // Says what is wrong with the file itself in the words of `run`.
  const schemes = await schemesWith(flags.scheme)
  const loaded = load(file, panel === undefined ? { set } : { set, panel }, schemes)
  const text = readFileSync(file, 'utf8')
  const color = hasColor(process.stderr)
  const progress = new SweepProgress('checking', 'points', 0, pointCount(dimensions))
  try {
    const { plan, subjects } = await planSweep({
      request: { text, file, settings: set, panel: panel ?? null, variants: variant, color },
      dimensions,
      seeds,
      select: (scenarios) => selectVariants(scenarios, variant, file),
      registry: schemes,
      check: (request) => pool.check(request),
      onChecked: (checked) => progress.update(checked),
    })
    checkMetrics(condition === null ? metric : [...metric, condition.metric], subjects)
    const directory = flags.out ?? `${plan.scenario}-sweep`
    const ofSchemes = (flags.scheme ?? []).map((path) => sha256(readFileSync(path, 'utf8')))
    const costs = costsAbout(selectVariants(loaded, variant, file))
    return { ...wish, text, file, plan, directory, costs, schemes: ofSchemes }
  } finally {
    progress.stop()
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function checkMetrics(names: readonly string[], subjects: Plan['subjects']): void {
  for (const name of names) {
    const { of } = metricInfo(name)
    if (of === null || subjects.has(of)) continue
    const remedy = suggest(of, [...subjects], 'workloads and switches')
    throw new SweepError(`${name}: there is no workload or switch "${of}"; ${remedy}`)
  }
}

/** Not `--find`, `--metric` and `--jobs`: they ask for other things of the same runs. */
export function identityOf({ text, plan, schemes }: Prepared): Identity {
  return {
    format: 2,
    'the version of encap': VERSION,
    'the scenario file': sha256(text),
    ...(schemes.length > 0 && { 'the files of --scheme': schemes.join(' ') }),
    '--set': plan.settings,
    '--panel and --variant': plan.series,
    '--vary': plan.dimensions.map(({ path, values }) => [path, values.map((each) => each.text)]),
    [SEEDS]: plan.seeds,
  }
}

function wholeNumber(flag: string, text: string, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new ExitError(EXIT_BAD_INPUT, `${flag} ${text}: a whole number from 1 to ${most}`)
}
