import { expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { EventSet } from './event-set.ts'

it('has what was added and not deleted since', () => {
  const random = new RandomStreams('events').stream('numbers')
  const events = new EventSet()
  const expected = new Set([500])
  events.add(500)
  for (let i = 0; i < 5000; i++) {
    const number = random.integer(500, 3000)
    if (random.integer(0, 9) < 3) {
      events.delete(number)
      expected.delete(number)
    } else {
      events.add(number)
      expected.add(number)
    }
  }
  for (let number = 0; number < 4000; number++) {
    expect(events.has(number), `${number}`).toBe(expected.has(number))
  }
})

it('keeps none that is older than its first, or a million younger', () => {
  const events = new EventSet()
  expect(events.has(7)).toBe(false)
  for (const number of [7, 6, 7 + 2 ** 20]) events.add(number)
  expect([6, 7, 7 + 2 ** 20].map((number) => events.has(number))).toEqual([false, true, false])
  events.delete(6)
  events.delete(7 + 2 ** 20)
  expect(events.has(7)).toBe(true)
})
