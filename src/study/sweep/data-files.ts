import { settingsOf } from './plan.ts'
import type { SweepResult } from './result.ts'

/** `results.jsonl`: one run a line, in plan order, readable without the plan. */
export function resultLines({ plan, rows }: SweepResult): string {
  const lines = rows.map(({ index, series, point, replica, ...measured }) => {
    const varied = plan.dimensions.map(({ path, values }, i) => [path, values[point[i]!]!.text])
    return JSON.stringify({
      index,
      ...plan.series[series]!,
      varied: Object.fromEntries(varied),
      replica,
      seed: plan.seeds[replica],
      settings: settingsOf(plan, { series, point, replica }),
      ...measured,
    })
  })
  return lines.map((line) => `${line}\n`).join('')
}

/** `summary.json`: the plan, the metrics, means with intervals, and what a search found. */
export function summaryText({ rows, ...result }: SweepResult): string {
  return `${JSON.stringify({ ...result, runs: rows.length }, null, 1)}\n`
}
