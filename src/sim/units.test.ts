import { describe, expect, it } from 'vitest'
import { formatDuration, MILLISECOND, picosecondsPerByte, SECOND } from './units.ts'

describe('formatDuration', () => {
  it('takes the largest unit of which there is one, after rounding', () => {
    expect(formatDuration(1.5 * MILLISECOND)).toBe('1.5 ms')
    expect(formatDuration(300 * SECOND)).toBe('300 s')
    expect(formatDuration(999.97 * MILLISECOND)).toBe('1 s')
    expect(formatDuration(999.94 * MILLISECOND)).toBe('999.9 ms')
    expect(formatDuration(67_200)).toBe('67.2 ns')
    expect(formatDuration(800)).toBe('800 ps')
    expect(formatDuration(0)).toBe('0 ps')
  })
})

describe('picosecondsPerByte', () => {
  it('is whole at every Ethernet rate', () => {
    for (const gigabits of [0.01, 0.1, 1, 2.5, 5, 10, 25, 40, 50, 100, 200, 400]) {
      expect(Number.isInteger(picosecondsPerByte(gigabits * 1e9))).toBe(true)
    }
  })
})
