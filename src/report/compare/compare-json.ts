import { VERSION } from '../../sim/version.ts'
import type { ComparisonResult } from '../../study/compare/compare.ts'

/** A comparison as `--json` writes it: for each cell its scenario, probe, instant (picoseconds) and value. */
export function compareJson(result: ComparisonResult): string {
  const { plan, cells, candidates, scenarios, refusals, total, missing } = result
  const document = {
    format: 1,
    version: VERSION,
    name: plan.name,
    seeds: plan.seeds,
    partial: missing > 0,
    runs: { total, missing },
    entrants: plan.entrants,
    cells,
    shortlist: candidates,
    refusals,
    scenarios: Object.fromEntries(scenarios),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
