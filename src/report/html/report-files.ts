import type { Chart } from '../charts/chart.ts'
import { Html, html, visible } from '../charts/escape.ts'
import { toSvg } from '../charts/svg.ts'
import { blockHtml } from './blocks.ts'
import type { Block, Page } from './page.ts'
import { STYLE } from './style.ts'

/** A file of a report, for its folder. */
export interface ReportFile {
  /** In that folder, with `/` between folders. */
  readonly path: string
  readonly content: string
}

/** Nothing is fetched and nothing runs, whatever stands in the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/**
 * The page, complete in itself, and its charts and drawings as SVG files: the same bytes for the same
 * page.
 */
export function reportFiles(page: Page): readonly ReportFile[] {
  const blocks = page.sections.flatMap((section) => section.blocks)
  const svgs = new Map<Chart, string>()
  for (const block of blocks) if (block.kind === 'chart') svgs.set(block.chart, toSvg(block.chart))
  return [
    { path: 'index.html', content: pageHtml(page, svgs).markup },
    ...blocks.flatMap((block) => pictureOf(block, svgs)),
  ]
}

function pictureOf(block: Block, svgs: ReadonlyMap<Chart, string>): ReportFile[] {
  if (block.kind === 'chart') {
    return [{ path: `charts/${block.chart.name}.svg`, content: svgs.get(block.chart) ?? '' }]
  }
  return block.kind === 'drawing'
    ? [{ path: `charts/${block.name}.svg`, content: visible(block.svg) }]
    : []
}

function pageHtml({ title, lead, facts, sections }: Page, svgs: ReadonlyMap<Chart, string>): Html {
  const links = sections.map((section, i) => {
    return html`<li><a href="#section-${i + 1}">${section.title}</a></li>`
  })
  const bodies = sections.map((section, i) => {
    const blocks = section.blocks.map((block) => blockHtml(block, svgs))
    return html`<section id="section-${i + 1}"><h2>${section.title}</h2>\n${blocks}</section>\n`
  })
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<header><h1>${title}</h1>
${lead.map((text) => html`<p>${text}</p>\n`)}<dl>
${facts.map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl></header>
<nav aria-label="Sections"><ul>${links}</ul></nav>
<main>
${bodies}</main>
<footer>Made by encap. Every number was measured in the runs that this page tells of.</footer>
</body>
</html>
`
}
