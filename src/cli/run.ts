import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTick } from 'node:timers/promises'
import { reportRuns } from '../report/run-text.ts'
import type { Scenario } from '../scenario/model.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import type { RunResult } from '../study/result.ts'
import { Run } from '../study/run.ts'
import { EXIT_BAD_INPUT, EXIT_FAILED, ExitError } from './exit.ts'
import { load, selectVariants } from './load.ts'
import { Progress } from './progress.ts'
import { columns, hasColor } from './terminal.ts'

interface RunFlags {
  readonly set: readonly string[]
  readonly variant: readonly string[]
  readonly seed?: string
  readonly json?: string
  readonly pcap?: string
  readonly verbose: boolean
}

/** Events between two looks at the clock, the bar and the interrupt. */
const SLICE = 100_000

/** `encap run`. */
export async function runCommand(files: readonly string[], flags: RunFlags): Promise<void> {
  // Everything is checked before anything runs.
  const loaded = files.map((file) => selectVariants(load(file, flags), flags.variant, file))
  if (flags.pcap !== undefined) makeDirectory(flags.pcap)
  const interrupt = new Interrupt()
  const results: RunResult[] = []
  for (const scenarios of loaded) {
    const ofFile: RunResult[] = []
    for (const scenario of scenarios) {
      if (interrupt.requested) break
      ofFile.push(await runOne(scenario, flags, interrupt))
    }
    results.push(...ofFile)
    if (flags.json !== '-') show(ofFile, flags)
    if (interrupt.requested) break
  }
  if (flags.json !== undefined) writeJson(flags.json, results)
  interrupt.end()
  if (interrupt.requested) {
    process.stderr.write('Interrupted: what is shown was measured up to then.\n')
  }
  if (results.some((result) => result.expectations.some((each) => !each.passed))) {
    throw new ExitError(EXIT_FAILED)
  }
}

function show(results: readonly RunResult[], flags: RunFlags): void {
  if (results.length === 0) return
  const options = {
    color: hasColor(process.stdout),
    columns: columns(process.stdout),
    verbose: flags.verbose,
  }
  process.stdout.write(`${reportRuns(results, options)}\n`)
}

async function runOne(
  scenario: Scenario,
  flags: RunFlags,
  interrupt: Interrupt,
): Promise<RunResult> {
  const run = new Run(scenario, builtinSchemes, { capture: flags.pcap !== undefined })
  const progress = new Progress(scenario.variant ?? scenario.name, scenario.duration)
  while (!run.advance(SLICE)) {
    progress.update(run.now, scenario.duration, run.events)
    await nextTick()
    if (interrupt.requested) break
  }
  progress.stop()
  if (run.capture && flags.pcap !== undefined) {
    const name = `${scenario.name}${scenario.variant === null ? '' : `-${scenario.variant}`}`
    const file = join(flags.pcap, `${name.replaceAll(/[^\w.-]/g, '-')}.pcapng`)
    attemptWrite(file, () => writeFileSync(file, run.capture!.bytes()))
  }
  return run.result()
}

/** Ctrl-C ends the run after its present slice; a second one ends the program at once. */
class Interrupt {
  requested = false
  private readonly handler = () => {
    if (this.requested) process.exit(130)
    this.requested = true
  }

  constructor() {
    process.on('SIGINT', this.handler)
    process.on('SIGTERM', this.handler)
  }

  end(): void {
    process.off('SIGINT', this.handler)
    process.off('SIGTERM', this.handler)
  }
}

function writeJson(file: string, runs: readonly RunResult[]): void {
  const text = `${JSON.stringify({ runs }, null, 2)}\n`
  if (file === '-') process.stdout.write(text)
  else attemptWrite(file, () => writeFileSync(file, text))
}

function makeDirectory(directory: string): void {
  attemptWrite(directory, () => mkdirSync(directory, { recursive: true }))
}

function attemptWrite(path: string, action: () => void): void {
  try {
    action()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new ExitError(EXIT_BAD_INPUT, `${path}: cannot be written (${code})`)
  }
}
