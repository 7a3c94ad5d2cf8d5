import { formatTime } from '../format.ts'
import type { BarChart, Chart, HeatMap, LineChart, Timeline } from './chart.ts'
import { ownEstimateText, ownText } from './scale.ts'

/** What a chart shows, in words and numbers. */
export interface ChartTable {
  readonly head: readonly string[]
  /** The first cell names the row. */
  readonly rows: readonly (readonly string[])[]
}

const NONE = '-'

/** The values of a chart, each with its unit. */
export function chartTable(chart: Chart): ChartTable {
  switch (chart.kind) {
    case 'lines':
      return lineTable(chart)
    case 'heat':
      return heatTable(chart)
    case 'bars':
      return barTable(chart)
    case 'timeline':
      return timelineTable(chart)
  }
}

function lineTable({ across, lines, up }: LineChart): ChartTable {
  const { unit } = up.scale
  const columns = lines.map(({ marks }) => {
    return new Map(marks.map((mark) => [mark.at, ownEstimateText(mark, unit)]))
  })
  return {
    head: [across.title, ...lines.map(({ name }) => name)],
    rows: across.ticks.map(({ text }, at) => [
      text,
      ...columns.map((column) => column.get(at) ?? NONE),
    ]),
  }
}

function heatTable({ across, up, panels, title, scale }: HeatMap): ChartTable {
  const isNamed = panels.length > 1
  return {
    head: [...(isNamed ? [''] : []), up.title, across.title, title],
    rows: panels.flatMap(({ name, cells }) =>
      cells.map(({ x, y, mean }) => [
        ...(isNamed ? [name] : []),
        up.ticks[y]?.text ?? '',
        across.ticks[x]?.text ?? '',
        ownText(mean, scale.unit),
      ]),
    ),
  }
}

function barTable({ categories, series, axis }: BarChart): ChartTable {
  const textOf = (value: number | null | undefined) =>
    typeof value !== 'number' ? NONE : value === 0 ? '0' : ownText(value, axis.scale.unit)
  return {
    head: ['', ...series.map(({ name }) => name)],
    rows: categories.map((category, i) => [
      category,
      ...series.map(({ values }) => textOf(values[i])),
    ]),
  }
}

function timelineTable({ rows }: Timeline): ChartTable {
  return {
    head: ['', 'what', 'from', 'to'],
    rows: rows.flatMap(({ name, spans }) =>
      spans.map(({ text, from, to }) => [name, text, formatTime(from), formatTime(to)]),
    ),
  }
}
