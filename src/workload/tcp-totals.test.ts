import { describe, expect, it } from 'vitest'
import { jain } from './tcp-totals.ts'

describe('Jain’s index', () => {
  it.each([
    [[5, 5, 5, 5], 1],
    [[10, 0, 0, 0], 0.25],
    [[1, 3], 0.8],
    [[7], 1],
  ])('of %j is %d', (shares, index) => {
    expect(jain(shares)).toBeCloseTo(index, 12)
  })

  it('of nothing is not known', () => {
    expect(jain([0, 0])).toBeNull()
    expect(jain([])).toBeNull()
  })
})
