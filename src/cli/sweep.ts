import { loadWriters } from '../report/sweep/sweep-files.ts'
import { sweepText } from '../report/sweep/sweep-text.ts'
import { Journal } from '../study/sweep/journal.ts'
import type { Search, SweepPlan, SweepResult } from '../study/sweep/result.ts'
import { evaluationsMax } from '../study/sweep/search.ts'
import { summarise } from '../study/sweep/summarise.ts'
import { Sweep } from '../study/sweep/sweep.ts'
import { SweepError } from '../study/sweep/sweep-error.ts'
import { EXIT_BAD_INPUT, EXIT_FAILED, ExitError } from './exit.ts'
import { prepareReport, sourceOf, writeReport } from './report.ts'
import { inFolder, unwritable, writeFiles } from './sweep-folder.ts'
import { SweepInterrupt } from './sweep-interrupt.ts'
import { SweepLock } from './sweep-lock.ts'
import {
  identityOf,
  type Prepared,
  parseFlags,
  prepare,
  SEEDS,
  type SweepFlags,
} from './sweep-plan.ts'
import { SweepPool } from './sweep-pool.ts'
import { SweepProgress } from './sweep-progress.ts'
import { columns, hasColor } from './terminal.ts'

/** `encap sweep`. */
export async function sweepCommand(file: string, flags: SweepFlags): Promise<void> {
  try {
    await sweepWithThreads(file, flags)
  } catch (error) {
    if (error instanceof SweepError) throw new ExitError(EXIT_BAD_INPUT, error.message)
    throw error
  }
}

async function sweepWithThreads(file: string, flags: SweepFlags): Promise<void> {
  const wish = parseFlags(flags)
  if (flags.report !== undefined) prepareReport(flags.report)
  // The threads start while this one reads the file, and check its points.
  const pool = new SweepPool(wish.jobs, flags.scheme ?? [])
  const interrupt = new SweepInterrupt(() => pool.end())
  try {
    const prepared = await prepare(file, flags, wish, pool)
    await sweepLocked(prepared, flags, pool, interrupt)
  } catch (error) {
    if (interrupt.status === 0 || error instanceof ExitError) throw error
    throw new ExitError(interrupt.status, 'Interrupted before anything was run.')
  } finally {
    interrupt.end()
    await pool.end()
  }
}

async function sweepLocked(
  prepared: Prepared,
  flags: SweepFlags,
  pool: SweepPool,
  interrupt: SweepInterrupt,
): Promise<void> {
  const { plan, directory } = prepared
  const lock = inFolder(directory, () => SweepLock.take(directory))
  try {
    const { sweep, search } = await runAll(prepared, pool, interrupt)
    const result = summarise(plan, sweep.rows, flags.metric ?? [], search)
    const files = await writeFiles(directory, result)
    const text = sweepText(result, {
      color: hasColor(process.stdout),
      columns: columns(process.stdout),
      directory,
      files,
    })
    process.stdout.write(`${text}\n`)
    if (flags.report !== undefined) await reportSweep(flags.report, result, prepared)
    if (result.rows.some(({ failed }) => failed.length > 0)) throw new ExitError(EXIT_FAILED)
  } finally {
    lock.release()
  }
}

async function reportSweep(report: string, result: SweepResult, prepared: Prepared): Promise<void> {
  const { sweepPage } = await import('../report/html/sweep-page.ts')
  const source = sourceOf(prepared.file, prepared.plan.settings)
  await writeReport(report, sweepPage(result, prepared.costs, source))
}

async function runAll(
  prepared: Prepared,
  pool: SweepPool,
  interrupt: SweepInterrupt,
): Promise<{ sweep: Sweep; search: Search | null }> {
  const { plan, text, file, condition, directory } = prepared
  const journal = inFolder(directory, () => Journal.open(directory, identityOf(prepared), SEEDS))
  const most = condition === null ? plan.total : runsOfSearch(plan)
  const progress = new SweepProgress(plan.scenario, 'runs', journal.rows.length, most)
  const execute = pool.run.bind(pool)
  const sweep = new Sweep({ plan, text, file, journal, execute, onRow: (n) => progress.update(n) })
  try {
    const running = condition === null ? sweep.full() : sweep.find(condition)
    // This thread has nothing else to do until the runs are over.
    const [search] = await Promise.all([running, loadWriters()])
    journal.close()
    return { sweep, search }
  } catch (error) {
    if (interrupt.status !== 0) throw interruption(interrupt, sweep, prepared)
    throw hasCode(error, 'ENOSPC') ? unwritable(directory, error) : error
  } finally {
    progress.stop()
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
function runsOfSearch({ dimensions, total }: SweepPlan): number {
  const { length } = dimensions.at(-1)!.values
  return (total / length) * Math.min(length, evaluationsMax(length))
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
