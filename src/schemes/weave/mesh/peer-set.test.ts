import { expect, it } from 'vitest'
import { PeerSet } from './peer-set.ts'

it('has each peer once, in the order in which they came', () => {
  const some = new PeerSet()
  for (const index of [7, 0, 300, 7]) some.add(index)
  const others = new PeerSet(4)
  for (const index of [2, 0, 9]) others.add(index)
  some.addAll(others)
  expect(some.indexes).toEqual([7, 0, 300, 2, 9])
  expect(some.size).toBe(5)
  expect(others.indexes).toEqual([2, 0, 9])
})
