import { describe, expect, it } from 'vitest'
import type { KneeSide, SweepResult } from '../../study/sweep/result.ts'
import { toSvg } from '../charts/svg.ts'
import { chartsOf } from './charts.ts'
import { dimension, estimate, metric, sampleSweep } from './sample-sweep.ts'
import { sweepFiles } from './sweep-files.ts'

const HOSTS = dimension('containers.perHost', [8, 16, 32, 64], 'geometric')
const LINKS = dimension('fabric.links', [1, 10], 'list', 'Gbps')
const METRICS = [metric('goodput', 'bits/s', 'Payload <that> arrived.'), metric('rtt.p99', 'ps')]
const CONDITION = { metric: 'rtt.p99', operator: '>', value: 1e9, text: 'rtt.p99 > 1ms' } as const

/** Goodput falls and latency rises by decades along the last dimension. */
function measure(name: string, series: number, point: readonly number[]): number {
  const last = point.at(-1)!
  return name === 'goodput' ? 9e9 / (1 + last * (series + 1)) : 1e7 * Number(`1e${last * 2}`)
}

const SERIES = [
  { panel: null, variant: 'first' },
  { panel: null, variant: 'second & last' },
]

function lines(seeds = 3): SweepResult {
  return sampleSweep({ dimensions: [HOSTS], series: SERIES, seeds, metrics: METRICS, measure })
}

function heat(): SweepResult {
  return sampleSweep({
    dimensions: [dimension('hosts', [2, 4]), LINKS, HOSTS],
    series: SERIES,
    metrics: METRICS,
    measure,
    isRun: (point) => point.at(-1) !== 2,
  })
}

const side = (value: number): KneeSide => ({ value, estimate: estimate([1e9]) })

/** Texts of a picture, in the order in which they stand in it. */
function texts(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!)
}

function picture(result: SweepResult, name: string): string {
  const chart = chartsOf(result).find((each) => each.name === name)
  if (chart === undefined) throw new Error(`no chart ${name}`)
  return toSvg(chart)
}

