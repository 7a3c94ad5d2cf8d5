import { describe, expect, it } from 'vitest'
import { estimate } from '../sweep/sample-sweep.ts'
import {
  commonScale,
  estimateText,
  isOpen,
  numberText,
  ownEstimateText,
  ownText,
  plainNumber,
  scaleOf,
} from './scale.ts'

describe('scales', () => {
  it.each([
    ['bits/s', [0, 9.41e9, 5e6], 'Gb/s'],
    ['bits/s', [999_999], 'kb/s'],
    ['bits/s', [], 'b/s'],
    ['packets/s', [2e12], 'Gpps'],
    ['ps', [5e10], 'ms'],
    ['ps', [5e15], 's'],
    ['bytes', [1000], 'kB'],
    ['share', [0.00001], '%'],
    ['count', [12], ''],
  ] as const)('%s of %j stand in %s', (unit, values, name) => {
    expect(scaleOf(unit, values).name).toBe(name)
  })

  it('gives up one unit for values that are too far apart', () => {
    expect(commonScale('ps', [0, 5e7, 4.9e10])?.name).toBe('ms')
    expect(commonScale('ps', [0, 5e7, 5e10])).toBeNull()
    expect(commonScale('count', [1, 1e6])?.name).toBe('')
    expect(commonScale('ps', [0, 0])?.name).toBe('ps')
  })

  it.each([
    ['count', 32_768, '32,768'],
    ['share', 0.99987, '99.987 %'],
    ['bits/s', 9.4123e9, '9.41 Gb/s'],
    ['bits/s', 5.5e15, '5,500 Tb/s'],
    ['ps', 50e6, '50 us'],
    ['ratio', 0.12345, '0.123'],
  ] as const)('%s %d reads %s', (unit, value, text) => {
    expect(ownText(value, unit)).toBe(text)
  })

  it('puts half the interval beside the mean, in the same unit', () => {
    const some = estimate([8e8, 8.1e8, 8.2e8])
    expect(estimateText(some, scaleOf('bits/s', [9e9]))).toBe('0.81 ±0.025')
    expect(ownEstimateText(some, 'bits/s')).toBe('810 ±25 Mb/s')
    expect(ownEstimateText(estimate([8e8]), 'bits/s')).toBe('800 Mb/s')
    expect(numberText(5e8, scaleOf('bits/s', [9e9]))).toBe('0.5')
    expect(plainNumber(123_456, 3)).toBe('123,000')
  })

  it('says whether the interval holds the value of a condition', () => {
    const condition = { metric: 'x', operator: '>', value: 2, text: 'x > 2' } as const
    expect(isOpen(estimate([1, 2, 3]), condition)).toBe(true)
    expect(isOpen(estimate([2.5, 2.5, 2.6]), condition)).toBe(false)
    expect(isOpen(estimate([2]), condition)).toBe(false)
  })
})
