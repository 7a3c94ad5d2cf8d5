import type { Comparison, ExpectationModel, Metric, Percentile } from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'
import { formatDuration } from '../sim/units.ts'
import type { Probes } from './probes.ts'
import type { ExpectationResult, RunResult, SwitchResult, WorkloadRow } from './result.ts'

/** Percentiles that expectations ask for, as they stood when the run was measured. */
export type Percentiles = ReadonlyMap<Metric, number>

/** Reads them off the workloads' histograms: results hold only some of them. */
export function percentilesOf(world: World): Percentiles {
  const percentiles = new Map<Metric, number>()
  for (const { metric } of world.scenario.expectations) {
    if (metric.kind !== 'rtt' || typeof metric.at !== 'number') continue
    const times = world.workloads.find(({ name }) => name === metric.of)?.times
    if (times && times.count > 0) percentiles.set(metric, times.percentile(metric.at))
  }
  return percentiles
}

/** Holds one expectation against what a run measured. */
export function judge(
  expectation: ExpectationModel,
  result: RunResult,
  percentiles: Percentiles,
  probes: Probes,
): ExpectationResult {
  const { metric, comparison, text, line } = expectation
  const measured = percentiles.get(metric) ?? measure(metric, result, probes)
  return {
    text,
    line,
    measured,
    shown: measured === null ? 'nothing was measured' : show(metric, measured),
    passed: measured !== null && holds(comparison, measured),
  }
}

function holds(comparison: Comparison, measured: number): boolean {
  switch (comparison.kind) {
    case 'equals': {
      const { value, tolerance } = comparison
      return Math.abs(measured - value) <= tolerance * Math.abs(value)
    }
    case 'atLeast':
      return measured >= comparison.value
    case 'atMost':
      return measured <= comparison.value
    case 'between':
      return measured >= comparison.low && measured <= comparison.high
  }
}

function measure(metric: Metric, result: RunResult, probes: Probes): number | null {
  switch (metric.kind) {
    case 'goodput':
      return workloadOf(result, metric.of)?.goodput ?? null
    case 'sent':
      return workloadOf(result, metric.of)?.sent ?? null
    case 'delivered':
      return workloadOf(result, metric.of)?.delivered ?? null
    case 'loss': {
      const row = workloadOf(result, metric.of)
      if (row?.lost === undefined || row.sent === 0) return null
      return row.lost / row.sent
    }
    case 'rtt':
      return timeOf(workloadOf(result, metric.of), metric.at)
    case 'drops':
      return dropsOf(result, metric.reason, metric.at)
    case 'macEntries':
      return sumOf(result, metric.switch, (row) => row.entries)
    case 'macRefused':
      return sumOf(result, metric.switch, (row) => row.refused)
    case 'macMoves':
      return sumOf(result, metric.switch, (row) => row.moved)
    case 'floodedFrames':
      return sumOf(result, metric.switch, (row) => row.floods.unknownUnicast)
    case 'wireEfficiency':
      return result.wireEfficiency
    case 'reachable':
      return probes.reached(metric.from, metric.to) ? 1 : 0
  }
}

function workloadOf(result: RunResult, name: string): WorkloadRow | undefined {
  return result.workloads.find((row) => row.name === name)
}

function timeOf(row: WorkloadRow | undefined, at: Percentile): number | null {
  const distribution = row?.rtt ?? row?.latency
  return distribution && typeof at === 'string' ? distribution[at] : null
}

/** Losses only, unless a reason is named. */
function dropsOf(result: RunResult, reason: string | null, at: string | null): number {
  let sum = 0
  for (const drop of result.drops) {
    if (reason === null ? drop.kind !== 'loss' : drop.reason !== reason) continue
    if (at !== null && drop.place !== at && !drop.place.startsWith(`${at}/`)) continue
    sum += drop.count
  }
  return sum
}

function sumOf(
  result: RunResult,
  name: string | null,
  pick: (row: SwitchResult) => number,
): number | null {
  const rows = result.switches.filter((row) => name === null || row.name === name)
  if (rows.length === 0) return null
  return rows.reduce((sum, row) => sum + pick(row), 0)
}

function show(metric: Metric, value: number): string {
  switch (metric.kind) {
    case 'goodput':
      return `${Number((value / 1e9).toPrecision(6))} Gb/s`
    case 'loss':
    case 'wireEfficiency':
      return `${Number((value * 100).toPrecision(6))} %`
    case 'rtt':
      return formatDuration(value)
    case 'reachable':
      return value === 1 ? 'reachable' : 'not reachable'
    default:
      return String(value)
  }
}
