import { BarChart, CustomChart, HeatmapChart, LineChart } from 'echarts/charts'
import {
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
} from 'echarts/components'
import { type EChartsCoreOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { barOption } from './bar-option.ts'
import type { Chart } from './chart.ts'
import { visible } from './escape.ts'
import { heatOption } from './heat-option.ts'
import { lineOption } from './line-option.ts'
import { FONT, GROUND, INK } from './style.ts'
import { timelineOption } from './timeline-option.ts'

use([
  BarChart,
  CustomChart,
  GridComponent,
  HeatmapChart,
  LegendComponent,
  LineChart,
  MarkAreaComponent,
  MarkLineComponent,
  SVGRenderer,
  TitleComponent,
  VisualMapComponent,
])

/** A chart as an SVG document: the same bytes for the same chart. */
export function toSvg(chart: Chart): string {
  const { width, height, option } = optionOf(chart)
  return render(width, height, option)
}

function optionOf(chart: Chart) {
  switch (chart.kind) {
    case 'lines':
      return lineOption(chart)
    case 'heat':
      return heatOption(chart)
    case 'bars':
      return barOption(chart)
    case 'timeline':
      return timelineOption(chart)
  }
}

function render(width: number, height: number, option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: GROUND,
      textStyle: { fontFamily: FONT, color: INK },
      ...option,
    })
    return `${visible(portableText(stableIds(chart.renderToSVGString())))}\n`
  } finally {
    chart.dispose()
  }
}

/**
 * The renderer numbers charts and classes by the process, so the second chart would differ from the
 * first. The classes only tell a pointer where not to react, which a picture does not need.
 */
function stableIds(svg: string): string {
  return svg
    .replace(/<style ?><!\[CDATA\[[\s\S]*?\]\]>\s*<\/style>\n?/g, '')
    .replace(/ class="zr\d+-cls-\d+"/g, '')
    .replace(/(id="|url\(#|href="#)zr\d+-/g, '$1zr-')
}

/** Not every viewer knows this baseline; all know a shift. */
function portableText(svg: string): string {
  return svg.replaceAll(' dominant-baseline="central"', ' dy="0.35em"')
}
