import { describe, expect, it } from 'vitest'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import { RateLimiter } from './rate-limiter.ts'

describe('RateLimiter', () => {
  it('passes a burst and then its rate, whatever the spacing of the attempts', () => {
    const limiter = new RateLimiter(1000, 10)
    let passed = 0
    for (let i = 0; i < 50; i++) if (limiter.take(0)) passed++
    expect(passed).toBe(10)
    for (let time = 0; time < SECOND; time += MILLISECOND / 7) if (limiter.take(time)) passed++
    expect(passed).toBe(10 + 999)
  })

  it('saves up no more than its burst while idle', () => {
    const limiter = new RateLimiter(1000, 3)
    expect([0, 0, 0, 0].map((time) => limiter.take(time))).toEqual([true, true, true, false])
    const late = 100 * SECOND
    expect([0, 0, 0, 0].map(() => limiter.take(late))).toEqual([true, true, true, false])
    expect(limiter.take(late + MILLISECOND - 1)).toBe(false)
    expect(limiter.take(late + MILLISECOND)).toBe(true)
  })
})
