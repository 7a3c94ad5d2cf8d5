import { describe, expect, it } from 'vitest'
import { IdealPath } from '../../../../test/tcp/ideal-path.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { INFINITE_SSTHRESH } from './congestion-control.ts'
import { Cubic } from './cubic.ts'

const BETA = 0.7
const C = 0.4

/** W_cubic(t) of RFC 9438, 4.2: t in seconds after a reduction from `max` to `start`. */
function curve(t: number, max: number, start: number): number {
  const k = Math.cbrt((max - start) / C)
  return C * (t - k) ** 3 + max
}

function afterLoss(rtt: number, cwnd: number, hz = 250): { path: IdealPath; cubic: Cubic } {
  const path = new IdealPath(rtt, hz)
  const cubic = new Cubic(path)
  cubic.init()
  // The first curve begins a second after the last sample that counts.
  path.now = 10 * SECOND
  path.cwnd = cwnd
  cubic.onRtt(rtt)
  path.lose(cubic)
  return { path, cubic }
}

describe('Cubic', () => {
  it('reduces to 717/1024', () => {
    const { path } = afterLoss(100 * MILLISECOND, 1000)
    expect(path.cwnd).toBe(700)
    path.cwnd = 2
    expect(new Cubic(path).ssthresh()).toBe(2)
  })

  it.each([
    [50, 1000, 250],
    [100, 1000, 250],
    [100, 1000, 1000],
    [100, 5000, 100],
    [200, 300, 250],
  ])('follows the curve: RTT %d ms, Wmax %d, HZ %d', (milliseconds, max, hz) => {
    const { path, cubic } = afterLoss(milliseconds * MILLISECOND, max, hz)
    const began = path.now
    const start = path.cwnd
    const k = Math.cbrt((max - start) / C)
    while (path.now < began + 2 * k * SECOND) {
      path.round(cubic)
      const t = (path.now - began) / SECOND
      expect(Math.abs(path.cwnd / curve(t, max, start) - 1)).toBeLessThan(0.04)
    }
    expect(path.cwnd).toBeGreaterThan(max * 1.2)
  })

  it('grows as AIMD with alpha 0.53 where that is faster (RFC 9438, 4.3)', () => {
    const { path, cubic } = afterLoss(20 * MILLISECOND, 100)
    const start = path.cwnd
    const alpha = (3 * (1 - BETA)) / (1 + BETA)
    for (let round = 1; round <= 200; round++) {
      path.round(cubic)
      if (round > 20) expect(Math.abs(path.cwnd / (start + alpha * round) - 1)).toBeLessThan(0.03)
    }
  })

  it('gives way below the last maximum (fast convergence)', () => {
    const { path, cubic } = afterLoss(100 * MILLISECOND, 1000)
    path.lose(cubic)
    // Wmax is now 700 * (1 + beta) / 2: the plateau lies there.
    const began = path.now
    const start = path.cwnd
    const max = 700 * ((1 + BETA) / 2)
    const k = Math.cbrt((max - start) / C)
    while (path.now < began + k * SECOND) path.round(cubic)
    expect(path.cwnd / max).toBeCloseTo(1, 1)
  })

  it.each([
    [100, 1e-4],
    [50, 1e-5],
  ])('has the average window of RFC 9438, 5.1 at RTT %d ms and loss %d', (ms, probability) => {
    const path = new IdealPath(ms * MILLISECOND)
    const cubic = new Cubic(path)
    cubic.init()
    let acked = 0
    let sum = 0
    let rounds = 0
    for (let losses = 0; losses < 40; ) {
      const { cwnd } = path
      path.round(cubic)
      acked += cwnd
      if (losses >= 10) {
        sum += cwnd
        rounds++
      }
      // One segment in 1/p is lost: the deterministic loss of the RFC's model.
      if (acked < 1 / probability) continue
      acked = 0
      losses++
      path.lose(cubic)
    }
    const rtt = ms / 1000
    const expected = ((C * (3 + BETA)) / (4 * (1 - BETA))) ** 0.25 * (rtt / probability) ** 0.75
    // Whole segments end the plateau's approach early, so that it lies a little above.
    expect(sum / rounds / expected).toBeGreaterThan(0.98)
    expect(sum / rounds / expected).toBeLessThan(1.15)
  })

  it('never grows by more than half in a round trip, however far the curve is ahead', () => {
    const { path, cubic } = afterLoss(100 * MILLISECOND, 100)
    path.round(cubic)
    path.now += 60 * SECOND
    path.round(cubic)
    for (let round = 0; round < 5; round++) {
      const before = path.cwnd
      path.round(cubic)
      expect(path.cwnd / before).toBeGreaterThan(1.4)
      expect(path.cwnd / before).toBeLessThanOrEqual(1.51)
    }
  })

  it('takes no delay of the first second after a loss for the path’s own', () => {
    const growth = (rounds: number, sample: number): number => {
      const { path, cubic } = afterLoss(100 * MILLISECOND, 1000)
      for (let round = 0; round < rounds; round++) path.round(cubic)
      cubic.onRtt(sample)
      for (let round = 0; round < 5; round++) path.round(cubic)
      return path.cwnd
    }
    // The curve is aimed at one least delay from now.
    expect(growth(5, MILLISECOND)).toBe(growth(5, 100 * MILLISECOND))
    expect(growth(15, MILLISECOND)).toBeLessThan(growth(15, 100 * MILLISECOND))
  })

  it('does not count time without data on the curve', () => {
    const growth = (idle: number): number => {
      const { path, cubic } = afterLoss(100 * MILLISECOND, 1000)
      for (let round = 0; round < 10; round++) path.round(cubic)
      const before = path.cwnd
      path.now += idle
      cubic.onTransmitStart()
      for (let round = 0; round < 5; round++) path.round(cubic)
      return path.cwnd - before
    }
    expect(growth(60 * SECOND)).toBe(growth(0))
  })

  it('has slow start ended by HyStart, and forgets all at a timeout', () => {
    const path = new IdealPath(40 * MILLISECOND)
    const cubic = new Cubic(path)
    cubic.init()
    // ACKs spread over the whole round trip are the train that ends it.
    for (let round = 0; round < 5; round++) path.round(cubic)
    expect(path.ssthresh).toBeLessThan(INFINITE_SSTHRESH)
    expect(path.ssthresh).toBeGreaterThanOrEqual(16)
    path.ssthresh = cubic.ssthresh()
    cubic.onLoss()
    path.cwnd = 1
    path.cwndCount = 0
    // Wmax is forgotten: from ssthresh on the window grows by one for 20 segments or faster.
    while (path.cwnd < path.ssthresh) path.round(cubic)
    const before = path.cwnd
    for (let round = 0; round < 20; round++) path.round(cubic)
    expect(path.cwnd / before).toBeGreaterThan(1.05 ** 20 * 0.8)
  })

  it('goes back to the window before a reduction that was for nothing', () => {
    const { cubic } = afterLoss(100 * MILLISECOND, 1000)
    expect(cubic.undoCwnd()).toBe(1000)
  })

  it('stands still while the application holds it back', () => {
    const { path, cubic } = afterLoss(100 * MILLISECOND, 1000)
    path.isCwndLimited = false
    for (let round = 0; round < 50; round++) path.round(cubic)
    expect(path.cwnd).toBe(700)
  })
})
