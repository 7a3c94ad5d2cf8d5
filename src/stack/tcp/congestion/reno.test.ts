import { beforeEach, describe, expect, it } from 'vitest'
import { IdealPath } from '../../../../test/tcp/ideal-path.ts'
import { MILLISECOND } from '../../../sim/units.ts'
import { Reno } from './reno.ts'

describe('Reno', () => {
  let path: IdealPath
  let reno: Reno

  beforeEach(() => {
    path = new IdealPath(20 * MILLISECOND)
    reno = new Reno(path)
    reno.init()
  })

  it('doubles each round trip in slow start, whatever an ACK covers', () => {
    path.round(reno)
    expect(path.cwnd).toBe(20)
    path.round(reno, 2)
    expect(path.cwnd).toBe(40)
  })

  it('goes from slow start to congestion avoidance within one ACK', () => {
    path.ssthresh = 12
    reno.congAvoid(5)
    // Two of the five reach ssthresh, three are credit of twelve.
    expect(path.cwnd).toBe(12)
    expect(path.cwndCount).toBe(3)
    reno.congAvoid(9)
    expect(path.cwnd).toBe(13)
    expect(path.cwndCount).toBe(0)
  })

  it('adds one segment a round trip in congestion avoidance', () => {
    path.ssthresh = 10
    for (let round = 1; round <= 50; round++) {
      path.round(reno)
      expect(path.cwnd).toBe(10 + round)
    }
  })

  it('halves at a loss, to no less than two', () => {
    path.cwnd = 31
    expect(reno.ssthresh()).toBe(15)
    path.cwnd = 3
    expect(reno.ssthresh()).toBe(2)
  })

  it('does not grow while the application holds it back', () => {
    path.isCwndLimited = false
    path.round(reno)
    expect(path.cwnd).toBe(10)
  })

  it('goes back to the window before a reduction that was for nothing', () => {
    path.cwnd = 40
    path.lose(reno)
    expect(path.cwnd).toBe(20)
    expect(reno.undoCwnd()).toBe(40)
    path.cwnd = 50
    expect(reno.undoCwnd()).toBe(50)
  })

  it('stays at the clamp', () => {
    const clamped = new (class extends IdealPath {
      override readonly cwndClamp: number = 25
    })(20 * MILLISECOND)
    const control = new Reno(clamped)
    for (let round = 0; round < 5; round++) clamped.round(control)
    expect(clamped.cwnd).toBe(25)
  })
})
