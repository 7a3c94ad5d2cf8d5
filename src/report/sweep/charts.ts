import type { MetricInfo } from '../../study/sweep/metrics.ts'
import type { Dimension, SweepResult } from '../../study/sweep/result.ts'
import type { Chart, DimensionAxis, HeatMap, HeatPanel, Line, LineChart } from '../charts/chart.ts'
import { commonScale, type Scale, scaleOf } from '../charts/scale.ts'
import { CellIndex, meansOf, pointsOf } from './cells.ts'
import {
  dimensionTitle,
  isNumeric,
  metricTitle,
  pointText,
  seriesNames,
  shownMetrics,
} from './names.ts'

/** Heat maps in one picture; what is more goes to further pictures. */
const PANELS_MAX = 9

/**
 * The charts of a sweep: for each metric lines along the only dimension, or heat maps over the last
 * two, one for each series and choice of the other dimensions' values. After a search over several
 * dimensions first where the tipping point lies, along the last dimension but one.
 */
export function chartsOf(result: SweepResult): readonly Chart[] {
  const { dimensions } = result.plan
  const [only] = dimensions
  if (only === undefined) return []
  const metrics = shownMetrics(result)
  if (dimensions.length === 1) return metrics.map((metric) => lineChart(result, only, metric))
  return [...kneeCharts(result), ...metrics.flatMap((metric) => heatMaps(result, metric))]
}

function axisOf(dimension: Dimension): DimensionAxis {
  const { values } = dimension
  const title = dimensionTitle(dimension)
  if (!isNumeric(dimension)) return { title, kind: 'text', ticks: values }
  return { title, kind: isGeometric(dimension) ? 'logarithmic' : 'linear', ticks: values }
}

function isGeometric({ spacing, values }: Dimension): boolean {
  return spacing === 'geometric' && values.every(({ number }) => number !== null && number > 0)
}

function circumstances({ plan }: SweepResult, isWithInterval: boolean): string {
  const { scenario, seeds } = plan
  if (seeds.length === 1) return `${scenario}, one seed`
  return `${scenario}, mean of ${seeds.length} seeds${isWithInterval ? ', 95 % interval' : ''}`
}

/** Whether values are so far apart that only their logarithms can be seen together. */
function isWide(metric: MetricInfo, values: readonly number[]): boolean {
  return Math.min(...values) > 0 && commonScale(metric.unit, values) === null
}

function lineChart(result: SweepResult, dimension: Dimension, metric: MetricInfo): LineChart {
  const search = result.search?.condition.metric === metric.name ? result.search : null
  const cells = new CellIndex(result)
  const lines = seriesNames(result.plan).map((name, series): Line => {
    const marks = dimension.values.flatMap((_, at) => {
      const estimate = cells.estimate(series, [at], metric.name)
      return estimate === null ? [] : [{ at, ...estimate }]
    })
    const { below, above } = search?.knees.find((knee) => knee.series === series) ?? {}
    const knee = below && above ? { below: below.value, above: above.value } : null
    return { name, marks, knee }
  })
  const means = meansOf(result, metric.name)
  const isFound = lines.some(({ knee }) => knee !== null)
  return {
    kind: 'lines',
    name: fileName(metric.name),
    title: metric.name,
    notes: [
      metric.about,
      circumstances(result, true),
      ...(isFound ? [`Dashed: ${search?.condition.text} begins to hold.`] : []),
    ],
    across: axisOf(dimension),
    up: {
      title: metric.name,
      scale: scaleOf(metric.unit, means),
      isLogarithmic: isWide(metric, means),
    },
    lines: lines.filter(({ marks }) => marks.length > 0),
    limit: search && { value: search.condition.value, text: search.condition.text },
  }
}

/** The first value of the last dimension for which the condition holds. */
function kneeCharts(result: SweepResult): readonly LineChart[] {
  const { plan, search } = result
  const [across, last] = plan.dimensions.slice(-2)
  if (search === null || across === undefined || last === undefined) return []
  if (!isNumeric(last)) return []
  const others = plan.dimensions.slice(0, -2)
  const names = seriesNames(plan)
  const lines = names.flatMap((name, series) =>
    pointsOf(others).map((point): Line => {
      const marks = search.knees.flatMap((knee) => {
        const isOfLine = knee.series === series && point.every((at, i) => knee.others[i] === at)
        const mean = knee.above === null ? null : last.values[knee.above.value]?.number
        if (!isOfLine || typeof mean !== 'number') return []
        return [{ at: knee.others.at(-1)!, mean, halfWidth: null }]
      })
      marks.sort((a, b) => a.at - b.at)
      return { name: panelName(names, name, pointText(others, point)), marks, knee: null }
    }),
  )
  const drawn = lines.filter(({ marks }) => marks.length > 0)
  if (drawn.length === 0) return []
  const scale: Scale = { unit: 'ratio', size: 1, name: '' }
  return [
    {
      kind: 'lines',
      name: 'tipping-point',
      title: `First ${last.path} with ${search.condition.text}`,
      notes: [circumstances(result, false)],
      across: axisOf(across),
      up: { title: dimensionTitle(last), scale, isLogarithmic: isGeometric(last) },
      lines: drawn,
      limit: null,
    },
  ]
}

function heatMaps(result: SweepResult, metric: MetricInfo): readonly HeatMap[] {
  const { plan } = result
  const means = meansOf(result, metric.name)
  const scale = scaleOf(metric.unit, means)
  const isLogarithmic = isWide(metric, means)
  const [up, across] = plan.dimensions.slice(-2).map(axisOf)
  const panels = heatPanels(result, metric)
  return Array.from({ length: Math.ceil(panels.length / PANELS_MAX) }, (_, page) => ({
    kind: 'heat',
    name: fileName(page === 0 ? metric.name : `${metric.name}-${page + 1}`),
    title: metricTitle(metric, isLogarithmic ? null : scale),
    notes: [metric.about, circumstances(result, false)],
    across: across!,
    up: up!,
    scale,
    isLogarithmic,
    panels: panels.slice(page * PANELS_MAX, (page + 1) * PANELS_MAX),
    range: { least: Math.min(...means), greatest: Math.max(...means) },
  }))
}

/** Those in which something was measured. */
function heatPanels(result: SweepResult, { name: metric }: MetricInfo): readonly HeatPanel[] {
  const { plan } = result
  const others = plan.dimensions.slice(0, -2)
  const inner = pointsOf(plan.dimensions.slice(-2))
  const names = seriesNames(plan)
  const cells = new CellIndex(result)
  const panels = names.flatMap((name, series) =>
    pointsOf(others).map((point): HeatPanel => {
      const measured = inner.flatMap(([y = 0, x = 0]) => {
        const estimate = cells.estimate(series, [...point, y, x], metric)
        return estimate === null ? [] : [{ x, y, mean: estimate.mean }]
      })
      return { name: panelName(names, name, pointText(others, point)), cells: measured }
    }),
  )
  return panels.filter(({ cells }) => cells.length > 0)
}

function panelName(names: readonly string[], series: string, point: string): string {
  return [names.length > 1 ? series : '', point].filter((part) => part !== '').join(', ')
}

/** Names of workloads and switches may hold what file systems do not take. */
function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, '_')
}
