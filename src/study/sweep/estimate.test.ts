import { describe, expect, it } from 'vitest'
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
