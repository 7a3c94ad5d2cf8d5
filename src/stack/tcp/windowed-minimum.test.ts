import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WindowedMinimum } from './windowed-minimum.ts'

describe('WindowedMinimum', () => {
  it('is the least so far while the window lasts', () => {
    const minimum = new WindowedMinimum(100)
    minimum.add(0, 50)
    minimum.add(10, 70)
    minimum.add(20, 40)
    minimum.add(90, 60)
    expect(minimum.value).toBe(40)
  })

  it('forgets what is older than the window', () => {
    const minimum = new WindowedMinimum(100)
    minimum.add(0, 10)
    for (let time = 10; time <= 120; time += 10) minimum.add(time, 30)
    expect(minimum.value).toBe(30)
  })

  it('is a sample of the window, and not above the latest one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 99 })), {
          minLength: 1,
        }),
        (steps) => {
          const minimum = new WindowedMinimum(100)
          const samples: [number, number][] = []
          let time = 0
          for (const [step, value] of steps) {
            time += step
            samples.push([time, value])
            minimum.add(time, value)
            const recent = samples.filter(([at]) => time - at <= 100).map(([, each]) => each)
            expect(recent).toContain(minimum.value)
            expect(minimum.value).toBeLessThanOrEqual(value)
          }
        },
      ),
      { seed: 1, numRuns: 500 },
    )
  })
})
