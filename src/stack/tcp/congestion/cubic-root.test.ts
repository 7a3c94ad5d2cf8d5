import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cubicRoot } from './cubic-root.ts'

/** 2^53 is a little above 208063^3. */
const LARGEST_ROOT = 208063

describe('cubicRoot', () => {
  it('steps at every cube up to 1000 and at cubes beyond', () => {
    for (let root = 1; root <= LARGEST_ROOT; root += root < 1000 ? 1 : 997) {
      const cube = root * root * root
      expect(cubicRoot(cube)).toBe(root)
      expect(cubicRoot(cube - 1)).toBe(root - 1)
      if (root > 1) expect(cubicRoot(cube + 1)).toBe(root)
    }
    expect(cubicRoot(LARGEST_ROOT ** 3)).toBe(LARGEST_ROOT)
  })

  it('is the whole part of the root of any whole number that a float64 holds', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const root = BigInt(cubicRoot(value))
        expect(root ** 3n <= BigInt(value)).toBe(true)
        expect((root + 1n) ** 3n > BigInt(value)).toBe(true)
      }),
      { seed: 1, numRuns: 5000 },
    )
  })

  it('is 0 of 0', () => {
    expect(cubicRoot(0)).toBe(0)
  })
})
