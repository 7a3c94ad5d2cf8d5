import { dimensionOption, positionOf } from './axis-option.ts'
import type { Line, LineChart, Mark, ValueAxis } from './chart.ts'
import { headingOption } from './heading-option.ts'
import { legendOption } from './legend-option.ts'
import { GROUND, SERIES_COLORS, SERIES_SYMBOLS, SHADE, SOFT_INK } from './style.ts'
import { valueAxis } from './value-axis.ts'

const WIDTH = 800
const PLOT_HEIGHT = 330
const LEFT = 88
const RIGHT = 28
const BOTTOM = 60
/** So many lines on one another are still told apart. */
const BELOW_MAX = 3
/** With more marks than this they would hide the line. */
const MARKS_MAX = 60

type Api = { coord(value: readonly number[]): number[] }

/** Lines with bands for their 95 % intervals. */
export function lineOption(chart: LineChart) {
  const { lines, across, up } = chart
  const heading = headingOption(chart.title, chart.notes, WIDTH)
  const names = lines.length > 1 ? lines.map(({ name }) => name) : []
  const legend = legendOption(names, heading.height, WIDTH)
  const top = heading.height + legend.height + 10
  return {
    width: WIDTH,
    height: top + PLOT_HEIGHT + BOTTOM,
    option: {
      title: heading.option,
      legend: legend.option,
      grid: { left: LEFT, right: RIGHT, top, height: PLOT_HEIGHT },
      xAxis: { ...dimensionOption(across), nameGap: 34 },
      yAxis: valueAxis(up),
      series: lines.flatMap((line, i) => lineSeries(chart, line, i)),
    },
  }
}

function lineSeries(chart: LineChart, line: Line, index: number) {
  const { across, up } = chart
  const color = SERIES_COLORS[index % SERIES_COLORS.length]!
  // Lines that lie on each other: the ones below are seen around those above.
  const isDense = line.marks.length > MARKS_MAX
  const below = Math.min(BELOW_MAX, chart.lines.length - 1 - index)
  return [
    ...bandsOf(line.marks).map((band) => bandSeries(chart, band, color)),
    {
      type: 'line',
      name: line.name,
      color,
      symbol: isDense ? 'none' : SERIES_SYMBOLS[index % SERIES_SYMBOLS.length],
      symbolSize: 7 + 3 * below,
      showAllSymbol: true,
      lineStyle: { width: 2 + below, color },
      itemStyle: { color },
      silent: true,
      emphasis: { disabled: true },
      data: line.marks.map(({ at, mean }) => [positionOf(across, at), mean / up.scale.size]),
      markLine: markLines(chart, line, index, color),
      ...(index === 0 ? { markArea: shadedAreas(chart) } : {}),
      z: 3,
    },
  ]
}

function shadedAreas({ shades = [] }: LineChart) {
  return {
    silent: true,
    animation: false,
    itemStyle: { color: SHADE, opacity: 0.16 },
    data: shades.map(({ from, to }) => [{ xAxis: from }, { xAxis: to }]),
  }
}

/** The knee between its two sides, and once for all lines the value that was asked for. */
function markLines({ across, up, limit }: LineChart, { knee }: Line, index: number, color: string) {
  const data: object[] = []
  if (knee !== null) {
    const middle = (positionOf(across, knee.below) + positionOf(across, knee.above)) / 2
    const lineStyle = { color, type: 'dashed', width: 1.5 }
    data.push({ xAxis: middle, lineStyle, label: { show: false } })
  }
  if (limit !== null && index === 0) {
    data.push({
      yAxis: limit.value / up.scale.size,
      lineStyle: { color: SOFT_INK, type: 'dotted', width: 1.5 },
      label: {
        show: true,
        formatter: limit.text,
        position: 'insideStartTop',
        color: SOFT_INK,
        textBorderColor: GROUND,
        textBorderWidth: 3,
      },
    })
  }
  // By default places are rounded to two digits, which is zero on an axis of small values.
  return { symbol: 'none', silent: true, animation: false, precision: 15, data }
}

/** Runs of marks that have intervals. */
function bandsOf(marks: readonly Mark[]): readonly (readonly Mark[])[] {
  const bands: Mark[][] = [[]]
  for (const mark of marks) {
    if (mark.halfWidth === null) bands.push([])
    else bands.at(-1)!.push(mark)
  }
  return bands.filter(({ length }) => length > 0)
}

/** One polygon: along the upper ends of the intervals, and back along the lower ones. */
function bandSeries({ across, up }: LineChart, band: readonly Mark[], color: string) {
  const point = (mark: Mark, sign: 1 | -1) => {
    return [positionOf(across, mark.at), endOf(mark, sign, up) / up.scale.size]
  }
  const upper = band.map((mark) => point(mark, 1))
  const lower = band.map((mark) => point(mark, -1))
  const corners = [...upper, ...lower.toReversed()]
  return {
    type: 'custom',
    silent: true,
    clip: true,
    z: 2,
    // By these values the axes reach around the intervals.
    data: [...upper, ...lower],
    encode: { x: 0, y: 1 },
    renderItem: ({ dataIndex }: { dataIndex: number }, api: Api) => {
      if (dataIndex > 0) return null
      const points = corners.map((corner) => api.coord(corner))
      return { type: 'polygon', shape: { points }, style: { fill: color, opacity: 0.18 } }
    },
  }
}

/** An end of the interval, as far as it is possible: nothing is below none, no share above all. */
function endOf({ mean, halfWidth }: Mark, sign: 1 | -1, { scale, isLogarithmic }: ValueAxis) {
  const end = mean + sign * (halfWidth ?? 0)
  // A logarithmic axis has no place for zero: the band then ends a decade below the mean.
  const least = isLogarithmic ? mean / 10 : Math.min(0, mean)
  const greatest = scale.unit === 'share' ? Math.max(1, mean) : Number.POSITIVE_INFINITY
  return Math.min(greatest, Math.max(least, end))
}
