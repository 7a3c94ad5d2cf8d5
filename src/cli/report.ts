import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { COST_PROFILES } from '../cpu/cost-profile.ts'
import type { Page } from '../report/html/page.ts'
import type { SourceFile, ToldRun } from '../report/html/run-page.ts'
import type { CostsAbout } from '../report/html/sweep-page.ts'
import type { Scenario } from '../scenario/model.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { makeDirectory } from './make-directory.ts'
import { replaceFile } from './replace-file.ts'

/** Makes the folder of a report, so that a mistyped name does not cost the results of a long run. */
export function prepareReport(directory: string): void {
  attempt(directory, () => makeDirectory(directory))
}

/** Writes a page with its charts into a folder that is there. @returns the page's path. */
export async function writeReport(directory: string, page: Page): Promise<string> {
  // Charts need a large package, which no command without a report should read.
  const { reportFiles } = await import('../report/html/report-files.ts')
  const files = reportFiles(page)
  attempt(directory, () => {
    for (const { path, content } of files) replaceFile(join(directory, path), content)
  })
  return join(directory, 'index.html')
}

/** A file as it stands in a report: without its folder, which is of this machine only. */
export function sourceOf(file: string, settings: readonly string[]): SourceFile {
  return { name: basename(file), text: readFileSync(file, 'utf8'), settings }
}

/** What the cost profiles of all hosts stand for, by name. */
export function costsAbout(scenarios: readonly Scenario[]): CostsAbout {
  const names = scenarios.flatMap(({ hosts }) => hosts.map(({ costs }) => costs))
  return new Map([...new Set(names)].map((name) => [name, COST_PROFILES[name]?.about ?? '']))
}

/** The report of `encap run`: what was run, up to now. */
export class RunReport {
  private readonly directory: string
  private readonly sources: readonly SourceFile[]
  private readonly runs: ToldRun[] = []

  /** @param settings what the command line replaced in the files. */
  constructor(directory: string, files: readonly string[], settings: readonly string[]) {
    this.directory = directory
    this.sources = files.map((file) => sourceOf(file, settings))
    prepareReport(directory)
  }

  add(run: ToldRun): void {
    this.runs.push(run)
  }

  /** Writes what was run, if anything was. */
  async write(): Promise<void> {
    if (this.runs.length === 0) return
    const { runPage } = await import('../report/html/run-page.ts')
    await writeReport(this.directory, runPage(this.runs, this.sources))
  }
}

function attempt(directory: string, action: () => void): void {
  try {
    action()
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    const code = 'code' in error ? String(error.code) : error.message
    throw new ExitError(EXIT_BAD_INPUT, `${directory}: cannot be written (${code})`)
  }
}
