/**
 * The examples are tests: every file of scenarios/ loads, runs and meets what it says it expects. They are
 * asked in several test files, so that two workers share them.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { formatIssues } from '../../src/scenario/issues.ts'
import { loadScenarioFile } from '../../src/scenario/load.ts'
import type { Scenario } from '../../src/scenario/model.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { verdictsOf } from '../../src/study/claims.ts'
import { type RunResult, resultsSchema, runResultSchema } from '../../src/study/result.ts'
import { Run } from '../../src/study/run.ts'
import { expectCleanCapture, peerAvailable } from '../peers/tshark.ts'

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url))
const ALL = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort()
const hasTshark = peerAvailable('tshark')

/** So many events of a run are captured: all of a small scenario, the beginning of a large one. */
const CAPTURED_EVENTS = 20_000
/** One file of so many is run twice, and of another so many tshark reads a capture. */
const TWICE_EVERY = 4
const CAPTURE_EVERY = 2
const SLICE = 1_000_000

function scenariosOf(file: string): readonly Scenario[] {
  const loaded = loadScenarioFile(FOLDER + file, builtinSchemes, { panel: 'all' })
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return loaded.scenarios
}

function nameOf({ panel, variant }: Scenario): string {
  return [panel, variant].filter((part) => part !== null).join(', ') || 'alone'
}

function run(scenario: Scenario): Run {
  const run = new Run(scenario, builtinSchemes, { capture: false })
  while (!run.advance(SLICE));
  return run
}

/** @param isMine chooses the files of one test file. */
export function scenarioTests(isMine: (file: string, index: number) => boolean): void {
  const mine = ALL.map((file, index) => ({ file, index })).filter(({ file, index }) =>
    isMine(file, index),
  )
  it('finds its files', () => {
    expect(mine.length).toBeGreaterThan(10)
  })
  describe.each(mine)('$file', ({ file, index }) => testFile(file, index))
}

function testFile(file: string, index: number): void {
  const scenarios = scenariosOf(file)
  const runs = scenarios.map((scenario) => [nameOf(scenario), scenario] as const)

  it('says why, cites a source and expects something of every variant', () => {
    for (const { why, source, expectations, claim } of scenarios) {
      expect(why.length).toBeGreaterThan(100)
      expect(source).not.toBeNull()
      expect(expectations.length + (claim?.conditions.length ?? 0)).toBeGreaterThan(0)
    }
  })

  const results: RunResult[] = []

  it.each(runs)('%s: meets its expectations', (_, scenario) => {
    const first = run(scenario)
    const result = first.result()
    results.push(result)
    expect(result.expectations.filter(({ passed }) => !passed)).toEqual([])
    expect(result.ledger.balanced).toBe(true)
    expect(first.world.ledger.imbalance()).toBe(0)
    expect(runResultSchema.parse(result)).toEqual(result)
    // Whether two runs are alike some files are asked; test/chaos asks that of many more.
    if (scenario !== scenarios.at(-1) || index % TWICE_EVERY !== 0) return
    expect(JSON.stringify(run(scenario).result()), 'the second run').toBe(JSON.stringify(result))
  })

  const hasClaim = scenarios.some(({ claim }) => claim !== null)
  const itOfClaims = hasClaim ? it : () => {}
  itOfClaims('has the verdict of its rows', () => {
    const [verdict, ...others] = verdictsOf(results)
    expect(others).toEqual([])
    const names = [...new Set(verdict!.rows.map(({ circumstances }) => circumstances))]
    const broken = new Set(
      verdict!.rows.filter(({ holds }) => !holds).map(({ circumstances }) => circumstances),
    )
    expect(new Set(verdict!.failsIf)).toEqual(broken)
    const isWholly = broken.size === 0 ? 'confirmed' : 'contradicted'
    const isPartly = broken.size > 0 && broken.size < names.length
    expect(verdict!.verdict).toBe(isPartly ? 'holds only if' : isWholly)
    expect(resultsSchema.parse({ runs: results, claims: [verdict] }).claims).toEqual([verdict])
  })

  // Those in folders are made of the schemes that the files beside them show.
  const isCaptured = !file.includes('/') && index % CAPTURE_EVERY === 1
  const itOfFrames = isCaptured ? it.skipIf(!hasTshark) : () => {}
  itOfFrames('writes a capture that tshark reads without complaint', () => {
    const captured = new Run(scenarios.at(-1)!, builtinSchemes, { capture: true })
    captured.advance(CAPTURED_EVENTS)
    const packets = expectCleanCapture(captured.capture!.bytes())
    expect(packets.length).toBe(captured.capture!.captured)
    expect(packets.length).toBeGreaterThan(0)
  })
}
