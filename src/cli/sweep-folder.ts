import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CHARTS_FOLDER, type SweepFile, sweepFiles } from '../report/sweep/sweep-files.ts'
import { resultLines, summaryText } from '../study/sweep/data-files.ts'
import type { SweepResult } from '../study/sweep/result.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'
import { replaceFile } from './replace-file.ts'

/** Files of a chart, and what a kill left of one that was being written. */
const CHART = /\.svg(\.tmp)?$/

/** Writes all results of a sweep and removes the charts of earlier ones. @returns paths in `directory`. */
export async function writeFiles(
  directory: string,
  result: SweepResult,
): Promise<readonly string[]> {
  const files: readonly SweepFile[] = [
    { path: 'results.jsonl', content: resultLines(result) },
    { path: 'summary.json', content: summaryText(result) },
    ...(await sweepFiles(result)),
  ]
  const paths = files.map(({ path }) => path)
  inFolder(directory, () => {
    for (const { path, content } of files) replaceFile(join(directory, path), content)
    removeOtherCharts(directory, new Set(paths))
  })
  return paths
}

/** A picture of metrics that are no longer shown would be taken for one of this result. */
function removeOtherCharts(directory: string, paths: ReadonlySet<string>): void {
  const folder = join(directory, CHARTS_FOLDER)
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const path = `${CHARTS_FOLDER}/${name}`
    if (CHART.test(name) && !paths.has(path)) rmSync(join(folder, name))
  }
}

/** Does something in the folder; ends the program when that cannot be. */
export function inFolder<T>(directory: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unwritable(directory, error) : error
  }
}

export function unwritable(directory: string, error: unknown): ExitError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return new ExitError(EXIT_BAD_INPUT, `${directory}: cannot be written (${code})`)
}