/** Elements open and close in order, and attributes are quoted: what an XML parser asks for. */
function expectWellFormed(svg: string): void {
  const open: string[] = []
  const tag = /<(\/?)([\w:]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g
  for (const [, closes, name, , isEmpty] of svg.matchAll(tag)) {
    if (closes === '/') expect(open.pop()).toBe(name)
    else if (isEmpty !== '/') open.push(name!)
  }
  expect(open).toEqual([])
  expect(svg.replace(tag, '')).not.toMatch(/[<>]/)
}

describe('charts', () => {
  it('draws a line and a band for each series, the values of the plan on the axis', () => {
    const svg = picture(lines(), 'goodput')
    expectWellFormed(svg)
    for (const text of ['8', '16', '32', '64', 'first', 'second &amp; last', 'goodput, Gb/s']) {
      expect(texts(svg)).toContain(text)
    }
    expect(texts(svg)).toContain('Payload &lt;that&gt; arrived.')
    expect(svg.match(/fill-opacity="0.18"/g)).toHaveLength(2)
    expect(picture(lines(1), 'goodput')).not.toContain('fill-opacity="0.18"')
  })

  it('places a geometric range at equal distances and far values on decades', () => {
    const svg = picture(lines(1), 'rtt.p99')
    const places = ['8', '16', '32', '64'].map((text) => {
      const match = svg.match(new RegExp(`translate\\(([\\d.]+) [\\d.]+\\)"[^>]*>${text}<`))
      return Number(match?.[1])
    })
    const steps = places.slice(1).map((place, i) => place - places[i]!)
    expect(Math.max(...steps) - Math.min(...steps)).toBeLessThan(2)
    for (const text of ['10 us', '1 ms', '100 ms']) expect(texts(svg)).toContain(text)
  })

  it('keeps the axis of values at the left where one lies within a logarithmic axis', () => {
    const fractions = sampleSweep({
      dimensions: [{ ...dimension('loss', [0.25, 0.5, 1, 2]), spacing: 'geometric' }],
      metrics: METRICS.slice(0, 1),
      measure,
    })
    const svg = picture(fractions, 'goodput')
    const ticks = ['0.25', '0.5', '1', '2'].map((text) => texts(svg).includes(text))
    expect(ticks).toEqual([true, true, true, true])
    // The line of the axis is longer than its ticks: from the top of the plot to its foot.
    const long = [...svg.matchAll(/<path d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/g)].filter(
      ([, x, y, x2, y2]) => x === x2 && Math.abs(Number(y) - Number(y2)) > 300,
    )
    expect(long.map(([, x]) => Number(x) < 90)).toEqual([true])
  })

  it('draws no band below none or above all', () => {
    const result = sampleSweep({
      dimensions: [HOSTS],
      seeds: 3,
      metrics: METRICS,
      measure,
      spread: 0.9,
    })
    const least = (name: string) => {
      const numbers = texts(picture(result, name)).filter((text) => /^-/.test(text))
      return numbers
    }
    expect(least('goodput')).toEqual([])
  })

  it('marks the value asked for, and where it begins to hold', () => {
    const knees = [{ series: 0, others: [], against: [], below: side(0), above: side(1), runs: 3 }]
    const result = { ...lines(), search: { condition: CONDITION, knees, runs: 6 } }
    const svg = picture(result, 'rtt.p99')
    expect(texts(svg)).toContain('rtt.p99 &gt; 1ms')
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(2)
    expect(texts(picture(result, 'goodput'))).not.toContain('rtt.p99 &gt; 1ms')
  })

  it('draws a heat map for each series and choice of the other dimensions', () => {
    const svg = picture(heat(), 'goodput')
    expectWellFormed(svg)
    for (const name of ['first, hosts 2', 'first, hosts 4', 'second &amp; last, hosts 4']) {
      expect(texts(svg)).toContain(name)
    }
    // Three of four places in two rows of each map were run, and tell their value.
    const values = texts(svg).filter((text) => /^[\d.]+$/.test(text))
    expect(values.filter((text) => text === '9')).toHaveLength(8)
    expect(values.filter((text) => text === '4.5')).toHaveLength(4)
  })

  it('goes on in a second picture when there are many maps', () => {
    const many = sampleSweep({
      dimensions: [dimension('hosts', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), LINKS, HOSTS],
      metrics: METRICS.slice(0, 1),
      measure,
    })
    expect(chartsOf(many).map(({ name }) => name)).toEqual(['goodput', 'goodput-2'])
    expect(texts(picture(many, 'goodput-2'))).toContain('hosts 10')
  })

  it('draws the tipping point over the last dimension but one', () => {
    const knees = [0, 1].flatMap((series) => [
      { series, others: [0, 1], against: [], below: null, above: side(2), runs: 3 },
      { series, others: [0, 0], against: [], below: side(0), above: side(1), runs: 3 },
      { series, others: [1, 0], against: [], below: side(3), above: null, runs: 3 },
    ])
    const result = { ...heat(), search: { condition: CONDITION, knees, runs: 18 } }
    const [chart] = chartsOf(result)
    expect(chart?.name).toBe('tipping-point')
    expect(chart?.kind === 'lines' && chart.lines).toEqual(
      SERIES.map(({ variant }) => ({
        name: `${variant}, hosts 2`,
        marks: [
          { at: 0, mean: 16, halfWidth: null },
          { at: 1, mean: 32, halfWidth: null },
        ],
        knee: null,
      })),
    )
    expectWellFormed(toSvg(chart!))
  })

  it('writes the same bytes whatever was drawn before', async () => {
    const paths = (await sweepFiles(heat())).map(({ path }) => path)
    expect(paths).toEqual([
      'results.csv',
      'results.parquet',
      'charts/goodput.svg',
      'charts/rtt.p99.svg',
    ])
    const first = await sweepFiles(lines())
    await sweepFiles(heat())
    expect(await sweepFiles(structuredClone(lines()))).toEqual(first)
  })
})
