import { describe, expect, it } from 'vitest'
import { NANOSECOND, SECOND } from '../../sim/units.ts'
import { httpDate, parseRfc3339, rfc3339 } from './wall-clock.ts'

const HOUR = 3600 * SECOND

describe('the wall clock', () => {
  it('starts with the year 2024 and is written as Go does', () => {
    expect(rfc3339(0)).toBe('2024-01-01T00:00:00Z')
    expect(rfc3339(1.5 * SECOND + 20 * NANOSECOND)).toBe('2024-01-01T00:00:01.50000002Z')
    expect(rfc3339(-NANOSECOND)).toBe('2023-12-31T23:59:59.999999999Z')
    expect(httpDate(59 * 24 * HOUR + 0.9 * SECOND)).toBe('Thu, 29 Feb 2024 00:00:00 GMT')
  })

  it('is read again to the nanosecond', () => {
    for (const clock of [0, 7.25 * SECOND, -3 * HOUR, 25 * HOUR + 123 * NANOSECOND]) {
      expect(parseRfc3339(rfc3339(clock))).toBe(clock)
    }
    expect(parseRfc3339('2024-01-01T02:00:00+01:00')).toBe(HOUR)
    expect(parseRfc3339('2024-13-01T00:00:00Z')).toBeNull()
    expect(parseRfc3339('yesterday')).toBeNull()
  })
})
