import type { RunResult, WorkloadRow } from '../../study/result.ts'
import type { MetricUnit } from '../../study/sweep/metrics.ts'
import type { BarChart, LineChart } from '../charts/chart.ts'
import { type Scale, scaleOf } from '../charts/scale.ts'
import { CPU_GROUPS } from '../cpu-groups.ts'
import { costOf } from '../cpu-text.ts'
import { isSmallPackets, type Load, loadsOf } from '../loads.ts'
import { LAYER_NAMES } from '../network-text.ts'

/** Distributions that are drawn; those of further workloads stand in the text. */
const LATENCIES_MAX = 4
const SHARES: Scale = scaleOf('share', [1])

/** The runs of one panel of one file. */
export interface Group {
  /** Before the names of files of charts; '' where there is one group. */
  readonly prefix: string
  readonly runs: readonly RunResult[]
  /** Of the runs, in their order. */
  readonly names: readonly string[]
}

/** What the runs measured, side by side. */
export function runCharts(group: Group): readonly (BarChart | LineChart)[] {
  return [
    ...throughput(group),
    ...packetRates(group),
    ...cpuCharts(group),
    ...layers(group),
    ...latencies(group),
  ]
}

function bars(
  { prefix }: Group,
  name: string,
  title: string,
  notes: readonly string[],
  categories: readonly string[],
  series: BarChart['series'],
  unit: MetricUnit,
): BarChart[] {
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null))
  if (known.length === 0) return []
  const axis = { title, scale: scaleOf(unit, known), isLogarithmic: false }
  return [
    {
      kind: 'bars',
      name: `${prefix}${name}`,
      title,
      notes,
      categories,
      series,
      axis,
      isStacked: false,
    },
  ]
}

/** By scheme, and by what was sent in packets or writes of which size. */
function throughput(group: Group): BarChart[] {
  const loads = loadsOf(group.runs)
  const notes = ['Payload that arrived, a second, in the measuring window of each load.']
  const series = seriesOf(group, loads, (row) => row.goodput ?? null)
  return bars(group, 'throughput', 'Throughput', notes, loads.map(titleOf), series, 'bits/s')
}

function packetRates(group: Group): BarChart[] {
  const loads = loadsOf(group.runs).filter(isOfSmallPackets)
  const notes = ['Packets that arrived, a second: of loads of small packets.']
  const series = seriesOf(group, loads, (row) => row.packetsPerSecond ?? null)
  return bars(group, 'packet-rate', 'Packet rate', notes, loads.map(titleOf), series, 'packets/s')
}

function titleOf({ title }: Load): string {
  return title
}

function isOfSmallPackets({ rows }: Load): boolean {
  return rows.some((row) => row !== null && isSmallPackets(row))
}

function seriesOf(
  { names }: Group,
  loads: readonly Load[],
  pick: (row: WorkloadRow) => number | null,
) {
  return names.map((name, i) => ({
    name,
    values: loads.map(({ rows }) => {
      const row = rows[i] ?? null
      return row === null ? null : pick(row)
    }),
  }))
}

/** For each load that has any: where the CPU time of what arrived went. */
function cpuCharts(group: Group): BarChart[] {
  const loads = loadsOf(group.runs).filter(({ rows }) => rows.some((row) => Boolean(row?.cpu)))
  return loads.flatMap((load, i) => cpuChart(group, load, i))
}

