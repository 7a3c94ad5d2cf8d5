import { beforeEach, describe, expect, it } from 'vitest'
import { Prr } from './prr.ts'

/** A sender in recovery that sends whenever the window lets it. */
class Recovery {
  readonly prr = new Prr()
  inFlight: number
  /** What each ACK let go. */
  readonly sent: number[] = []

  constructor(cwnd: number, ssthresh: number, inFlight: number) {
    this.inFlight = inFlight
    this.prr.start(cwnd, ssthresh)
  }

  /** A duplicate ACK with SACK for one more segment. */
  sack(newlyLost = 0): void {
    this.ack(1, newlyLost, false)
  }

  ack(
    delivered: number,
    newlyLost: number,
    isUnaAdvanced: boolean,
    stillInFlight = delivered,
  ): void {
    this.inFlight -= stillInFlight + newlyLost
    const cwnd = this.prr.onAck(delivered, newlyLost, this.inFlight, isUnaAdvanced)
    const count = Math.max(cwnd - this.inFlight, 0)
    this.prr.onSent(count)
    this.inFlight += count
    this.sent.push(count)
  }
}

describe('Prr', () => {
  it('sends one segment for two ACKs on the way from 20 to 10 (RFC 6937 section 4, first figure)', () => {
    // Segment 0 of 20 is lost, 19 are in flight and come back as SACKs.
    const recovery = new Recovery(20, 10, 19)
    for (let i = 0; i < 19; i++) recovery.sack()
    const total = recovery.sent.reduce((sum, count) => sum + count)
    expect(recovery.sent.slice(0, 6)).toEqual([1, 0, 1, 0, 1, 0])
    expect(total).toBe(10)
    expect(recovery.inFlight).toBe(10)
  })

  it('sends what is delivered when a burst of losses left less in flight than ssthresh', () => {
    // Fifteen of 20 are lost: the five others come back, and one segment leaves for each.
    const recovery = new Recovery(20, 10, 5)
    for (let i = 0; i < 5; i++) recovery.sack()
    expect(recovery.sent).toEqual([1, 1, 1, 1, 1])
    expect(recovery.inFlight).toBe(5)
  })

  describe('below ssthresh', () => {
    let recovery: Recovery

    beforeEach(() => {
      recovery = new Recovery(20, 10, 4)
      recovery.sack()
    })

    it('grows as slow start while the cumulative acknowledgement advances', () => {
      recovery.ack(1, 0, true)
      recovery.ack(1, 0, true)
      expect(recovery.sent.slice(1)).toEqual([2, 2])
      expect(recovery.inFlight).toBe(6)
    })

    it('only conserves while more losses are found', () => {
      recovery.ack(1, 1, true)
      expect(recovery.sent[1]).toBe(1)
      expect(recovery.inFlight).toBe(3)
    })

    it('does not pass ssthresh, however much one ACK delivers', () => {
      recovery.ack(30, 0, true, 3)
      expect(recovery.inFlight).toBe(10)
    })
  })

  it('sends the fast retransmission on the first ACK even when the window is far over', () => {
    const recovery = new Recovery(100, 50, 99)
    recovery.sack()
    expect(recovery.sent).toEqual([1])
    recovery.sack()
    expect(recovery.sent).toEqual([1, 0])
  })

  it('leaves the window alone on an ACK that delivers nothing', () => {
    const prr = new Prr()
    prr.start(20, 10)
    expect(prr.onAck(0, 3, 12, false)).toBe(-1)
  })

  it('counts anew with each reduction', () => {
    const prr = new Prr()
    prr.start(20, 10)
    prr.onSent(8)
    prr.start(10, 5)
    expect(prr.onAck(1, 0, 9, false)).toBe(10)
  })

  it('refuses a window of nothing', () => {
    expect(() => new Prr().start(0, 2)).toThrow(RangeError)
  })
})
