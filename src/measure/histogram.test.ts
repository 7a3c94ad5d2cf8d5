import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../sim/random.ts'
import { Histogram } from './histogram.ts'

const PERCENTAGES = [0, 0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100]

/** Values spread evenly over all magnitudes from a picosecond to 2^50 ps. */
function draw(name: string, count: number): number[] {
  const random = new RandomStreams('histogram').stream(name)
  return Array.from({ length: count }, () =>
    Math.floor(2 ** random.integer(0, 49) * (1 + random.next())),
  )
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram()
  for (const value of values) histogram.record(value)
  return histogram
}

function exactPercentile(sorted: readonly number[], p: number): number {
  return sorted[Math.max(0, Math.ceil((p * sorted.length) / 100) - 1)]!
}

describe('Histogram', () => {
  it('gives percentiles within 0.4 % of the exact ones', () => {
    for (const count of [1, 2, 10, 999, 20_000]) {
      const values = draw(`exact/${count}`, count)
      const histogram = histogramOf(values)
      values.sort((a, b) => a - b)
      for (const p of PERCENTAGES) {
        const exact = exactPercentile(values, p)
        expect(Math.abs(histogram.percentile(p) - exact)).toBeLessThanOrEqual(0.004 * exact)
      }
      expect([histogram.min, histogram.max]).toEqual([values[0], values.at(-1)])
      expect([histogram.percentile(0), histogram.percentile(100)]).toEqual([
        values[0],
        values.at(-1),
      ])
    }
  })

  it('is exact below 128 and puts each edge of a bucket where it belongs', () => {
    const small = histogramOf(Array.from({ length: 128 }, (_, i) => i))
    for (let i = 1; i <= 128; i++) expect(small.percentile((i / 128) * 100)).toBe(i - 1)
    for (let bits = 7; bits < 52; bits++) {
      for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        const three = histogramOf([0, value, 2 ** 52 - 1])
        const middle = three.percentile(50)
        expect(Math.abs(middle - value)).toBeLessThanOrEqual(value / 256)
      }
    }
  })

  it('keeps an exact mean beyond 2^53', () => {
    const values = draw('mean', 20_000)
    const sum = values.reduce((total, value) => total + BigInt(value), 0n)
    const mean = histogramOf([...values, ...values]).mean
    expect(Math.abs(mean / Number(sum / BigInt(values.length)) - 1)).toBeLessThan(1e-12)
    expect(histogramOf(Array(4096).fill(2 ** 52 - 1)).mean).toBe(2 ** 52 - 1)
  })

  it('merges to what one histogram of all values would be, in any order', () => {
    const [a, b, c] = [draw('a', 500), draw('b', 700), draw('c', 3)]
    const whole = histogramOf([...a, ...b, ...c])
    const left = histogramOf(a)
    left.merge(histogramOf(b))
    left.merge(histogramOf(c))
    left.merge(new Histogram())
    const right = histogramOf(c)
    right.merge(histogramOf(b))
    right.merge(histogramOf(a))
    expect(left).toEqual(whole)
    expect(right).toEqual(whole)
  })

  it('is not a number while empty, and refuses what is no duration', () => {
    const empty = new Histogram()
    const readings = [empty.min, empty.max, empty.mean, empty.percentile(50)]
    expect(readings).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN])
    for (const value of [-1, 2 ** 52, Number.NaN, Infinity]) {
      expect(() => empty.record(value)).toThrow(RangeError)
    }
    expect(() => empty.percentile(101)).toThrow(RangeError)
    expect(empty.count).toBe(0)
  })
})
