import { AXIS_LINE, dimensionOption, LABEL, NAME, positionOf, SPLIT_LINE } from './axis-option.ts'
import type { Line, LineChart, Mark, ValueAxis } from './chart.ts'
import { headingOption, textWidth } from './heading-option.ts'
import { ownText, plainNumber } from './scale.ts'
import { GROUND, INK, SERIES_COLORS, SERIES_SYMBOLS, SOFT_INK } from './style.ts'

const WIDTH = 800
const PLOT_HEIGHT = 330
const LEFT = 88
const RIGHT = 28
const BOTTOM = 60
const LEGEND_ROW = 22
const LEGEND_GAP = 20
const LEGEND_ICON = 26
/** So many lines on one another are still told apart. */
const BELOW_MAX = 3

type Api = { coord(value: readonly number[]): number[] }

/** Lines with bands for their 95 % intervals. */
export function lineOption(chart: LineChart) {
  const { lines, across, up } = chart
  const heading = headingOption(chart.title, chart.notes, WIDTH)
  const names = lines.length > 1 ? lines.map(({ name }) => name) : []
  const top = heading.height + legendRows(names) * LEGEND_ROW + 10
  return {
    width: WIDTH,
    height: top + PLOT_HEIGHT + BOTTOM,
    option: {
      title: heading.option,
      legend: {
        show: names.length > 0,
        data: names,
        left: 12,
        top: heading.height - 2,
        width: WIDTH - 2 * LEGEND_GAP,
        itemGap: LEGEND_GAP,
        itemWidth: LEGEND_ICON,
        textStyle: { color: INK, fontSize: 12 },
      },
      grid: { left: LEFT, right: RIGHT, top, height: PLOT_HEIGHT },
      xAxis: { ...dimensionOption(across), nameGap: 34 },
      yAxis: valueAxis(up),
      series: lines.flatMap((line, i) => lineSeries(chart, line, i)),
    },
  }
}

/** Rows that the names take, laid out one after the other. */
function legendRows(names: readonly string[]): number {
  let rows = names.length > 0 ? 1 : 0
  let used = 0
  for (const name of names) {
    const width = LEGEND_ICON + 5 + textWidth(name) + LEGEND_GAP
    if (used > 0 && used + width > WIDTH - 2 * LEGEND_GAP) {
      rows++
      used = 0
    }
    used += width
  }
  return rows
}

function valueAxis({ title, scale, isLogarithmic }: ValueAxis) {
  return {
    type: isLogarithmic ? 'log' : 'value',
    name: isLogarithmic || scale.name === '' ? title : `${title}, ${scale.name}`,
    nameLocation: 'middle',
    nameGap: 60,
    nameTextStyle: NAME,
    // At the left, even where zero (of a logarithm: one) lies within the other axis.
    axisLine: { ...AXIS_LINE, onZero: false },
    axisTick: { show: true },
    splitLine: SPLIT_LINE,
    axisLabel: {
      ...LABEL,
      formatter: (value: number) =>
        isLogarithmic ? ownText(value * scale.size, scale.unit) : plainNumber(value, 6),
    },
  }
}

function lineSeries(chart: LineChart, line: Line, index: number) {
  const { across, up } = chart
  const color = SERIES_COLORS[index % SERIES_COLORS.length]!
  // Lines that lie on each other: the ones below are seen around those above.
  const below = Math.min(BELOW_MAX, chart.lines.length - 1 - index)
  return [
    ...bandsOf(line.marks).map((band) => bandSeries(chart, band, color)),
    {
      type: 'line',
      name: line.name,
      color,
      symbol: SERIES_SYMBOLS[index % SERIES_SYMBOLS.length],
      symbolSize: 7 + 3 * below,
      showAllSymbol: true,
      lineStyle: { width: 2 + below, color },
      itemStyle: { color },
      silent: true,
      emphasis: { disabled: true },
      data: line.marks.map(({ at, mean }) => [positionOf(across, at), mean / up.scale.size]),
      markLine: markLines(chart, line, index, color),
      z: 3,
    },
  ]
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
