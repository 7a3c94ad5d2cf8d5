import { VERSION } from '../../sim/version.ts'
import { estimateOf } from './estimate.ts'
import { compareMetrics, type MetricInfo, metricInfo, metricOf, TELLING } from './metrics.ts'
import type { Estimate, Search, SweepCell, SweepPlan, SweepResult, SweepRow } from './result.ts'

/** Metrics that are shown when none were asked for. */
const SHOWN_MAX = 6

/**
 * The result of a sweep from its finished runs, which stand in plan order.
 * @param wanted metrics to show first; empty: the most telling ones that vary.
 */
export function summarise(
  plan: SweepPlan,
  finished: readonly SweepRow[],
  wanted: readonly string[],
  search: Search | null,
): SweepResult {
  const names = new Set(finished.flatMap(({ metrics }) => Object.keys(metrics)))
  const metrics = [...names].map(metricInfo).toSorted(compareMetrics)
  const rows = finished.map((row) => ({ ...row, metrics: inOrder(row, metrics) }))
  const cells = cellsOf(rows)
  const ofSearch = search === null ? [] : [search.condition.metric]
  const chosen = wanted.length > 0 ? wanted : telling(metrics, rows)
  const shown = [...new Set([...ofSearch, ...chosen])].filter((name) => names.has(name))
  return { format: 1, version: VERSION, plan, metrics, shown, rows, cells, search }
}

function inOrder({ metrics }: SweepRow, infos: readonly MetricInfo[]): Record<string, number> {
  const ordered: Record<string, number> = {}
  for (const { name } of infos) {
    const value = metricOf(metrics, name)
    if (value !== undefined) ordered[name] = value
  }
  return ordered
}

function cellsOf(rows: readonly SweepRow[]): SweepCell[] {
  const groups = new Map<string, SweepRow[]>()
  for (const row of rows) {
    const key = [row.series, ...row.point].join(' ')
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [row])
    else group.push(row)
  }
  return [...groups.values()].map((group) => {
    const [{ series, point }] = group as [SweepRow]
    return { series, point, n: group.length, metrics: estimatesOf(group) }
  })
}

function estimatesOf(group: readonly SweepRow[]): Record<string, Estimate> {
  const samples = new Map<string, number[]>()
  for (const { metrics } of group) {
    for (const [name, value] of Object.entries(metrics)) {
      const sample = samples.get(name)
      if (sample === undefined) samples.set(name, [value])
      else sample.push(value)
    }
  }
  const estimates: Record<string, Estimate> = {}
  for (const [name, sample] of samples) estimates[name] = estimateOf(sample)
  return estimates
}

/** What is the same in all runs says nothing, unless all is. */
function telling(metrics: readonly MetricInfo[], rows: readonly SweepRow[]): string[] {
  const measured = TELLING.filter((base) => metrics.some(({ name }) => name === base))
  const varied = measured.filter(
    (base) => new Set(rows.map((row) => row.metrics[base] ?? null)).size > 1,
  )
  return (varied.length > 0 ? varied : measured).slice(0, SHOWN_MAX)
}
