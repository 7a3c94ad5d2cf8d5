import type { MetricInfo } from '../../study/sweep/metrics.ts'
import type { Dimension, SweepCell, SweepPlan } from '../../study/sweep/result.ts'
import type { Scale } from '../charts/scale.ts'

/** What tells the series apart: the variant, the panel too where there are several. */
export function seriesNames({ series, scenario }: SweepPlan): readonly string[] {
  const panels = new Set(series.map(({ panel }) => panel))
  return series.map(({ panel, variant }) => {
    const parts = [panels.size > 1 ? panel : null, variant].filter((part) => part !== null)
    return parts.length === 0 ? scenario : parts.join(', ')
  })
}

/** Whether the values of a dimension have a place on an axis. */
export function isNumeric({ values }: Dimension): boolean {
  return values.every(({ number }) => number !== null)
}

/** `containers.perHost`, with the unit of its numbers where they have one. */
export function dimensionTitle(dimension: Dimension): string {
  const { path, unit } = dimension
  return unit === '' || !isNumeric(dimension) ? path : `${path}, ${unit}`
}

/** `goodput, Gb/s`; without a scale the values have their units with them. */
export function metricTitle({ name }: MetricInfo, scale: Scale | null): string {
  return scale === null || scale.name === '' ? name : `${name}, ${scale.name}`
}

/** `fabric.links 10Gbps, containers.perHost 8`. */
export function pointText(dimensions: readonly Dimension[], point: readonly number[]): string {
  return dimensions.map(({ path, values }, i) => `${path} ${values[point[i]!]?.text}`).join(', ')
}

/** The metrics to show that have values, in the order in which they were asked for. */
export function shownMetrics(result: {
  readonly metrics: readonly MetricInfo[]
  readonly shown: readonly string[]
  readonly cells: readonly SweepCell[]
}): readonly MetricInfo[] {
  return result.shown
    .flatMap((name) => result.metrics.filter((metric) => metric.name === name))
    .filter(({ name }) => result.cells.some(({ metrics }) => metrics[name] !== undefined))
}
