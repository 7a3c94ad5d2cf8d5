import type {
  Comparison,
  CoreSide,
  ExpectationModel,
  Metric,
  Percentile,
} from '../scenario/model.ts'
import type { World } from '../scenario/world.ts'
import { formatDuration } from '../sim/units.ts'
import { measuredOf } from './measured-of.ts'
import type { Probes } from './probes.ts'
import type { ExpectationResult, RunResult, SwitchResult, WorkloadRow } from './result.ts'

/** Percentiles that expectations ask for, as they stood when the run was measured. */
export type Percentiles = ReadonlyMap<Metric, number>

/** Reads them off the workloads' histograms: results hold only some of them. */
export function percentilesOf(world: World): Percentiles {
  const percentiles = new Map<Metric, number>()
  for (const { metric } of measuredOf(world.scenario)) {
    if (metric.kind !== 'rtt' && metric.kind !== 'watchDelay') continue
    const { of, kind, at } = metric
    if (typeof at !== 'number') continue
    const workload = world.workloads.find(({ name }) => name === of)
    const times = kind === 'rtt' ? workload?.times : workload?.watchTimes
    if (times && times.count > 0) percentiles.set(metric, times.percentile(at))
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
  if (metric.kind === 'limitedBy') return judgeLimit(expectation, metric.of, result)
  const measured = percentiles.get(metric) ?? measure(metric, result, probes)
  return {
    text,
    line,
    measured,
    shown: measured === null ? 'nothing was measured' : show(metric, measured),
    passed: measured !== null && holds(comparison, measured),
  }
}

/** Words, not a number: what limited a workload. */
function judgeLimit(
  { comparison, text, line }: ExpectationModel,
  of: string,
  result: RunResult,
): ExpectationResult {
  const limit = workloadOf(result, of)?.limitedBy ?? null
  return {
    text,
    line,
    measured: null,
    shown: limit === null ? 'nothing was measured' : `${limit.kind} (${limit.what})`,
    passed: limit !== null && comparison.kind === 'is' && comparison.values.includes(limit.kind),
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
    case 'is':
      return false
  }
}

function measure(metric: Metric, result: RunResult, probes: Probes): number | null {
  if ('of' in metric) return measureWorkload(metric, workloadOf(result, metric.of))
  switch (metric.kind) {
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
    case 'floodRate':
    case 'floodShare':
      return floodsAt(result, metric)
    case 'tableShare':
      return result.tables.find(({ kind }) => kind === metric.table)?.share ?? null
    case 'wireEfficiency':
      return result.wireEfficiency
    case 'elections':
      return result.store?.elections ?? null
    case 'leaderless':
      return result.store?.longestLeaderless ?? null
    case 'bgpSessions':
      return result.bgp?.sessions ?? null
    case 'bgpUpdates':
      return result.bgp?.updates ?? null
    case 'bgpConverged':
      return result.bgp?.converged ?? null
    case 'attached':
    case 'bytesAdded':
      return result.networks.find(({ name }) => name === metric.network)?.[metric.kind] ?? null
    case 'reachable':
      return probes.reached(metric.from, metric.to) ? 1 : 0
  }
}

function measureWorkload(
  metric: Extract<Metric, { readonly of: string }>,
  row: WorkloadRow | undefined,
): number | null {
  if (row === undefined) return null
  switch (metric.kind) {
    case 'goodput':
    case 'sent':
    case 'delivered':
    case 'retransmits':
    case 'fairness':
    case 'watchGaps':
      return row[metric.kind] ?? null
    case 'loss':
      return row.lost === undefined || row.sent === 0 ? null : row.lost / row.sent
    case 'rtt':
      return timeOf(row.rtt ?? row.latency, metric.at)
    case 'watchDelay':
      return timeOf(row.watchDelay, metric.at)
    case 'transactions':
      return row.transactionsPerSecond ?? null
    case 'packetRate':
      return row.packetsPerSecond ?? null
    case 'cores':
      return coresOf(row, metric.side)
    case 'coresPerGoodput':
      return row.cpu?.perGoodput ?? null
    case 'completion':
      return completionOf(row)
    case 'stall':
      return row.stall ?? null
    case 'limitedBy':
      return null
  }
}

/** When the last flow had all its bytes; null while one has not. */
function completionOf({ flows = [] }: WorkloadRow): number | null {
  let latest: number | null = null
  for (const { completionTime } of flows) {
    if (completionTime === null) return null
    latest = Math.max(latest ?? 0, completionTime)
  }
  return latest
}

function coresOf({ cpu }: WorkloadRow, side: CoreSide): number | null {
  if (cpu === null || cpu === undefined) return null
  if (side === 'both') return cpu.cores
  return side === 'send' ? cpu.senders.cores : cpu.receivers.cores
}

function workloadOf(result: RunResult, name: string): WorkloadRow | undefined {
  return result.workloads.find((row) => row.name === name)
}

function timeOf(distribution: WorkloadRow['rtt'], at: Percentile): number | null {
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

/** The worst port where none is named. */
function floodsAt(
  result: RunResult,
  { kind, at }: Extract<Metric, { kind: 'floodRate' | 'floodShare' }>,
): number | null {
  const ports = result.switches
    .flatMap(({ flooded }) => flooded)
    .filter(({ host }) => at === null || host === at)
  if (ports.length === 0) return null
  return Math.max(...ports.map(({ rate, share }) => (kind === 'floodRate' ? rate : share)))
}

function show(metric: Metric, value: number): string {
  switch (metric.kind) {
    case 'goodput':
    case 'floodRate':
      return `${Number((value / 1e9).toPrecision(6))} Gb/s`
    case 'loss':
    case 'floodShare':
    case 'tableShare':
    case 'wireEfficiency':
      return `${Number((value * 100).toPrecision(6))} %`
    case 'rtt':
    case 'watchDelay':
    case 'completion':
    case 'stall':
    case 'leaderless':
    case 'bgpConverged':
      return formatDuration(value)
    case 'cores':
    case 'coresPerGoodput':
      return `${Number(value.toPrecision(4))} cores`
    case 'packetRate':
      return `${Number(value.toPrecision(6))} packets a second`
    case 'transactions':
      return `${Number(value.toPrecision(6))} transactions a second`
    case 'bytesAdded':
      return `${Number(value.toPrecision(6))} bytes a packet`
    case 'attached':
      return `${value} attached`
    case 'reachable':
      return value === 1 ? 'reachable' : 'not reachable'
    default:
      return String(value)
  }
}
