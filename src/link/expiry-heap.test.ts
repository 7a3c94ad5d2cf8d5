import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExpiryHeap } from './expiry-heap.ts'

const ROWS = 200

/** Adds, removes and postpones by `steps`, beside a plain map of bounds. */
function agrees(steps: readonly (readonly [action: number, row: number, bound: number])[]): void {
  const heap = new ExpiryHeap(1)
  heap.grow(ROWS)
  const bounds = new Map<number, number>()
  for (const [action, row, bound] of steps) {
    if (action === 0 && bounds.size > 0) {
      bounds.set(heap.first, heap.nextBound + bound)
      heap.postponeFirst(heap.nextBound + bound)
    } else if (bounds.has(row)) {
      heap.remove(row)
      bounds.delete(row)
    } else {
      heap.add(row, bound)
      bounds.set(row, bound)
    }
    expect(heap.size).toBe(bounds.size)
    expect(heap.nextBound).toBe(Math.min(...bounds.values()))
    if (bounds.size > 0) expect(bounds.get(heap.first)).toBe(heap.nextBound)
  }
}

describe('ExpiryHeap', () => {
  it('knows the lowest bound through any additions, removals and postponements', () => {
    const step = fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: ROWS - 1 }),
      fc.integer({ min: 0, max: 1000 }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 600, size: 'max' }), agrees), {
      seed: 20261122,
      numRuns: process.env['ENCAP_DEEP'] ? 3000 : 100,
    })
  })
})
