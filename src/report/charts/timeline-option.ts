import { LABEL } from './axis-option.ts'
import type { Timeline, TimelineSpan } from './chart.ts'
import { headingOption, textWidth } from './heading-option.ts'
import { scaleOf } from './scale.ts'
import { INK, NO_VALUE, ON_DARK, ON_LIGHT, SOFT_INK, SPAN_COLORS } from './style.ts'
import { valueAxis } from './value-axis.ts'

const WIDTH = 800
const NAMES_MAX = 230
const ROW = 30
const BAR = 16
const RIGHT = 40
const BOTTOM = 56
/** What has no length is still seen. */
const STROKE = 3
const LABEL_MIN = 40

interface Api {
  coord(value: readonly number[]): number[]
}

interface Params {
  readonly dataIndex: number
}

/** A row for each thing that lasted, time from left to right. */
export function timelineOption(chart: Timeline) {
  const { rows, end } = chart
  const heading = headingOption(chart.title, chart.notes, WIDTH)
  const scale = scaleOf('ps', [end])
  const axis = valueAxis({ title: 'time since the start', scale, isLogarithmic: false })
  const widest = Math.max(...rows.map(({ name }) => textWidth(name)))
  const left = Math.min(NAMES_MAX, Math.ceil(widest)) + 28
  const top = heading.height + 10
  const spans = rows.flatMap((row, index) => row.spans.map((span) => ({ ...span, index })))
  return {
    width: WIDTH,
    height: top + rows.length * ROW + BOTTOM,
    option: {
      title: heading.option,
      grid: { left, right: RIGHT, top, height: rows.length * ROW },
      xAxis: {
        ...axis,
        min: 0,
        max: end / scale.size,
        nameGap: 30,
        axisLabel: { ...axis.axisLabel, showMaxLabel: false },
      },
      yAxis: {
        type: 'category',
        inverse: true,
        data: rows.map(({ name }) => name),
        axisLine: { show: false },
        axisTick: { show: false },
        splitArea: { show: true, areaStyle: { color: [NO_VALUE, 'transparent'] } },
        axisLabel: { ...LABEL, color: INK, interval: 0, width: NAMES_MAX, overflow: 'truncate' },
      },
      series: [
        {
          type: 'custom',
          silent: true,
          data: spans.map(({ from, to, index }) => [from / scale.size, index, to / scale.size]),
          encode: { x: [0, 2], y: 1 },
          renderItem: ({ dataIndex }: Params, api: Api) => {
            const { index, ...span } = spans[dataIndex]!
            return drawnSpan(span, index, scale.size, left, api)
          },
        },
      ],
    },
  }
}

function drawnSpan(span: TimelineSpan, row: number, size: number, left: number, api: Api) {
  const [x = 0, y = 0] = api.coord([span.from / size, row])
  const [end = 0] = api.coord([span.to / size, row])
  const width = Math.max(STROKE, end - x)
  // Beside the bar where there is room for it, else inside or before it.
  const needed = textWidth(span.text) + 8
  const isRight = WIDTH - RIGHT - end >= needed
  const isInside = !isRight && width >= Math.max(LABEL_MIN, needed)
  const isLeft = !isRight && !isInside && x - left >= needed
  const at = isRight ? x + width + 6 : isInside ? x + 6 : x - 6
  return {
    type: 'group',
    children: [
      {
        type: 'rect',
        shape: { x, y: y - BAR / 2, width, height: BAR, r: 2 },
        style: { fill: SPAN_COLORS[span.kind] },
      },
      {
        type: 'text',
        style: {
          text: isRight || isInside || isLeft ? span.text : '',
          x: at,
          y,
          align: isLeft ? 'right' : 'left',
          verticalAlign: 'middle',
          fontSize: 11,
          fill: isInside ? letters(span) : SOFT_INK,
        },
      },
    ],
  }
}

function letters({ kind }: TimelineSpan): string {
  return kind === 'fault' ? ON_LIGHT : ON_DARK
}
