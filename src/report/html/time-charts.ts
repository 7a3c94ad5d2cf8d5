import type { Scenario } from '../../scenario/model.ts'
import { SECOND } from '../../sim/units.ts'
import type { Samples } from '../../study/sampler.ts'
import type { MetricUnit } from '../../study/sweep/metrics.ts'
import type { LineChart, Mark } from '../charts/chart.ts'
import { scaleOf } from '../charts/scale.ts'
import { formatCount, formatTime } from '../format.ts'
import type { Group } from './run-charts.ts'

/** With fewer values there is no course to be seen. */
const MARKS_MIN = 10
/** Workloads whose arrivals are drawn. */
const DELIVERIES_MAX = 6

/** What a page is told of one run besides its result. */
export interface Told {
  readonly scenario: Scenario
  /** Null: no values over time were read. */
  readonly samples: Samples | null
}

const TABLE_TITLES: Readonly<Record<string, string>> = {
  'switch-mac': 'MAC table of the fullest switch',
  neighbours: 'Neighbour table of the fullest host',
  'router-arp': 'ARP table of the fullest router',
  'router-fib': 'Routes of the fullest router',
}

/** Values over time: what arrived in each interval, and how full tables were. */
export function timeCharts(group: Group, told: readonly Told[]): readonly LineChart[] {
  return [...deliveryCharts(group, told), ...tableCharts(group, told)]
}

interface Series {
  readonly name: string
  readonly times: readonly number[]
  readonly values: readonly (number | null)[]
}

interface Frame {
  readonly name: string
  readonly title: string
  readonly notes: readonly string[]
  /** What the values are, and in which unit. */
  readonly what: string
  readonly unit: MetricUnit
  /** Picoseconds. */
  readonly shades: readonly { readonly from: number; readonly to: number }[]
}

/** Null where nobody would see a course: too little is known. */
function timeChart(frame: Frame, series: readonly Series[]): LineChart | null {
  const { name, title, notes, what, unit, shades } = frame
  const longest = series.reduce<readonly number[]>(
    (most, { times }) => ((times.at(-1) ?? 0) > (most.at(-1) ?? 0) ? times : most),
    [],
  )
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null))
  const scale = scaleOf('ps', longest)
  const ticks = longest.map((time) => ({ text: formatTime(time), number: time / scale.size }))
  const lines = series.map(({ name: of, times, values }) => {
    const marks = values.flatMap((value, i): Mark[] => {
      // Runs of one file may differ in length, and then in the length of their intervals.
      const at = times === longest ? i : nearest(longest, times[i]!)
      return value === null ? [] : [{ at, mean: value, halfWidth: null }]
    })
    return { name: of, marks, knee: null }
  })
  if (lines.every(({ marks }) => marks.length < MARKS_MIN)) return null
  return {
    kind: 'lines',
    name,
    title,
    notes,
    across: { title: `time since the start, ${scale.name}`, kind: 'linear', ticks },
    up: {
      title: what,
      scale: scaleOf(unit, known),
      isLogarithmic: false,
    },
    lines: lines.filter(({ marks }) => marks.length > 0),
    limit: null,
    shades: shades.map(({ from, to }) => ({
      from: from / scale.size,
      to: to / scale.size,
    })),
  }
}

function nearest(times: readonly number[], time: number): number {
  const at = times.findIndex((each) => each >= time)
  return at < 0 ? times.length - 1 : at
}

function deliveryCharts({ prefix, names }: Group, told: readonly Told[]): LineChart[] {
  const all = told.flatMap(({ samples }) => samples?.deliveries ?? [])
  const workloads = [...new Set(all.map(({ workload }) => workload))].slice(0, DELIVERIES_MAX)
  const shades = shadesOf(told)
  return workloads.flatMap((workload, index) => {
    const isBytes = all.some((each) => each.workload === workload && each.unit === 'bytes')
    const series = told.flatMap(({ samples }, i): Series[] => {
      const found = samples?.deliveries.find((each) => each.workload === workload)
      if (found === undefined || samples === null) return []
      const { times } = samples
      const values = found.values.map((value, at) => {
        const seconds = (times[at]! - (times[at - 1] ?? 0)) / SECOND
        return value === null ? null : (value * (isBytes ? 8 : 1)) / seconds
      })
      return [{ name: names[i]!, times: samples.times, values }]
    })
    const notes = [
      isBytes
        ? 'Payload that receivers read in each interval of its measuring window, a second.'
        : 'What arrived (of requests: what was answered) in each interval, a second.',
      ...(shades.length > 0 ? ['Shaded: a fault was there.'] : []),
    ]
    const unit = isBytes ? 'bits/s' : 'packets/s'
    const name = `${prefix}arrivals-${index + 1}`
    const title = `Arrivals over time: ${workload}`
    return timeChart({ name, title, notes, what: 'arrivals', unit, shades }, series) ?? []
  })
}

function tableCharts({ prefix, names }: Group, told: readonly Told[]): LineChart[] {
  const all = told.flatMap(({ samples }) => samples?.tables ?? [])
  const kinds = [...new Set(all.map(({ kind }) => kind))]
  return kinds.flatMap((kind) => {
    const series = told.flatMap(({ samples }, i): Series[] => {
      const found = samples?.tables.find((each) => each.kind === kind)
      if (found === undefined || samples === null) return []
      return [{ name: names[i]!, times: samples.times, values: found.values }]
    })
    const sizes = all.flatMap((each) => (each.kind === kind ? (each.capacity ?? []) : []))
    const frame: Frame = {
      name: `${prefix}table-${kind}`,
      title: TABLE_TITLES[kind] ?? kind,
      notes: sizes.length === 0 ? [] : [`Entries; there is room for ${rangeText(sizes)}.`],
      what: 'entries',
      unit: 'count',
      shades: shadesOf(told),
    }
    return timeChart(frame, series) ?? []
  })
}

function rangeText(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return least === most ? formatCount(least) : `${formatCount(least)} to ${formatCount(most)}`
}

/** Of faults that befall all runs alike. */
function shadesOf(told: readonly Told[]): { from: number; to: number }[] {
  const [first] = told
  if (first === undefined) return []
  const keys = told.map(({ scenario }) => JSON.stringify(scenario.faults))
  if (new Set(keys).size > 1) return []
  const { faults, duration } = first.scenario
  return faults.map(({ at, until }) => ({ from: at, to: Math.min(duration, until ?? duration) }))
}
