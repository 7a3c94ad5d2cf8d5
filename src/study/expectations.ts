import type { Comparison, ExpectationModel, Metric } from '../scenario/model.ts'
import { formatDuration } from '../sim/units.ts'
import type { Probes } from './probes.ts'
import type { ExpectationResult, RunResult, SwitchResult, WorkloadRow } from './result.ts'

/** Holds one expectation against what a run measured. */
export function judge(
  expectation: ExpectationModel,
  result: RunResult,
  probes: Probes,
): ExpectationResult {
  const { metric, comparison, text, line } = expectation
  const measured = measure(metric, result, probes)
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
      return percentileOf(workloadOf(result, metric.of), metric.at)
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

function percentileOf(
  row: WorkloadRow | undefined,
  at: 'min' | 'mean' | 'max' | number,
): number | null {
  const distribution = row?.rtt ?? row?.latency
  if (!distribution) return null
  if (typeof at === 'string') return distribution[at]
  const known: Readonly<Record<string, number>> = {
    '0': distribution.min,
    '50': distribution.p50,
    '90': distribution.p90,
    '99': distribution.p99,
    '99.9': distribution.p999,
    '100': distribution.max,
  }
  return known[String(at)] ?? null
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
