import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Knee, SweepResult } from '../../study/sweep/result.ts'
import { widthOf } from '../lines.ts'
import { dimension, estimate, metric, sampleSweep } from './sample-sweep.ts'
import { sweepText } from './sweep-text.ts'

const HOSTS = dimension('containers.perHost', [8, 16, 32, 64], 'geometric')
const LINKS = dimension('fabric.links', [1, 10], 'list', 'Gbps')
const METRICS = [
  metric('goodput', 'bits/s'),
  metric('flooded', 'share'),
  metric('rtt.p99', 'ps'),
  metric('leaf1.macEntries', 'count'),
]
const SERIES = [
  { panel: null, variant: 'alpha' },
  { panel: null, variant: 'beta/long-name' },
]
const CONDITION = { metric: 'flooded', operator: '>', value: 0.01, text: 'flooded > 1%' } as const

function measure(name: string, series: number, point: readonly number[]): number {
  const last = point.at(-1)! + series
  if (name === 'goodput') return 9.4e9 / (1 + last)
  if (name === 'flooded') return last > 2 ? 0.25 : 0
  return name === 'rtt.p99' ? 5e7 * Number(`1e${last}`) : 40_000 * (last + 1)
}

function text(result: SweepResult, columns = 80, color = false): string {
  const files = ['results.csv', 'results.parquet', 'charts/goodput.svg', 'charts/flooded.svg']
  return sweepText(result, { color, columns, directory: 'out', files })
}

