import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../sim/random.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import { Pace, packetsWithin, phaseOf } from './pace.ts'

describe('a pace', () => {
  it('is exact after hours', () => {
    const pace = new Pace(7, 3)
    expect(pace.timeOf(0)).toBe(7)
    expect(pace.timeOf(1)).toBe(333_333_333_340)
    expect(pace.timeOf(3 * 7200)).toBe(7200 * SECOND + 7)
  })

  it('counts the packets that leave before a duration has passed', () => {
    expect(packetsWithin(SECOND, 1000)).toBe(1000)
    expect(packetsWithin(SECOND + 1, 1000)).toBe(1001)
    expect(packetsWithin(SECOND - 1, 1000)).toBe(1000)
    expect(packetsWithin(MILLISECOND, 1000)).toBe(1)
    expect(packetsWithin(SECOND, 100e6 / 11_200)).toBe(8929)
    expect(packetsWithin(0, 1000)).toBe(0)
    expect(packetsWithin(Infinity, 1000)).toBe(Infinity)
  })

  it('starts the first sender at once and the others within an interval', () => {
    const random = new RandomStreams('1').stream('pace')
    expect(phaseOf(0, 1000, random)).toBe(0)
    const phases = Array.from({ length: 100 }, (_, i) => phaseOf(i + 1, 1000, random))
    expect(phases.every((phase) => Number.isInteger(phase) && phase < MILLISECOND)).toBe(true)
    expect(new Set(phases).size).toBe(100)
  })
})
