import { describe, expect, it } from 'vitest'
import type { BarChart, Timeline } from './chart.ts'
import { chartTable } from './chart-table.ts'
import { CHART_PROPERTIES, inlineSvg } from './inline.ts'
import { scaleOf } from './scale.ts'
import { toSvg } from './svg.ts'

const BARS: BarChart = {
  kind: 'bars',
  name: 'bars',
  title: 'Bars',
  notes: ['With fill="#ffffff" in a note.'],
  categories: ['first', 'second'],
  series: [
    { name: 'one', values: [1e9, null] },
    { name: 'two', values: [2.5e9, 0] },
  ],
  axis: { title: 'rate', scale: scaleOf('bits/s', [2.5e9]), isLogarithmic: false },
  isStacked: false,
}

const TIMELINE: Timeline = {
  kind: 'timeline',
  name: 'time',
  title: 'Timeline',
  notes: [],
  end: 10e12,
  rows: [
    { name: 'cut', spans: [{ from: 2e12, to: 2e12, kind: 'fault', text: 'an instant' }] },
    { name: 'load', spans: [{ from: 2e12, to: 10e12, kind: 'outage', text: 'to the end' }] },
  ],
}

const LABEL = { id: 'figure-1', title: 'A <title>', description: 'What it shows.' }

describe('inlineSvg', () => {
  it('takes the colours of the page, and leaves text alone', () => {
    const svg = inlineSvg(toSvg(BARS), LABEL)
    expect(svg).toContain('fill="var(--chart-ink)"')
    expect(svg).toContain('fill="var(--chart-series-1)"')
    for (const color of CHART_PROPERTIES.values()) expect(svg).not.toContain(`fill="${color}"`)
    expect(svg).toContain('fill=&quot;#ffffff&quot; in a note.')
  })

  it('says what it shows, under names of its own', () => {
    const svg = inlineSvg(toSvg(TIMELINE), LABEL)
    expect(svg).toMatch(/^<svg [^>]*role="img" aria-labelledby="figure-1-title figure-1-desc">/)
    expect(svg).toContain('<title id="figure-1-title">A &lt;title&gt;</title>')
    expect(svg).not.toContain('zr-')
  })

  it('knows each colour by one name', () => {
    expect(new Set(CHART_PROPERTIES.values()).size).toBe(CHART_PROPERTIES.size)
  })
})

describe('bars and spans', () => {
  it('have lengths in proportion, and what has none is still seen', () => {
    const widths = (svg: string, color: string) =>
      [...svg.matchAll(/<path d="M([\d.]+) [\d.]+l([\d.]+) 0[^"]*"[^>]*fill="(#\w+)"/g)]
        .filter(([, , , fill]) => fill === color)
        .map(([, , width]) => Number(width))
    const bars = toSvg(BARS)
    const [one] = widths(bars, '#0072b2')
    const [two] = widths(bars, '#d55e00')
    expect(two! / one!).toBeCloseTo(2.5, 1)
    const spans = toSvg(TIMELINE)
    expect(spans).toContain('an instant')
    expect(spans).toContain('#e69f01')
  })

  it('stand in a table as well', () => {
    expect(chartTable(BARS)).toEqual({
      head: ['', 'one', 'two'],
      rows: [
        ['first', '1 Gb/s', '2.5 Gb/s'],
        ['second', '-', '0'],
      ],
    })
    expect(chartTable(TIMELINE).rows).toEqual([
      ['cut', 'an instant', '2 s', '2 s'],
      ['load', 'to the end', '2 s', '10 s'],
    ])
  })
})