describe('text of a sweep', () => {
  it('shows one series with its metrics side by side, and their shapes', () => {
    const result = sampleSweep({ dimensions: [HOSTS], metrics: METRICS, seeds: 3, measure })
    expect(text(result)).toMatchInlineSnapshot(`
      "full-table
      A switch that has learned all that it can.

      varied containers.perHost: 8 to 64, 4 values, geometric
      12 runs, 3 seeds from 1: mean ±half the 95 % interval (Student's t), encap 0.1.0

      containers.perHost  goodput, Gb/s  flooded, %     rtt.p99  leaf1.macEntries
      8                       9.4 ±0.47        0 ±0  50 ±2.5 us     40,000 ±2,000
      16                      4.7 ±0.23        0 ±0  500 ±25 us     80,000 ±4,000
      32                     3.13 ±0.16        0 ±0  5 ±0.25 ms    120,000 ±6,000
      64                     2.35 ±0.12     25 ±1.2  50 ±2.5 ms    160,000 ±7,900

      goodput           █▅▃▃
      flooded           ▁▁▁█
      rtt.p99           ▃▅▆█ (logarithmic)
      leaf1.macEntries  ▃▅▆█

      Files in out:
        results.csv, results.parquet, charts/ (2 SVG)"
    `)
  })

  it('shows several series side by side, and the tipping points', () => {
    const knees = [
      {
        series: 0,
        others: [],
        against: [],
        below: { value: 2, estimate: estimate([0, 0, 0]) },
        above: { value: 3, estimate: estimate([0.01, 0.02, 0.03]) },
        runs: 9,
      },
      {
        series: 1,
        others: [],
        against: [],
        below: { value: 3, estimate: estimate([0, 0.001, 0.002]) },
        above: null,
        runs: 6,
      },
    ]
    const result = sampleSweep({
      dimensions: [HOSTS],
      series: SERIES,
      seeds: 3,
      metrics: METRICS.slice(0, 2),
      measure,
      isRun: ([host]) => host !== 1,
      search: { condition: CONDITION, knees, runs: 15 },
    })
    expect(text(result)).toMatchInlineSnapshot(`
      "full-table
      A switch that has learned all that it can.

      varied containers.perHost: 8 to 64, 4 values, geometric
      of alpha and beta/long-name
      18 of 24 runs, 3 seeds from 1: mean ±half the 95 % interval (Student's t), encap
      0.1.0

      Tipping point: the first containers.perHost with flooded > 1%
                             not yet at      holds from
      alpha                32: 0 ±0 %    64: 2 ±2.5 % *
      beta/long-name  64: 0.1 ±0.25 %            none
      15 of the 24 runs of a full sweep; the search takes for granted that the value
      is crossed once, and no run contradicts it.
      * The 95 % interval holds 1%: more --seeds narrow it.

      goodput, Gb/s
      containers.perHost       alpha  beta/long-name
      8                    9.4 ±0.47       4.7 ±0.23
      32                  3.13 ±0.16      2.35 ±0.12
      64                  2.35 ±0.12     1.88 ±0.093

      alpha           █·▃▃
      beta/long-name  ▅·▃▂

      flooded, %
      containers.perHost    alpha  beta/long-name
      8                      0 ±0            0 ±0
      32                     0 ±0         25 ±1.2
      64                  25 ±1.2         25 ±1.2

      alpha           ▁·▁█
      beta/long-name  ▁·██

      Files in out:
        results.csv, results.parquet, charts/ (2 SVG)"
    `)
  })

  it('says where a search saw that the value is crossed more than once', () => {
    const side = (value: number, mean: number) => ({ value, estimate: estimate([mean]) })
    const knee = (series: number, against: Knee['against']): Knee => {
      return { series, others: [], below: side(1, 0), above: side(2, 0.02), against, runs: 4 }
    }
    const result = sampleSweep({
      dimensions: [HOSTS],
      series: SERIES,
      metrics: METRICS.slice(1, 2),
      measure,
      search: {
        condition: CONDITION,
        knees: [knee(0, [side(0, 0.5)]), knee(1, [side(3, 0)])],
        runs: 8,
      },
    })
    const lines = text(result).replaceAll('\n', ' ')
    expect(lines).toContain('once. ! It is crossed more than once: alpha: it holds at 8 (50 %); ')
    expect(lines).toContain('beta/long-name: it does not hold at 64 (0 %). What is shown')
  })

  it('lays the dimension with the fewest values across', () => {
    const result = sampleSweep({
      dimensions: [LINKS, HOSTS],
      metrics: METRICS.slice(0, 1),
      measure: (name, series, point) => measure(name, series, point) / (2 - point[0]!),
      isRun: ([link, host]) => link === 0 || host !== 1,
    })
    expect(text(result)).toMatchInlineSnapshot(`
      "full-table
      A switch that has learned all that it can.

      varied fabric.links: 1Gbps, 10Gbps
      varied containers.perHost: 8 to 64, 4 values, geometric
      7 of 8 runs, seed 1, one replica: no intervals, encap 0.1.0

      goodput, Gb/s
      across: fabric.links
      containers.perHost  1Gbps  10Gbps
      8                     4.7     9.4
      16                   2.35       -
      32                   1.57    3.13
      64                   1.18    2.35

      Files in out:
        results.csv, results.parquet, charts/ (2 SVG)"
    `)
  })

  it('leaves out lines of a long table, and says so', () => {
    const numbers = Array.from({ length: 100 }, (_, i) => i + 1)
    const result = sampleSweep({
      dimensions: [dimension('n', numbers, 'linear')],
      metrics: METRICS.slice(0, 1),
      measure: () => 1e9,
    })
    const lines = text(result).split('\n')
    expect(lines.filter((line) => /^\d+ +1$/.test(line))).toHaveLength(32)
    expect(lines).toContain('32 of 100 lines; all runs are in results.csv.')
    expect(lines).toContain('varied n: 1 to 100, 100 values')
  })

  it('tells of expectations that failed', () => {
    const result = sampleSweep({ dimensions: [HOSTS], metrics: METRICS, measure })
    const rows = result.rows.map((row, i) => (i > 1 ? { ...row, failed: ['goodput >= 9'] } : row))
    expect(text({ ...result, rows })).toContain('Not met in 2 of 4 runs: goodput >= 9')
    expect(text(result)).not.toContain('Not met')
  })

  it('leaves out a metric that nothing measured', () => {
    const dimensions = [HOSTS]
    const result = sampleSweep({
      dimensions,
      metrics: METRICS,
      measure: (name) => (name.length > 7 ? 1 : null),
    })
    expect(text(result)).toContain('leaf1.macEntries')
    expect(text(result)).not.toContain('goodput')
  })

  it('fits a terminal of 60 columns or more, coloured or not', () => {
    const result = sampleSweep({
      dimensions: [LINKS, HOSTS],
      series: SERIES,
      seeds: 3,
      metrics: METRICS,
      measure,
    })
    for (let columns = 60; columns <= 120; columns++) {
      const plain = text(result, columns)
      expect(stripVTControlCharacters(text(result, columns, true))).toBe(plain)
      for (const line of plain.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(columns)
    }
  })
})
