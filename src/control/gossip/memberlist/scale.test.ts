import { describe, expect, it } from 'vitest'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { LAN, LOCAL, WAN } from './config.ts'
import {
  confirmationsExpected,
  confirmedTimeout,
  pushPullInterval,
  retransmitLimit,
  suspicionTimeout,
} from './scale.ts'

describe('what grows with the cluster', () => {
  it('is as the formulas with real logarithms say', () => {
    for (let n = 1; n <= 5000; n++) {
      expect(retransmitLimit(4, n)).toBe(4 * Math.ceil(Math.log10(n + 1)))
      const scale = Math.max(1, Math.floor(1000 * Math.log10(n) + 1e-9) / 1000)
      expect(suspicionTimeout(4, n, SECOND)).toBeCloseTo(4 * scale * SECOND, 0)
      const multiple = n <= 32 ? 1 : Math.ceil(Math.log2(n) - Math.log2(32)) + 1
      expect(pushPullInterval(30 * SECOND, n)).toBe(multiple * 30 * SECOND)
    }
  })

  it('gives the times of real clusters', () => {
    expect(suspicionTimeout(4, 10, SECOND)).toBe(4 * SECOND)
    expect(suspicionTimeout(4, 100, SECOND)).toBe(8 * SECOND)
    expect(suspicionTimeout(6, 1000, 5 * SECOND)).toBe(90 * SECOND)
  })

  it('expects confirmations only where there are nodes to give them', () => {
    expect([1, 2, 3, 4, 5, 100].map((n) => confirmationsExpected(LAN, n))).toEqual([
      0, 0, 0, 2, 2, 2,
    ])
    expect(confirmationsExpected(WAN, 5)).toBe(0)
    expect(confirmationsExpected(LOCAL, 3)).toBe(1)
  })

  it('cuts a suspicion by the logarithm of its confirmations', () => {
    const [least, most] = [4 * SECOND, 24 * SECOND]
    for (const expected of [1, 2, 3, 4]) {
      for (let confirmations = 0; confirmations <= expected; confirmations++) {
        const share = Math.log(confirmations + 1) / Math.log(expected + 1)
        const exact = most - share * (most - least)
        const timeout = confirmedTimeout(confirmations, expected, least, most)
        expect(timeout % MILLISECOND).toBe(0)
        expect(exact - timeout).toBeGreaterThan(-0.001 * MILLISECOND)
        expect(exact - timeout).toBeLessThan(MILLISECOND)
      }
    }
    expect(confirmedTimeout(1, 2, least, most)).toBe(11381 * MILLISECOND)
    expect(confirmedTimeout(2, 2, least, most)).toBe(least)
  })
})
