import { CustomChart, HeatmapChart, LineChart } from 'echarts/charts'
import {
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TitleComponent,
  VisualMapComponent,
} from 'echarts/components'
import { type EChartsCoreOption, init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Chart } from './chart.ts'
import { heatOption } from './heat-option.ts'
import { lineOption } from './line-option.ts'
import { FONT, GROUND, INK } from './style.ts'

use([
  CustomChart,
  GridComponent,
  HeatmapChart,
  LegendComponent,
  LineChart,
  MarkLineComponent,
  SVGRenderer,
  TitleComponent,
  VisualMapComponent,
])

/** A chart as an SVG document: the same bytes for the same chart. */
export function toSvg(chart: Chart): string {
  const { width, height, option } = chart.kind === 'lines' ? lineOption(chart) : heatOption(chart)
  return render(width, height, option)
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
    return `${portableText(stableIds(chart.renderToSVGString()))}\n`
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
