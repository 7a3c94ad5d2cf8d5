import type { MetricInfo } from '../../study/sweep/metrics.ts'
import type {
  Dimension,
  Estimate,
  Search,
  Series,
  SweepCell,
  SweepResult,
  SweepRow,
} from '../../study/sweep/result.ts'
import { pointsOf } from './cells.ts'

/** Sweeps for tests: values by formula instead of by runs. */
interface Sample {
  readonly dimensions: readonly Dimension[]
  readonly series?: readonly Series[]
  readonly seeds?: number
  readonly metrics: readonly MetricInfo[]
  /** Null: this run did not measure it. */
  readonly measure: (metric: string, series: number, point: readonly number[]) => number | null
  /** By how much the replicas differ from it, as a share. */
  readonly spread?: number
  /** Whether this point was run; default: all were. */
  readonly isRun?: (point: readonly number[]) => boolean
  readonly search?: Search
}

/** `numbers` with their unit as texts. */
export function dimension(
  path: string,
  numbers: readonly number[],
  spacing: Dimension['spacing'] = 'list',
  unit = '',
): Dimension {
  const values = numbers.map((number) => ({ text: `${number}${unit}`, number }))
  return { path, values, spacing, unit }
}

export function metric(name: string, unit: MetricInfo['unit'], about = `${name}.`): MetricInfo {
  return { name, base: name, of: null, unit, about }
}

export function estimate(values: readonly number[]): Estimate {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const sd = n > 1 ? Math.sqrt(squares / (n - 1)) : null
  // 4.303 is Student's t of two degrees of freedom: right for the samples' three replicas.
  const halfWidth = sd === null ? null : (4.303 * sd) / Math.sqrt(n)
  return { n, mean, sd, halfWidth, min: Math.min(...values), max: Math.max(...values) }
}

export function sampleSweep(sample: Sample): SweepResult {
  const { dimensions, metrics, search = null, spread = 0.02 } = sample
  const series = sample.series ?? [{ panel: null, variant: null }]
  const seeds = Array.from({ length: sample.seeds ?? 1 }, (_, i) => (i === 0 ? '1' : `1/${i + 1}`))
  const rows: SweepRow[] = []
  const cells: SweepCell[] = []
  let index = 0
  for (const [of] of series.entries()) {
    for (const point of pointsOf(dimensions)) {
      const ofPoint = seeds.map((_, replica): SweepRow => {
        const measured = metrics.flatMap(({ name }) => {
          const value = sample.measure(name, of, point)
          return value === null
            ? []
            : [[name, value * (1 + spread * (replica - (seeds.length - 1) / 2))] as const]
        })
        return {
          index: index++,
          series: of,
          point,
          replica,
          metrics: Object.fromEntries(measured),
          limitedBy: { stream: point.at(-1) === 0 ? 'application' : 'link' },
          failed: [],
        }
      })
      if (sample.isRun?.(point) === false) continue
      rows.push(...ofPoint)
      const estimates = Object.keys(ofPoint[0]?.metrics ?? {}).map((name) => {
        return [name, estimate(ofPoint.map(({ metrics }) => metrics[name]!))] as const
      })
      cells.push({ series: of, point, n: seeds.length, metrics: Object.fromEntries(estimates) })
    }
  }
  return {
    format: 1,
    version: '0.1.0',
    plan: {
      scenario: 'full-table',
      why: 'A switch that has learned all that it can.',
      dimensions,
      series,
      seeds,
      settings: [],
      total: index,
    },
    metrics,
    shown: metrics.map(({ name }) => name),
    rows,
    cells,
    search,
  }
}
