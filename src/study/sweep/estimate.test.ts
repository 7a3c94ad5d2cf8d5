import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../sim/random.ts'
import { estimateOf, studentT } from './estimate.ts'

describe('estimate', () => {
  it('knows no interval from one value', () => {
    expect(estimateOf([7])).toEqual({ n: 1, mean: 7, sd: null, halfWidth: null, min: 7, max: 7 })
  })

  it('gives the t interval of a sample', () => {
    // Squares of the deviations: 0.16, 0.49, 0.36, 0.09 and 0.
    const { mean, halfWidth, n, min, max } = estimateOf([4.1, 5.2, 3.9, 4.8, 4.5])
    expect([n, min, max]).toEqual([5, 3.9, 5.2])
    expect(mean).toBeCloseTo(4.5, 12)
    expect(halfWidth).toBeCloseTo((2.7764 * Math.sqrt(1.1 / 4)) / Math.sqrt(5), 10)
  })

  it('is as narrow as can be where all are alike', () => {
    expect(estimateOf([3, 3, 3])).toMatchObject({ sd: 0, halfWidth: 0, mean: 3 })
    // (0.1 + 0.1 + 0.1) / 3 is not 0.1.
    expect(estimateOf([0.1, 0.1, 0.1])).toMatchObject({ sd: 0, halfWidth: 0, mean: 0.1 })
  })

  it('holds the true mean in 95 of 100 small samples', () => {
    const random = new RandomStreams('estimate').stream('samples')
    // Twelve uniform numbers make a normal one of deviation 1 around 6.
    const normal = () => Array.from({ length: 12 }, () => random.next()).reduce((a, b) => a + b)
    for (const n of [2, 3, 5, 10]) {
      let held = 0
      for (let i = 0; i < 4000; i++) {
        const { mean, halfWidth } = estimateOf(Array.from({ length: n }, normal))
        if (Math.abs(mean - 6) <= halfWidth!) held++
      }
      // Three deviations of 4000 trials; with the normal quantile it would be 70 % for two values.
      expect(Math.abs(held / 4000 - 0.95)).toBeLessThan(3 * Math.sqrt((0.95 * 0.05) / 4000))
    }
  })

  it('gives the interval of a textbook sample', () => {
    // NIST e-Handbook 1.3.5.2, ZARR13.DAT: n 195, mean 9.261460, sd 0.022789, half width 0.003219.
    expect((studentT(194) * 0.0227888) / Math.sqrt(195)).toBeCloseTo(0.0032187, 6)
  })

  it('joins the table of t to its expansion', () => {
    expect(studentT(1)).toBeCloseTo(12.7062, 4)
    expect(studentT(30)).toBeCloseTo(2.0423, 4)
    expect(studentT(31)).toBeCloseTo(2.0395, 4)
    expect(studentT(60)).toBeCloseTo(2.0003, 4)
    expect(studentT(120)).toBeCloseTo(1.9799, 4)
    expect(studentT(1e6)).toBeCloseTo(1.96, 4)
  })
})