function cpuChart({ prefix, names }: Group, load: Load, index: number): BarChart[] {
  const isPackets = isOfSmallPackets(load)
  const costs = load.rows.map((row) => (row === null ? null : costOf(row, isPackets)))
  const used = CPU_GROUPS.filter((each) => costs.some((cost) => cost?.has(each)))
  if (used.length === 0) return []
  const series = used.map((name) => ({
    name,
    values: costs.map((cost) => (cost === null ? null : (cost.get(name) ?? 0) * 1000)),
  }))
  const totals = costs.map((cost) => {
    return cost === null ? 0 : [...cost.values()].reduce((sum, each) => sum + each * 1000, 0)
  })
  const unit = isPackets ? 'packet' : 'kB of payload'
  return [
    {
      kind: 'bars',
      name: `${prefix}cpu-${index + 1}`,
      title: `CPU time by stage: ${load.title}`,
      notes: [`For a ${unit} that arrived: both sides, with everything that ran there.`],
      categories: names,
      series,
      axis: { title: `CPU time a ${unit}`, scale: scaleOf('ps', totals), isLogarithmic: false },
      isStacked: true,
    },
  ]
}

/** What the bytes on the hosts' cables were for. */
function layers({ prefix, runs, names }: Group): BarChart[] {
  const totals = runs.map(({ hostLayers }) => {
    return LAYER_NAMES.reduce((sum, [key]) => sum + hostLayers[key], 0)
  })
  const used = LAYER_NAMES.filter(([key]) => runs.some(({ hostLayers }) => hostLayers[key] > 0))
  if (used.length === 0) return []
  return [
    {
      kind: 'bars',
      name: `${prefix}bytes-by-layer`,
      title: 'Bytes by layer',
      notes: ['Of all bytes that the cables of the hosts brought in the measuring window.'],
      categories: names,
      series: used.map(([key, name]) => ({
        name,
        values: runs.map(({ hostLayers }, i) => {
          return totals[i] === 0 ? null : hostLayers[key] / totals[i]!
        }),
      })),
      axis: { title: 'share of the bytes on the wire', scale: SHARES, isLogarithmic: false },
      isStacked: true,
    },
  ]
}

type Times = NonNullable<WorkloadRow['latency']>

const PERCENTILES: readonly (readonly [keyof Times, string])[] = [
  ['min', 'least'],
  ['p50', '50 %'],
  ['p90', '90 %'],
  ['p99', '99 %'],
  ['p999', '99.9 %'],
  ['max', 'most'],
]

/** Percentiles of round trips, or of one-way latencies where nobody measured those. */
function latencies(group: Group): LineChart[] {
  const { prefix, runs, names } = group
  const rows = runs.flatMap(({ workloads }) => workloads)
  const known = [...new Set(rows.filter((row) => timesOf(row) !== null).map(({ name }) => name))]
  return known.slice(0, LATENCIES_MAX).map((name, index): LineChart => {
    const lines = runs.flatMap(({ workloads }, i) => {
      const row = workloads.find((each) => each.name === name)
      const times = row === undefined ? null : timesOf(row)
      return times === null ? [] : [{ name: names[i]!, times }]
    })
    const values = lines.flatMap(({ times }) => PERCENTILES.map(([key]) => times[key]))
    const isRound = rows.some((row) => row.name === name && roundTrips(row) !== null)
    return {
      kind: 'lines',
      name: `${prefix}latency-${index + 1}`,
      title: `${isRound ? 'Round trips' : 'One-way latency'}: ${name}`,
      notes: ['Percentiles: this share of them took no longer.'],
      across: {
        title: 'percentile',
        kind: 'text',
        ticks: PERCENTILES.map(([, text]) => ({ text, number: null })),
      },
      up: {
        title: isRound ? 'round-trip time' : 'latency',
        scale: scaleOf('ps', values),
        isLogarithmic: Math.min(...values) > 0 && Math.max(...values) > 8 * Math.min(...values),
      },
      lines: lines.map(({ name: of, times }) => ({
        name: of,
        marks: PERCENTILES.map(([key], at) => ({ at, mean: times[key], halfWidth: null })),
        knee: null,
      })),
      limit: null,
    }
  })
}

function timesOf(row: WorkloadRow): Times | null {
  return roundTrips(row) ?? row.latency ?? null
}

function roundTrips({ rtt }: WorkloadRow): Times | null {
  return rtt && 'p50' in rtt ? rtt : null
}
