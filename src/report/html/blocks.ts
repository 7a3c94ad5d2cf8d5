import type { Chart } from '../charts/chart.ts'
import { chartTable } from '../charts/chart-table.ts'
import { Html, html } from '../charts/escape.ts'
import { inlineSvg } from '../charts/inline.ts'
import type { Block, ChartBlock, DrawingBlock, SourceBlock, TableBlock, TextBlock } from './page.ts'

/** With more rows of a chart's table nobody wants to see them at first. */
const ROWS_OPEN_MAX = 12

/** @param svgs the documents of the page's charts. */
export function blockHtml(block: Block, svgs: ReadonlyMap<Chart, string>): Html {
  switch (block.kind) {
    case 'text':
      return textHtml(block)
    case 'table':
      return tableHtml(block)
    case 'chart':
      return chartHtml(block, svgs)
    case 'drawing':
      return drawingHtml(block)
    case 'source':
      return sourceHtml(block)
  }
}

function textHtml({ text, tone }: TextBlock): Html {
  if (tone === 'head') return html`<h3>${text}</h3>\n`
  return tone === 'bad' ? html`<p class="bad">${text}</p>\n` : html`<p>${text}</p>\n`
}

function tableHtml(block: TableBlock): Html {
  const table = tableOf(block, !block.isFolded)
  if (!block.isFolded) return table
  return html`<details><summary>${block.caption}</summary>\n${table}</details>\n`
}

function tableOf({ caption, head, rows, bad = [] }: TableBlock, hasCaption: boolean): Html {
  const kind = rows.some((row) => row.slice(1).some(isNumber)) ? 'numbers' : 'words'
  const heads = head.map((name) => html`<th scope="col">${name}</th>`)
  const lines = rows.map((row, i) => {
    const [name = '', ...cells] = row
    const mark = bad.includes(i) ? html` class="bad"` : ''
    const rest = cells.map((cell) => html`<td>${cell}</td>`)
    return html`<tr${mark}><th scope="row">${name}</th>${rest}</tr>\n`
  })
  return html`<div class="wide" tabindex="0" role="group" aria-label="${caption}"><table class="${kind}">
${hasCaption ? html`<caption>${caption}</caption>\n` : ''}<thead><tr>${heads}</tr></thead>
<tbody>
${lines}</tbody></table></div>
`
}

/** Columns of numbers are aligned right, words left. */
function isNumber(cell: string): boolean {
  return /^-?[\d.,]+( ?±[\d.,]+)?( ?[%\w/]{1,6})?$/.test(cell)
}

function chartHtml({ chart }: ChartBlock, svgs: ReadonlyMap<Chart, string>): Html {
  const { name, title, notes } = chart
  const table = chartTable(chart)
  const svg = inlineSvg(svgs.get(chart) ?? '', {
    id: idOf(name),
    title,
    description: [...notes, 'The values stand in the table below.'].join(' '),
  })
  const isOpen = table.rows.length <= ROWS_OPEN_MAX && chart.kind !== 'lines'
  const caption = `${title}: the values`
  return html`<figure id="${idOf(name)}"><div class="wide">${new Html(svg)}</div>
<details${isOpen ? html` open` : ''}><summary>The values</summary>
${tableOf({ kind: 'table', caption, ...table }, false)}</details></figure>
`
}

function drawingHtml({ name, title, description, svg }: DrawingBlock): Html {
  const inline = inlineSvg(svg, { id: idOf(name), title, description })
  return html`<figure id="${idOf(name)}"><div class="wide">${new Html(inline)}</div></figure>\n`
}

/** Names of files, which hold no other signs than these and dots. */
function idOf(name: string): string {
  return `figure-${name.replace(/[^\w-]/g, '-')}`
}

function sourceHtml({ caption, text, isOpen }: SourceBlock): Html {
  return html`<details${isOpen ? html` open` : ''}><summary>${caption}</summary>
<pre tabindex="0">${text}</pre></details>
`
}
