import { fileURLToPath } from 'node:url'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenarioFile } from '../../src/scenario/load.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import type { RunResult } from '../../src/study/result.ts'
import { Run } from '../../src/study/run.ts'

/** A file of scenarios/ with parts replaced, one of its variants. */
export function run(file: string, variant: string, ...settings: string[]): RunResult {
  const path = fileURLToPath(new URL(`../../scenarios/${file}.yaml`, import.meta.url))
  const loaded = loadScenarioFile(path, builtinSchemes, { settings })
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  const scenario = loaded.scenarios.find((each) => each.variant === variant)!
  const run = new Run(scenario, builtinSchemes, { capture: false })
  while (!run.advance(1_000_000));
  return run.result()
}
