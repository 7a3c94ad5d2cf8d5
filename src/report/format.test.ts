import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  enumerate,
  formatCount,
  formatPacketRate,
  formatRate,
  formatShare,
  formatSize,
  formatTime,
  plural,
} from './format.ts'

describe('numbers', () => {
  it.each([
    [0, '0 b/s'],
    [999, '999 b/s'],
    [9.549e9, '9.55 Gb/s'],
    [10e9, '10 Gb/s'],
    [999_600_000, '1 Gb/s'],
    [400e12, '400 Tb/s'],
    [0.25, '0.25 b/s'],
  ])('a rate of %s is %s', (rate, text) => expect(formatRate(rate)).toBe(text))

  it.each([
    [0, '0 s'],
    [1, '1 ps'],
    [3_690_400, '3.69 us'],
    [12_345_678, '12.3 us'],
    [999_600_000, '1 ms'],
    [4.51e12, '4.51 s'],
    [9007e12, '9,010 s'],
    [-2e9, '-2 ms'],
  ])('%s ps are %s', (time, text) => expect(formatTime(time)).toBe(text))

  it.each([
    [0, '0 %'],
    [0.033, '3.3 %'],
    [0.955, '95.5 %'],
    [1, '100 %'],
    [0.99996, '99.996 %'],
    [0.9995, '99.95 %'],
    [0.00000012, '0.000012 %'],
    [1.74, '174 %'],
    [180.9, '18,100 %'],
  ])('a share of %s is %s', (share, text) => expect(formatShare(share)).toBe(text))

  it('groups thousands, and keeps one digit of a fraction', () => {
    expect([0, 999, 1000, 1234567, -1234, 12.345, 1e12].map(formatCount)).toEqual([
      '0',
      '999',
      '1,000',
      '1,234,567',
      '-1,234',
      '12.3',
      '1,000,000,000,000',
    ])
  })

  it('reads packet rates and sizes', () => {
    expect([0, 100, 853_000, 1_488_095].map(formatPacketRate)).toEqual([
      '0 pps',
      '100 pps',
      '853 kpps',
      '1.49 Mpps',
    ])
    expect([50, 1450, 1.23e9].map(formatSize)).toEqual(['50 B', '1.45 kB', '1.23 GB'])
  })

  it('is within half a per cent of the value, in a unit of one to four digits', () => {
    const sizes: Readonly<Record<string, number>> = { ps: 1, ns: 1e3, us: 1e6, ms: 1e9, s: 1e12 }
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9e15 }), (time) => {
        const [number = '', unit = ''] = formatTime(time).split(' ')
        const digits = Number(number.replaceAll(',', ''))
        expect(Math.abs(digits * sizes[unit]! - time)).toBeLessThanOrEqual(time * 0.005)
        expect(digits).toBeGreaterThanOrEqual(1)
        if (unit !== 's') expect(digits).toBeLessThan(1000)
      }),
    )
  })
})

describe('words', () => {
  it('counts things', () => {
    expect(plural(1, 'frame')).toBe('1 frame')
    expect(plural(0, 'frame')).toBe('0 frames')
    expect(plural(12_000, 'copy', 'copies')).toBe('12,000 copies')
  })

  it('enumerates', () => {
    const lists = [[], ['a'], ['a', 'b'], ['a', 'b', 'c']]
    expect(lists.map(enumerate)).toEqual(['', 'a', 'a and b', 'a, b and c'])
  })
})
