import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DUPLICATE, IN_ORDER, REORDERED, SequenceTracker } from './sequence-tracker.ts'

it('takes what is overtaken as reordered, once', () => {
  const tracker = new SequenceTracker()
  const arrivals = [0, 1, 3, 2, 2, 3, 200, 63, 64, 64, 201].map((n) => tracker.record(n))
  expect(arrivals).toEqual([
    IN_ORDER,
    IN_ORDER,
    IN_ORDER,
    REORDERED,
    DUPLICATE,
    DUPLICATE,
    IN_ORDER,
    REORDERED,
    REORDERED,
    DUPLICATE,
    IN_ORDER,
  ])
})

it('agrees with a set and a maximum', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { maxLength: 300 }), (sequences) => {
      const tracker = new SequenceTracker()
      const seen = new Set<number>()
      let highest = -1
      for (const sequence of sequences) {
        const expected = seen.has(sequence) ? DUPLICATE : sequence < highest ? REORDERED : IN_ORDER
        expect(tracker.record(sequence)).toBe(expected)
        seen.add(sequence)
        highest = Math.max(highest, sequence)
      }
    }),
    { seed: 1 },
  )
})
