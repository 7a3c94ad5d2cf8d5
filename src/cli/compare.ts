import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { compareJson } from '../report/compare/compare-json.ts'
import { compareText } from '../report/compare/compare-text.ts'
import { suggest } from '../scenario/did-you-mean.ts'
import type { Schemes } from '../schemes/registry.ts'
import {
  type CompareAnswer,
  type ComparePlan,
  type CompareTask,
  Comparison,
  seedsOf,
} from '../study/compare/compare.ts'
import { chooseEntrants, entrantsOf } from '../study/compare/entrant.ts'
import { SECTIONS, type SectionName } from '../study/compare/question.ts'
import { readBase } from '../study/compare/read-base.ts'
import type { CompareJob } from './compare-worker.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { load } from './load.ts'
import { costsAbout, prepareReport, sourceOf, writeReport } from './report.ts'
import { scenarioDirectory } from './scenario-directory.ts'
import { SweepInterrupt } from './sweep-interrupt.ts'
import { SweepProgress } from './sweep-progress.ts'
import { columns, hasColor } from './terminal.ts'
import { schemesWith } from './user-schemes.ts'
import { isOutOfMemory, WorkerPool } from './worker-pool.ts'

export interface CompareFlags {
  readonly schemes?: string
  /** Names, separated by commas. */
  readonly sections?: string
  readonly seeds: string
  readonly jobs?: string
  readonly json?: string
  readonly report?: string
  /** Files with schemes of the user's. */
  readonly scheme?: readonly string[]
}

const SEEDS_MAX = 100
const JOBS_MAX = 1024
/** Below this there is no way from host to host. */
const HOSTS_MIN = 2

/** `encap compare`. */
export async function compareCommand(file: string | undefined, flags: CompareFlags): Promise<void> {
  const schemes = await schemesWith(flags.scheme)
  const path = file ?? join(scenarioDirectory(), 'compare.yaml')
  const plan = planOf(path, flags, schemes)
  if (flags.report !== undefined) prepareReport(flags.report)
  const comparison = new Comparison(plan)
  const jobs =
    flags.jobs === undefined ? availableParallelism() : wholeNumber('--jobs', flags.jobs, JOBS_MAX)
  const pool = new WorkerPool<CompareJob, CompareAnswer>(
    'compare-worker',
    Math.min(jobs, comparison.tasks.length),
  )
  const interrupt = new SweepInterrupt(() => pool.end())
  try {
    await askAll(comparison, plan, (task) => pool.run({ task, schemes: flags.scheme ?? [] }))
  } catch (error) {
    if (interrupt.status === 0) throw error
  } finally {
    interrupt.end()
    await pool.end()
  }
  show(comparison, flags)
  if (flags.report !== undefined) {
    const { comparePage } = await import('../report/html/compare-page.ts')
    const costs = costsAbout(load(path, {}, schemes))
    await writeReport(flags.report, comparePage(comparison.result(), costs, sourceOf(path, [])))
  }
  if (interrupt.status !== 0) throw new ExitError(interrupt.status)
}

function planOf(file: string, flags: CompareFlags, schemes: Schemes): ComparePlan {
  // Says what is wrong with the file in the words of `run`.
  load(file, {}, schemes)
  const text = readFileSync(file, 'utf8')
  const read = readBase(text, file, schemes)
  if (!read.ok) throw new ExitError(EXIT_BAD_INPUT, `${file}: error: it has changed meanwhile`)
  const { name, seed, hosts, needs } = read.base
  if (hosts.length < HOSTS_MIN) {
    throw new ExitError(EXIT_BAD_INPUT, `${file}: error: a comparison needs two hosts or more`)
  }
  const chosen = chooseEntrants(entrantsOf(schemes), wishesOf(flags.schemes))
  if ('problem' in chosen) throw new ExitError(EXIT_BAD_INPUT, `--schemes: ${chosen.problem}`)
  const seeds = seedsOf(seed, wholeNumber('--seeds', flags.seeds, SEEDS_MAX))
  return { text, file, name, seeds, entrants: chosen.entrants, needs, sections: sectionsOf(flags) }
}

function wishesOf(list = ''): string[] {
  const wishes = list.split(',').map((wish) => wish.trim())
  return wishes.filter((wish) => wish !== '')
}

/** Whatever the case of the letters. */
function sectionsOf({ sections }: CompareFlags): readonly SectionName[] {
  const wishes = wishesOf(sections).map((wish) => wish.toLowerCase())
  const known = SECTIONS.map((name) => name.toLowerCase())
  const stranger = wishes.find((wish) => !known.includes(wish))
  if (stranger !== undefined) {
    const help = suggest(stranger, SECTIONS, 'sections')
    throw new ExitError(EXIT_BAD_INPUT, `--sections: there is no section "${stranger}"; ${help}`)
  }
  if (wishes.length === 0) return SECTIONS
  return SECTIONS.filter((name) => wishes.includes(name.toLowerCase()))
}

async function askAll(
  comparison: Comparison,
  plan: ComparePlan,
  execute: (task: CompareTask) => Promise<CompareAnswer>,
): Promise<void> {
  const progress = new SweepProgress(plan.name, 'runs', 0, comparison.tasks.length)
  const one = async (task: CompareTask) => {
    try {
      comparison.add(task, await execute(task))
    } catch (error) {
      const what = `${task.entrant}, ${task.question}, seed ${task.seed}`
      if (isOutOfMemory(error)) {
        throw new ExitError(EXIT_BAD_INPUT, `no memory is left for ${what}; try fewer --jobs`)
      }
      throw new Error(`the run of ${what} failed`, { cause: error })
    }
    progress.update(comparison.answered)
  }
  try {
    await Promise.all(comparison.tasks.map(one))
  } finally {
    progress.stop()
  }
}

function show(comparison: Comparison, flags: CompareFlags): void {
  const result = comparison.result()
  const json = flags.json === undefined ? null : compareJson(result)
  if (json !== null && flags.json !== '-') writeFileSync(flags.json!, json)
  const layout = { color: hasColor(process.stdout), columns: columns(process.stdout) }
  const text = flags.json === '-' ? json! : `${compareText(result, layout).join('\n')}\n`
  process.stdout.write(text)
}

function wholeNumber(flag: string, text: string, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new ExitError(EXIT_BAD_INPUT, `${flag} ${text}: a whole number from 1 to ${most}`)
}
