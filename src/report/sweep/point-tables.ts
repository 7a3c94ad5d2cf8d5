import type { MetricInfo } from '../../study/sweep/metrics.ts'
import type { SweepResult } from '../../study/sweep/result.ts'
import { commonScale, estimateText, ownEstimateText, type Scale } from '../charts/scale.ts'
import { formatCount } from '../format.ts'
import { type Layout, paint, wrap } from '../lines.ts'
import { CellIndex, meansOf, pointsOf } from './cells.ts'
import { type GridColumn, gridLines } from './grid.ts'
import { metricTitle, seriesNames, shownMetrics } from './names.ts'
import { logarithms, sparkline } from './sparkline.ts'

/** More lines of one table nobody reads at a terminal. */
const ROWS_MAX = 32
/** With fewer values their shape is seen in the table. */
const SHAPE_MIN = 4
/** Columns kept free behind a shape. */
const SHAPE_NOTE = ' (logarithmic)'.length

interface Shown {
  readonly info: MetricInfo
  /** Null: each value stands in a unit of its own. */
  readonly scale: Scale | null
  /** Whether the replicas of each point measured the same, so that intervals say nothing. */
  readonly isAlike: boolean
}

const ALIKE = ' (all seeds alike)'

/**
 * The measured values at each point. One dimension: a line for each of its values. Several: the one
 * with the fewest values lies across, a table for each metric and series.
 */
export function pointTables(result: SweepResult, layout: Layout): string[] {
  const { plan } = result
  const cells = new CellIndex(result)
  const names = seriesNames(plan)
  const shown = shownMetrics(result).map((info): Shown => {
    const scale = commonScale(info.unit, meansOf(result, info.name))
    const widths = result.cells.flatMap(({ metrics }) => metrics[info.name]?.halfWidth ?? [])
    return { info, scale, isAlike: widths.length > 0 && widths.every((width) => width === 0) }
  })
  const cellText = (series: number, point: readonly number[], { info, scale, isAlike }: Shown) => {
    const found = cells.estimate(series, point, info.name)
    if (found === null) return '-'
    const estimate = isAlike ? { ...found, halfWidth: null } : found
    if (scale === null) return ownEstimateText(estimate, info.unit)
    return estimateText(estimate, scale)
  }
  if (plan.dimensions.length > 1) return crossTables(result, cells, names, shown, cellText, layout)
  const head = (title: string) => ['', paint(layout, 'bold', title)]
  const table = (columns: (points: readonly (readonly number[])[]) => GridColumn[]) =>
    lineTable(result, cells, columns, layout)
  const shapes = (each: Shown) => shapeLines(result, cells, names, each, layout)
  if (plan.series.length === 1) {
    const columns = (points: readonly (readonly number[])[]) =>
      shown.map((each) => ({
        name: titleOf(each),
        cells: points.map((point) => cellText(0, point, each)),
      }))
    const title = names[0] === plan.scenario ? [''] : head(names[0]!)
    return [...title, ...table(columns), ...spaced(shown.flatMap(shapes))]
  }
  return shown.flatMap((each) => {
    const columns = (points: readonly (readonly number[])[]) =>
      names.map((name, series) => {
        return { name, cells: points.map((point) => cellText(series, point, each)) }
      })
    const title = titleOf(each)
    return [...head(title), ...table(columns), ...spaced(shapes(each))]
  })
}

function titleOf({ info, scale, isAlike }: Shown): string {
  return `${metricTitle(info, scale)}${isAlike ? ALIKE : ''}`
}

function spaced(lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...lines]
}

/** A line for each value of the only dimension that has results. */
function lineTable(
  { plan }: SweepResult,
  cells: CellIndex,
  columns: (points: readonly (readonly number[])[]) => GridColumn[],
  layout: Layout,
): string[] {
  const [dimension] = plan.dimensions
  if (dimension === undefined) {
    return gridLines({ heads: [''], rows: [['']], columns: columns([[]]) }, layout)
  }
  const all = pointsOf([dimension]).filter((point) =>
    plan.series.some((_, i) => cells.has(i, point)),
  )
  const points = thinned(all)
  const rows = points.map(([value = 0]) => [dimension.values[value]!.text])
  const lines = gridLines({ heads: [dimension.path], rows, columns: columns(points) }, layout)
  return [...lines, ...restLines(points.length, all.length, layout)]
}

