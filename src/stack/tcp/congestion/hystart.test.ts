import { beforeEach, describe, expect, it } from 'vitest'
import { IdealPath } from '../../../../test/tcp/ideal-path.ts'
import { MICROSECOND, MILLISECOND } from '../../../sim/units.ts'
import { INFINITE_SSTHRESH } from './congestion-control.ts'
import { HyStart } from './hystart.ts'

const RTT = 40 * MILLISECOND

describe('HyStart', () => {
  let path: IdealPath
  let hystart: HyStart

  /** ACKs of one round, `gap` apart, each with a round trip of `delay`. */
  const acks = (count: number, gap: number, delay: number): void => {
    for (let i = 0; i < count; i++) {
      path.now += gap
      path.sndUna++
      hystart.onRtt(delay, RTT)
    }
  }

  beforeEach(() => {
    path = new IdealPath(RTT)
    path.cwnd = 32
    path.sndNxt = 1000
    hystart = new HyStart(path)
    hystart.restart()
  })

  it('ends slow start when a train of ACKs is longer than half the least round trip', () => {
    acks(20, MILLISECOND, RTT)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
    acks(1, MILLISECOND, RTT)
    expect(path.ssthresh).toBe(32)
  })

  it('breaks a train at a gap of more than 2 ms', () => {
    acks(10, MILLISECOND, RTT)
    acks(1, 2 * MILLISECOND + MICROSECOND, RTT)
    // The last ACK of the train stays where the gap began.
    acks(30, MILLISECOND, RTT)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
  })

  it('allows for the time that large units take at the pacing rate', () => {
    // Four units of 64 KiB at 1 GB/s: 262 us more, of which half counts.
    path.pacingRate = 1e9
    acks(201, 100 * MICROSECOND, RTT)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
    acks(1, 100 * MICROSECOND, RTT)
    expect(path.ssthresh).toBe(32)
  })

  it('ends slow start when eight samples of a round were all late by an eighth', () => {
    acks(8, 3 * MILLISECOND, RTT + 5.1 * MILLISECOND)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
    acks(1, 3 * MILLISECOND, RTT + 5.1 * MILLISECOND)
    expect(path.ssthresh).toBe(32)
  })

  it('takes one timely sample of a round for all of it', () => {
    acks(1, 3 * MILLISECOND, RTT)
    acks(20, 3 * MILLISECOND, RTT + 20 * MILLISECOND)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
  })

  it('bounds the rise in delay by 4 and 16 ms', () => {
    const judge = (least: number, rise: number): boolean => {
      path.ssthresh = INFINITE_SSTHRESH
      hystart.restart()
      for (let i = 0; i < 9; i++) {
        path.now += 3 * MILLISECOND
        hystart.onRtt(least + rise, least)
      }
      return path.ssthresh !== INFINITE_SSTHRESH
    }
    expect(judge(MILLISECOND, 3.9 * MILLISECOND)).toBe(false)
    expect(judge(MILLISECOND, 4.1 * MILLISECOND)).toBe(true)
    expect(judge(400 * MILLISECOND, 15.9 * MILLISECOND)).toBe(false)
    expect(judge(400 * MILLISECOND, 16.1 * MILLISECOND)).toBe(true)
  })

  it('judges each round by its own samples', () => {
    acks(8, 3 * MILLISECOND, RTT + 10 * MILLISECOND)
    path.sndUna = 1001
    acks(8, 3 * MILLISECOND, RTT + 10 * MILLISECOND)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
  })

  it('lets windows below 16 grow', () => {
    path.cwnd = 15
    acks(100, MILLISECOND, 2 * RTT)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
  })

  it('speaks once, until it is started again', () => {
    acks(21, MILLISECOND, RTT)
    path.ssthresh = INFINITE_SSTHRESH
    acks(21, MILLISECOND, RTT)
    expect(path.ssthresh).toBe(INFINITE_SSTHRESH)
    hystart.restart()
    acks(21, MILLISECOND, RTT)
    expect(path.ssthresh).toBe(32)
  })
})
