import { accessSync, constants, statSync, writeFileSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { dirname, join } from 'node:path'
import { setImmediate as nextTick } from 'node:timers/promises'
import { bugsOf } from '../report/bugs.ts'
import { claimLines } from '../report/claim-text.ts'
import { wrap } from '../report/lines.ts'
import { reportRuns } from '../report/run-text.ts'
import type { Scenario } from '../scenario/model.ts'
import { ALL_PANELS } from '../scenario/runs.ts'
import type { Schemes } from '../schemes/registry.ts'
import { verdictsOf } from '../study/claims.ts'
import type { RunResult } from '../study/result.ts'
import { Run } from '../study/run.ts'
import { EXIT_BAD_INPUT, EXIT_BUG, EXIT_FAILED, EXIT_SIGNAL, ExitError } from './exit.ts'
import { type LoadedFile, loadAll, selectVariants } from './load.ts'
import { makeDirectory } from './make-directory.ts'
import { Progress } from './progress.ts'
import { RunReport } from './report.ts'
import { columns, hasColor } from './terminal.ts'
import { schemesWith } from './user-schemes.ts'

interface RunFlags {
  readonly set?: readonly string[]
  readonly variant?: readonly string[]
  readonly seed?: string
  readonly panel?: string
  readonly json?: string
  readonly pcap?: string
  readonly report?: string
  readonly verbose?: boolean
  readonly scheme?: readonly string[]
}

/** Events between two looks at the clock, the bar and the interrupt. */
const SLICE = 100_000

/** What is reported together: one panel of one file. */
interface Table {
  readonly scenarios: readonly Scenario[]
  /** Further panels of the file, which are not run. */
  readonly others: readonly string[]
}

/** `encap run`. */
export async function runCommand(files: readonly string[], flags: RunFlags): Promise<void> {
  // Everything is checked before anything runs.
  const schemes = await schemesWith(flags.scheme)
  const tables = select(files, flags, schemes)
  if (flags.json !== undefined && flags.json !== '-') checkWritable(flags.json)
  const captures = flags.pcap === undefined ? null : new CaptureFiles(flags.pcap)
  const report = reportFor(files, flags)
  const interrupt = new Interrupt()
  const results: RunResult[] = []
  for (const { scenarios, others } of tables) {
    const ofTable: RunResult[] = []
    for (const scenario of scenarios) {
      if (interrupt.isRequested) break
      ofTable.push(await runOne(scenario, schemes, { captures, report }, interrupt))
    }
    results.push(...ofTable)
    if (flags.json !== '-') show(ofTable, others, flags)
  }
  if (flags.json !== '-') showClaims(results)
  const notBegun = tables.flatMap(({ scenarios }) => scenarios).slice(results.length)
  if (flags.json !== undefined) writeJson(flags.json, results, notBegun)
  await report?.write()
  interrupt.end()
  const bugs = bugsOf(results)
  if (bugs.length > 0) throw new ExitError(EXIT_BUG, bugs.join('\n'))
  if (interrupt.isRequested) {
    throw new ExitError(interrupt.status, interruption(notBegun.length))
  }
  if (results.some((result) => result.expectations.some((each) => !each.passed))) {
    throw new ExitError(EXIT_FAILED)
  }
}

function reportFor(files: readonly string[], flags: RunFlags): RunReport | null {
  const { report, set = [], seed } = flags
  if (report === undefined) return null
  return new RunReport(report, files, seed === undefined ? set : [...set, `seed=${seed}`])
}

function select(files: readonly string[], flags: RunFlags, schemes: Schemes): readonly Table[] {
  const { loaded, wrong } = loadAll(files, flags, schemes)
  if (wrong.length > 0) throw new ExitError(EXIT_BAD_INPUT, wrong.join('\n'))
  return loaded.flatMap((one) => {
    const { file, scenarios, panels } = isWholeNeeded(one, flags)
      ? wholeOf(one, flags, schemes)
      : one
    const selected = selectVariants(scenarios, flags.variant ?? [], file)
    const run = [...new Set(selected.map(({ panel }) => panel))]
    const others = panels.filter((panel) => !run.includes(panel))
    return run.map((panel, i) => ({
      scenarios: selected.filter((scenario) => scenario.panel === panel),
      others: i + 1 === run.length && flags.panel === undefined ? others : [],
    }))
  })
}

/** A claim is about all panels, unless one is asked for. */
function isWholeNeeded({ scenarios, panels }: LoadedFile, { panel }: RunFlags): boolean {
  return panel === undefined && panels.length > 1 && scenarios.some(({ claim }) => claim !== null)
}

function wholeOf({ file }: LoadedFile, flags: RunFlags, schemes: Schemes): LoadedFile {
  return loadAll([file], { ...flags, panel: ALL_PANELS }, schemes).loaded[0]!
}

function interruption(left: number): string {
  const rest = left === 0 ? '' : `; ${left} ${left === 1 ? 'run was' : 'runs were'} not begun`
  return `Interrupted: what is shown was measured up to then${rest}.`
}

function show(results: readonly RunResult[], others: readonly string[], flags: RunFlags): void {
  if (results.length === 0) return
  const options = {
    color: hasColor(process.stdout),
    columns: columns(process.stdout),
    verbose: flags.verbose ?? false,
  }
  process.stdout.write(`${reportRuns(results, options)}\n`)
  if (others.length > 0) {
    const text = `Further panels: ${others.join('; ')} (--panel NAME or all)`
    process.stdout.write(`\n${wrap(text, options.columns).join('\n')}\n`)
  }
}

function showClaims(results: readonly RunResult[]): void {
  const verdicts = verdictsOf(results)
  if (verdicts.length === 0) return
  const layout = { color: hasColor(process.stdout), columns: columns(process.stdout) }
  process.stdout.write(`\n${claimLines(verdicts, layout).join('\n')}\n`)
}

/** What is written besides results. */
interface Outputs {
  readonly captures: CaptureFiles | null
  readonly report: RunReport | null
}

async function runOne(
  scenario: Scenario,
  schemes: Schemes,
  { captures, report }: Outputs,
  interrupt: Interrupt,
): Promise<RunResult> {
  const run = new Run(scenario, schemes, { capture: captures !== null, samples: report !== null })
  const label = [scenario.panel, scenario.variant].filter((each) => each !== null).join(' | ')
  const progress = new Progress(label === '' ? scenario.name : label, scenario.duration)
  try {
    while (!run.advance(SLICE)) {
      progress.update(run.now, scenario.duration, run.events)
      await nextTick()
      if (interrupt.isRequested) break
    }
  } finally {
    progress.stop()
  }
  if (run.capture !== null) captures?.write(scenario, run.capture.bytes())
  const result = run.result()
  report?.add({ scenario, samples: run.samples(), result })
  return result
}

/** Ctrl-C ends the run after its present slice; a second one ends the program at once. */
class Interrupt {
  private signal: 'SIGINT' | 'SIGTERM' | null = null
  private readonly handler = (signal: 'SIGINT' | 'SIGTERM') => {
    if (this.signal !== null) process.exit(this.status)
    this.signal = signal
  }

  constructor() {
    process.on('SIGINT', this.handler)
    process.on('SIGTERM', this.handler)
  }

  get isRequested(): boolean {
    return this.signal !== null
  }

  /** Neither success nor a failed expectation: what was asked for was not done. */
  get status(): number {
    return this.signal === null ? 0 : EXIT_SIGNAL + osConstants.signals[this.signal]
  }

  end(): void {
    process.off('SIGINT', this.handler)
    process.off('SIGTERM', this.handler)
  }
}

/** One capture a run, under names that do not collide. */
class CaptureFiles {
  private readonly directory: string
  private readonly names = new Set<string>()

  constructor(directory: string) {
    this.directory = directory
    attempt(directory, () => makeDirectory(directory))
  }

  write(scenario: Scenario, bytes: Uint8Array): void {
    const file = join(this.directory, `${this.nameOf(scenario)}.pcapng`)
    attempt(file, () => writeFileSync(file, bytes))
  }

  private nameOf({ name, panel, variant }: Scenario): string {
    const parts = [name, panel, variant].filter((part) => part !== null)
    const stem = parts.join('-').replaceAll(/[^\w.-]/g, '-')
    let chosen = stem
    for (let i = 2; this.names.has(chosen); i++) chosen = `${stem}-${i}`
    this.names.add(chosen)
    return chosen
  }
}

/** @param left runs that were not begun for an interruption. */
function writeJson(file: string, runs: readonly RunResult[], left: readonly Scenario[]): void {
  const notBegun = left.map(({ name, panel, variant }) => ({ scenario: name, panel, variant }))
  const claims = verdictsOf(runs)
  const results = {
    runs,
    ...(claims.length === 0 ? {} : { claims }),
    ...(left.length === 0 ? {} : { notBegun }),
  }
  const text = `${JSON.stringify(results, null, 2)}\n`
  if (file === '-') process.stdout.write(text)
  else attempt(file, () => writeFileSync(file, text))
}

/** So that a mistyped name does not cost the results of a long run. */
function checkWritable(file: string): void {
  attempt(file, () => {
    const existing = statSync(file, { throwIfNoEntry: false })
    if (existing?.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' })
    accessSync(existing === undefined ? dirname(file) : file, constants.W_OK)
  })
}

function attempt(path: string, action: () => void): void {
  try {
    action()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new ExitError(EXIT_BAD_INPUT, `${path}: cannot be written (${code})`)
  }
}
