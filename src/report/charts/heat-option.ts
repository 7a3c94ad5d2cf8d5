import { AXIS_LINE, LABEL, NAME } from './axis-option.ts'
import type { DimensionAxis, HeatMap, HeatPanel } from './chart.ts'
import { headingOption, textWidth } from './heading-option.ts'
import { numberText, ownText, withUnit } from './scale.ts'
import { GROUND, HEAT_COLORS, INK, NO_VALUE, ON_DARK, ON_LIGHT, SOFT_INK } from './style.ts'

const PANEL_WIDTH = 340
const LONE_WIDTH = 560
const PANEL_HEIGHT = 280
const PANEL_TITLE = 28
const BELOW = 66
const COLOR_BAR = 130
const COLUMNS_MAX = 3
/** Left and right of a number in its cell, together. */
const CELL_PADDING = 8
/** In lower cells numbers would overlap. */
const CELL_HEIGHT_MIN = 18

interface Place {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Heat maps side by side, one colour scale for all. */
export function heatOption(chart: HeatMap) {
  const { panels } = chart
  const columns = Math.min(COLUMNS_MAX, panels.length)
  const panelWidth = panels.length === 1 ? LONE_WIDTH : PANEL_WIDTH
  const labels = Math.ceil(Math.max(...chart.up.ticks.map(({ text }) => textWidth(text))))
  const left = labels + 46
  const right = columns * (left + panelWidth)
  const width = right + COLOR_BAR
  const heading = headingOption(chart.title, chart.notes, width)
  const places = panels.map((_, i) => ({
    left: left + (i % columns) * (left + panelWidth),
    top: heading.height + PANEL_TITLE + Math.floor(i / columns) * (PANEL_HEIGHT + BELOW + 34),
    width: panelWidth,
    height: PANEL_HEIGHT,
  }))
  return {
    width,
    height: places.at(-1)!.top + PANEL_HEIGHT + BELOW,
    option: {
      title: [heading.option, ...panels.map((panel, i) => panelTitle(panel, places[i]!))],
      grid: places,
      xAxis: panels.map((_, i) => categoryAxis(chart.across, i, 32, true)),
      yAxis: panels.map((_, i) => categoryAxis(chart.up, i, labels + 22, i % columns === 0)),
      visualMap: colorScale(chart, right + 24, places[0]!.top),
      series: panels.map((panel, i) => heatSeries(chart, panel, i, panelWidth)),
    },
  }
}

function panelTitle({ name }: HeatPanel, { left, top }: Place) {
  return {
    text: name,
    left: left - 5,
    top: top - PANEL_TITLE,
    textStyle: { fontSize: 13, fontWeight: 'bold', color: INK },
  }
}

function colorScale(chart: HeatMap, left: number, top: number) {
  const { scale, range } = chart
  const [least, greatest] = [colorValue(chart, range.least), colorValue(chart, range.greatest)]
  return {
    type: 'continuous',
    min: least,
    // Where all values are one, the scale still needs some length.
    max: greatest > least ? greatest : least + 1,
    dimension: 2,
    calculable: false,
    orient: 'vertical',
    left,
    top,
    itemWidth: 16,
    itemHeight: PANEL_HEIGHT - 50,
    inRange: { color: [...HEAT_COLORS] },
    text: [range.greatest, range.least].map((value) =>
      chart.isLogarithmic ? ownText(value, scale.unit) : withUnit(numberText(value, scale), scale),
    ),
    textStyle: { color: SOFT_INK, fontSize: 12 },
  }
}

/** What the colour stands for. */
function colorValue({ isLogarithmic, scale }: HeatMap, mean: number): number {
  return isLogarithmic ? Math.log10(mean) : mean / scale.size
}

function heatSeries(chart: HeatMap, panel: HeatPanel, index: number, width: number) {
  const { across, up } = chart
  const texts = chart.panels.flatMap(({ cells }) => cells.map(({ mean }) => cellText(chart, mean)))
  const widest = Math.max(...texts.map(textWidth))
  const isRoomy =
    width / across.ticks.length >= widest + CELL_PADDING &&
    PANEL_HEIGHT / up.ticks.length >= CELL_HEIGHT_MIN
  return {
    type: 'heatmap',
    name: panel.name,
    xAxisIndex: index,
    yAxisIndex: index,
    silent: true,
    emphasis: { disabled: true },
    label: { show: isRoomy, fontSize: 11 },
    itemStyle: { borderColor: GROUND, borderWidth: 1 },
    data: panel.cells.map(({ x, y, mean }) => ({
      value: [x, y, colorValue(chart, mean)],
      label: {
        color: labelColor(chart, mean),
        formatter: cellText(chart, mean),
      },
    })),
  }
}

function cellText({ isLogarithmic, scale }: HeatMap, mean: number): string {
  return isLogarithmic ? ownText(mean, scale.unit) : numberText(mean, scale)
}

/** Dark letters on light cells, light ones on dark. */
function labelColor(chart: HeatMap, mean: number): string {
  const least = colorValue(chart, chart.range.least)
  const length = colorValue(chart, chart.range.greatest) - least
  return length > 0 && (colorValue(chart, mean) - least) / length > 0.45 ? ON_DARK : ON_LIGHT
}

function categoryAxis(axis: DimensionAxis, gridIndex: number, nameGap: number, isNamed: boolean) {
  return {
    type: 'category',
    gridIndex,
    data: axis.ticks.map(({ text }) => text),
    name: isNamed ? axis.title : '',
    nameLocation: 'middle',
    nameGap,
    nameTextStyle: NAME,
    axisLabel: { ...LABEL, hideOverlap: true },
    axisLine: AXIS_LINE,
    axisTick: { show: false },
    splitArea: { show: true, areaStyle: { color: [NO_VALUE] } },
  }
}