/** The dimension with the fewest values across, the others down. */
function crossTables(
  { plan }: SweepResult,
  cells: CellIndex,
  names: readonly string[],
  shown: readonly Shown[],
  cellText: (series: number, point: readonly number[], metric: Shown) => string,
  layout: Layout,
): string[] {
  const { dimensions } = plan
  const fewest = Math.min(...dimensions.map(({ values }) => values.length))
  const across = dimensions.findLastIndex(({ values }) => values.length === fewest)
  const down = dimensions.filter((_, i) => i !== across)
  const of = (row: readonly number[], value: number) => row.toSpliced(across, 0, value)
  const columnsOf = (series: number, rows: readonly (readonly number[])[], metric: Shown) =>
    dimensions[across]!.values.map(({ text }, value): GridColumn => {
      return { name: text, cells: rows.map((row) => cellText(series, of(row, value), metric)) }
    })
  return shown.flatMap((metric) =>
    names.flatMap((name, series) => {
      const all = pointsOf(down).filter((row) =>
        dimensions[across]!.values.some((_, value) => cells.has(series, of(row, value))),
      )
      const rows = thinned(all)
      if (rows.length === 0) return []
      const whose = names.length > 1 ? `, ${name}` : ''
      const title = `${titleOf(metric)}${whose}`
      const texts = rows.map((row) => row.map((value, i) => down[i]!.values[value]!.text))
      const columns = columnsOf(series, rows, metric)
      return [
        '',
        ...wrap(title, layout.columns).map((line) => paint(layout, 'bold', line)),
        ...wrap(`across: ${dimensions[across]!.path}`, layout.columns),
        ...gridLines({ heads: down.map(({ path }) => path), rows: texts, columns }, layout),
        ...restLines(rows.length, all.length, layout),
      ]
    }),
  )
}

/** At most `ROWS_MAX` of them, evenly, with the first and the last. */
function thinned<T>(rows: readonly T[]): readonly T[] {
  if (rows.length <= ROWS_MAX) return rows
  const step = (rows.length - 1) / (ROWS_MAX - 1)
  return Array.from({ length: ROWS_MAX }, (_, i) => rows[Math.round(i * step)]!)
}

function restLines(shown: number, all: number, layout: Layout): string[] {
  if (shown === all) return []
  const text = `${shown} of ${formatCount(all)} lines; all runs are in results.csv.`
  return wrap(text, layout.columns).map((line) => paint(layout, 'dim', line))
}

/** How a metric goes along the only dimension: all series on one scale. */
function shapeLines(
  result: SweepResult,
  cells: CellIndex,
  names: readonly string[],
  { info, scale }: Shown,
  layout: Layout,
): string[] {
  const [dimension] = result.plan.dimensions
  const isLone = names.length === 1
  const width = Math.max(...(isLone ? result.shown : names).map(({ length }) => length)) + 2
  if (dimension === undefined || dimension.values.length < SHAPE_MIN) return []
  if (width + dimension.values.length + SHAPE_NOTE > layout.columns) return []
  const means = meansOf(result, info.name)
  const least = Math.min(...means)
  const isLogarithmic = scale === null && least > 0
  const lines = names.map((_, series) => {
    const values = dimension.values.map((_, value) => {
      return cells.estimate(series, [value], info.name)?.mean ?? null
    })
    return isLogarithmic ? logarithms(values, least) : values
  })
  const greatest = Math.max(...lines.flat().map(Number))
  return lines.map((values, series) => {
    const name = isLone ? info.name : names[series]!
    const line = paint(layout, 'cyan', sparkline(values, greatest))
    return `${name.padEnd(width)}${line}${isLogarithmic ? ' (logarithmic)' : ''}`
  })
}
