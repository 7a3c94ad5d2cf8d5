import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { sweepFiles } from '../report/sweep/sweep-files.ts'
import { sweepText } from '../report/sweep/sweep-text.ts'
import { suggest } from '../scenario/did-you-mean.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { VERSION } from '../sim/version.ts'
import { parseCondition } from '../study/sweep/condition.ts'
import { resultLines, summaryText } from '../study/sweep/data-files.ts'
import { parseDimension } from '../study/sweep/dimension.ts'
import { type Identity, Journal } from '../study/sweep/journal.ts'
import { metricInfo } from '../study/sweep/metrics.ts'
import { type Plan, planSweep } from '../study/sweep/plan.ts'
import type { Condition, Search, SweepPlan, SweepResult } from '../study/sweep/result.ts'
import { summarise } from '../study/sweep/summarise.ts'
import { Sweep } from '../study/sweep/sweep.ts'
import { SweepError } from '../study/sweep/sweep-error.ts'
import { EXIT_BAD_INPUT, EXIT_FAILED, ExitError } from './exit.ts'
import { load, selectVariants } from './load.ts'
import { replaceFile } from './replace-file.ts'
import { SweepInterrupt } from './sweep-interrupt.ts'
import { SweepPool } from './sweep-pool.ts'
import { SweepProgress } from './sweep-progress.ts'
import { columns, hasColor } from './terminal.ts'

interface SweepFlags {
  readonly vary: readonly string[]
  readonly seeds: string
  readonly find?: string
  readonly jobs?: string
  readonly out?: string
  readonly set?: readonly string[]
  readonly variant?: readonly string[]
  readonly panel?: string
  readonly metric?: readonly string[]
}

/** A sweep that was checked and can begin. */
interface Prepared {
  readonly text: string
  readonly file: string
  readonly plan: SweepPlan
  readonly condition: Condition | null
  readonly jobs: number
  readonly directory: string
}

const SEEDS_MAX = 1000
const JOBS_MAX = 1024

/** `encap sweep`. */
export async function sweepCommand(file: string, flags: SweepFlags): Promise<void> {
  try {
    await sweep(file, flags)
  } catch (error) {
    if (error instanceof SweepError) throw new ExitError(EXIT_BAD_INPUT, error.message)
    throw error
  }
}

async function sweep(file: string, flags: SweepFlags): Promise<void> {
  const prepared = prepare(file, flags)
  const { plan, directory } = prepared
  const { sweep, search } = await runAll(prepared)
  const result = summarise(plan, sweep.rows, flags.metric ?? [], search)
  const files = await writeFiles(directory, result)
  const text = sweepText(result, {
    color: hasColor(process.stdout),
    columns: columns(process.stdout),
    directory,
    files,
  })
  process.stdout.write(`${text}\n`)
  if (result.rows.some(({ failed }) => failed.length > 0)) {
    throw new ExitError(EXIT_FAILED)
  }
}

function prepare(file: string, flags: SweepFlags): Prepared {
  const { set = [], metric = [] } = flags
  const dimensions = flags.vary.map(parseDimension)
  const condition = flags.find === undefined ? null : parseCondition(flags.find)
  const seeds = wholeNumber('--seeds', flags.seeds, SEEDS_MAX)
  const { jobs } = flags
  const threads =
    jobs === undefined ? availableParallelism() : wholeNumber('--jobs', jobs, JOBS_MAX)
  // Says what is wrong with the file itself in the words of `run`.
  load(file, flags.panel === undefined ? { set } : { set, panel: flags.panel })
  const text = readFileSync(file, 'utf8')
  const { plan, subjects } = planSweep({
    text,
    file,
    dimensions,
    seeds,
    settings: set,
    panel: flags.panel,
    select: (scenarios) => selectVariants(scenarios, flags.variant ?? [], file),
    registry: builtinSchemes,
    color: hasColor(process.stderr),
  })
  checkMetrics(condition === null ? metric : [...metric, condition.metric], subjects)
  const directory = flags.out ?? `${plan.scenario}-sweep`
  return { text, file, plan, condition, jobs: threads, directory }
}

function checkMetrics(names: readonly string[], subjects: Plan['subjects']): void {
  for (const name of names) {
    const { of } = metricInfo(name)
    if (of === null || subjects.has(of)) continue
    const remedy = suggest(of, [...subjects], 'workloads and switches')
    throw new SweepError(`${name}: there is no workload or switch "${of}"; ${remedy}`)
  }
}

async function runAll(prepared: Prepared): Promise<{ sweep: Sweep; search: Search | null }> {
  const { plan, text, file, condition, directory } = prepared
  const journal = attempt(directory, () => Journal.open(directory, identityOf(prepared)))
  const most = condition === null ? plan.total : runsOfSearch(plan)
  const pool = new SweepPool(Math.min(prepared.jobs, most))
  const progress = new SweepProgress(plan.scenario, journal.rows.size, most)
  const execute = pool.run.bind(pool)
  const sweep = new Sweep({ plan, text, file, journal, execute, onRow: (n) => progress.update(n) })
  const interrupt = new SweepInterrupt(() => pool.end())
  try {
    const search = await (condition === null ? sweep.full() : sweep.find(condition))
    journal.close()
    return { sweep, search }
  } catch (error) {
    if (interrupt.status !== 0) throw interruption(interrupt, sweep, prepared)
    throw hasCode(error, 'ENOSPC') ? unwritable(directory, error) : error
  } finally {
    interrupt.end()
    progress.stop()
    await pool.end()
  }
}

function interruption(
  { status }: SweepInterrupt,
  { rows }: Sweep,
  { directory }: Prepared,
): ExitError {
  const runs = rows.length === 1 ? '1 run is' : `${rows.length} runs are`
  const text = `Interrupted: ${runs} finished and kept in ${directory}. The same command goes on there.`
  return new ExitError(status, text)
}

/** Bisection asks for so many at most. */
function runsOfSearch({ dimensions, seeds, total }: SweepPlan): number {
  const values = dimensions.at(-1)!.values.length
  const searches = total / (values * seeds.length)
  return searches * seeds.length * Math.ceil(Math.log2(values + 1))
}

/** Not `--find`, `--metric` and `--jobs`: they ask for other things of the same runs. */
function identityOf({ text, plan }: Prepared): Identity {
  return {
    format: 1,
    'the version of encap': VERSION,
    'the scenario file': createHash('sha256').update(text).digest('hex'),
    '--set': plan.settings,
    '--panel and --variant': plan.series,
    '--vary': plan.dimensions.map(({ path, values }) => [path, values.map((each) => each.text)]),
    '--seeds': plan.seeds,
  }
}

async function writeFiles(directory: string, result: SweepResult): Promise<readonly string[]> {
  const files = [
    { path: 'results.jsonl', content: resultLines(result) },
    { path: 'summary.json', content: summaryText(result) },
    ...(await sweepFiles(result)),
  ]
  attempt(directory, () => {
    for (const { path, content } of files) replaceFile(join(directory, path), content)
  })
  return files.map(({ path }) => path)
}

function attempt<T>(directory: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unwritable(directory, error) : error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function unwritable(directory: string, error: unknown): ExitError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return new ExitError(EXIT_BAD_INPUT, `${directory}: cannot be written (${code})`)
}

function wholeNumber(flag: string, text: string, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new ExitError(EXIT_BAD_INPUT, `${flag} ${text}: a whole number from 1 to ${most}`)
}
