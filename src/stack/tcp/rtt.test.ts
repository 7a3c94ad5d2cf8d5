import { describe, expect, it } from 'vitest'
import { RTO_INITIAL, RTO_MAX } from './constants.ts'
import { RttEstimator } from './rtt.ts'

const JIFFY = 4000

describe('RttEstimator', () => {
  it('knows nothing before the first sample', () => {
    const rtt = new RttEstimator(JIFFY)
    expect(rtt.rto).toBe(RTO_INITIAL)
    expect(rtt.min).toBe(Infinity)
  })

  it('takes the first sample, with the least variation of 200 ms', () => {
    const rtt = new RttEstimator(JIFFY)
    rtt.sample(20_000, 0, 1)
    expect(rtt.srtt).toBe(20_000)
    expect(rtt.rto).toBe(220_000)
  })

  it('waits in whole jiffies', () => {
    const rtt = new RttEstimator(JIFFY)
    rtt.sample(1, 0, 1)
    expect(rtt.rto).toBe(204_000)
  })

  it('smooths by an eighth', () => {
    const rtt = new RttEstimator(JIFFY)
    rtt.sample(100_000, 0, 1)
    rtt.sample(180_000, 0, 1)
    expect(rtt.srtt).toBe(110_000)
  })

  it('follows deviation: four times it, once it exceeds the least', () => {
    const rtt = new RttEstimator(JIFFY)
    let next = 0
    rtt.sample(500_000, next, next + 1)
    for (let i = 0; i < 200; i++) {
      next += 10
      rtt.sample(i % 2 === 0 ? 300_000 : 700_000, next, next + 10)
    }
    // Deviation about 200 ms on either side of 500 ms.
    expect(rtt.rto).toBeGreaterThan(1_100_000)
    expect(rtt.rto).toBeLessThan(1_500_000)
  })

  it('lets the variation fall only once a round trip', () => {
    const rtt = new RttEstimator(JIFFY)
    rtt.sample(800_000, 0, 100)
    const { rttvar } = rtt
    for (let i = 0; i < 50; i++) rtt.sample(800_000, 100, 200)
    expect(rtt.rttvar).toBe(rttvar)
    rtt.sample(800_000, 101, 200)
    rtt.sample(800_000, 201, 300)
    expect(rtt.rttvar).toBeLessThan(rttvar)
  })

  it('never waits longer than two minutes', () => {
    const rtt = new RttEstimator(JIFFY)
    rtt.sample(100_000_000, 0, 1)
    expect(rtt.rto).toBe(RTO_MAX)
  })
})
