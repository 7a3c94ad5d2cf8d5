import { AXIS_LINE, LABEL } from './axis-option.ts'
import type { BarChart } from './chart.ts'
import { headingOption, textWidth } from './heading-option.ts'
import { legendOption } from './legend-option.ts'
import { numberText, ownText, withUnit } from './scale.ts'
import { GROUND, INK, PART_COLORS, SERIES_COLORS } from './style.ts'
import { valueAxis } from './value-axis.ts'

const WIDTH = 800
/** Names of categories are broken into lines of this width. */
const NAMES_MAX = 210
const RIGHT = 92
const BOTTOM = 56
const BAR = 20
const CATEGORY_GAP = 14
const LINE_HEIGHT = 15

/** Lying bars, the first category on top. */
export function barOption(chart: BarChart) {
  const { categories, series, isStacked } = chart
  const heading = headingOption(chart.title, chart.notes, WIDTH)
  const names = series.length > 1 ? series.map(({ name }) => name) : []
  const legend = legendOption(names, heading.height, WIDTH)
  const top = heading.height + legend.height + 8
  const widest = Math.max(...categories.map(textWidth))
  const left = Math.min(NAMES_MAX, Math.ceil(widest)) + 28
  const lines = Math.ceil(widest / NAMES_MAX)
  const bars = isStacked ? BAR + 4 : series.length * BAR
  const height = categories.length * (Math.max(bars, lines * LINE_HEIGHT) + CATEGORY_GAP)
  return {
    width: WIDTH,
    height: top + height + BOTTOM,
    option: {
      title: heading.option,
      legend: { ...legend.option, itemHeight: 12, itemWidth: 18 },
      grid: { left, right: RIGHT, top, height },
      xAxis: { ...valueAxis(chart.axis), ...endOf(chart), nameGap: 30 },
      yAxis: {
        type: 'category',
        inverse: true,
        data: [...categories],
        axisLine: AXIS_LINE,
        axisTick: { show: false },
        axisLabel: { ...LABEL, color: INK, interval: 0, width: NAMES_MAX, overflow: 'break' },
      },
      series: series.map((_, i) => barSeries(chart, i)),
    },
  }
}

/** Shares of a whole end where it does. */
function endOf({ axis, isStacked }: BarChart) {
  return isStacked && axis.scale.unit === 'share' ? { max: 1 / axis.scale.size } : {}
}

function barSeries({ series, axis, isStacked }: BarChart, index: number) {
  const { name, values } = series[index]!
  const colors = isStacked ? PART_COLORS : SERIES_COLORS
  return {
    type: 'bar',
    name,
    ...(isStacked ? { stack: 'whole' } : {}),
    color: colors[index % colors.length],
    silent: true,
    emphasis: { disabled: true },
    barWidth: isStacked ? BAR : BAR - 3,
    barGap: '18%',
    itemStyle: isStacked ? { borderColor: GROUND, borderWidth: 1 } : {},
    data: values.map((value) => ({
      value: value === null ? null : value / axis.scale.size,
      label: {
        show: !isStacked && value !== null,
        position: 'right',
        color: INK,
        fontSize: 11,
        formatter: () => valueText(value ?? 0, axis),
      },
    })),
  }
}

function valueText(value: number, { scale, isLogarithmic }: BarChart['axis']): string {
  return isLogarithmic ? ownText(value, scale.unit) : withUnit(numberText(value, scale), scale)
}
