import { expect, it } from 'vitest'
import { NANOSECOND, SECOND } from '../../../sim/units.ts'
import { expirationAfter, MIN_EXPIRATION, ttlOf } from './expiration.ts'

it('rounds what is left up, and what is past towards zero', () => {
  const left = (expiration: number) => ttlOf(expiration, 0)
  expect([2 * SECOND, 1.000000001 * SECOND, NANOSECOND, 0].map(left)).toEqual([2, 2, 1, 0])
  expect([-0.3 * SECOND, -1.3 * SECOND].map(left)).toEqual([0, -1])
})

it('finds a TTL of sixty seconds to be sixty seconds, at any time', () => {
  // A day in, a float of picoseconds is good to 16 of them.
  for (let now = 0.1; now < 2 * 86_400 * SECOND; now = now * 1.7 + 12_345_677) {
    expect(ttlOf(expirationAfter('60', now), now)).toBe(60)
  }
})

it('wraps beyond 292 years, as 64 bits of nanoseconds do', () => {
  expect(expirationAfter('7000000000', 0)).toBe(7e9 * SECOND)
  expect(expirationAfter('9223372037', 0)).toBeLessThan(MIN_EXPIRATION)
  expect(expirationAfter('18446744073709551615', 5 * SECOND)).toBe(4 * SECOND)
})
