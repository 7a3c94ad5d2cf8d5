/** The examples are tests: every file of scenarios/ loads, runs and meets what it says it expects. */
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
const FILES = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .sort()
const hasTshark = peerAvailable('tshark')

/** So many events of a run are captured: all of a small scenario, the beginning of a large one. */
const CAPTURED_EVENTS = 20_000
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

describe.each(FILES)('%s', (file) => {
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
    // One run of a file tells whether two are alike; test/chaos asks that of many more.
    if (scenario !== scenarios.at(-1)) return
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
  const itOfFrames = file.includes('/') ? () => {} : it.skipIf(!hasTshark)
  itOfFrames('writes a capture that tshark reads without complaint', () => {
    const captured = new Run(scenarios.at(-1)!, builtinSchemes, { capture: true })
    captured.advance(CAPTURED_EVENTS)
    const packets = expectCleanCapture(captured.capture!.bytes())
    expect(packets.length).toBe(captured.capture!.captured)
    expect(packets.length).toBeGreaterThan(0)
  })
})
