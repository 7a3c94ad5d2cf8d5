import { describe, expect, it } from 'vitest'
import { OutageMeter, outageResult } from './outage.ts'

/** Packets are sent at 0, 10, 20 ... @param arrived numbers of those that arrived, in that order. */
function meter(count: number, arrived: readonly number[]) {
  const meter = new OutageMeter()
  for (let i = 0; i < count; i++) meter.sent(i * 10)
  for (const number of arrived) meter.arrived(number * 10)
  return meter.result((count - 1) * 10)
}

describe('the longest outage', () => {
  it('lies between the sendings of two packets that arrived', () => {
    expect(meter(10, [0, 1, 2, 6, 7, 9])).toEqual({ from: 20, to: 60 })
  })

  it('may be at the beginning, or last to the end', () => {
    expect(meter(6, [4, 5])).toEqual({ from: 0, to: 40 })
    expect(meter(6, [0, 1])).toEqual({ from: 10, to: null })
    expect(meter(3, [])).toEqual({ from: 0, to: null })
    expect(meter(0, [])).toBeNull()
  })

  it('is no longer for what arrives late', () => {
    expect(meter(5, [0, 4, 3, 2, 1])).toEqual({ from: 0, to: 40 })
    expect(meter(4, [1, 0, 2, 3])).toEqual({ from: 0, to: 10 })
  })

  it('of several senders is that of the one who had the longest', () => {
    const [a, b] = [meter(10, [0, 5, 9]), meter(10, [0, 1, 2])]
    const senders = [a, null, b].map((outage) => ({ outage, lastSentAt: 90 }))
    expect(outageResult(senders)).toEqual({ stall: 70, outage: { from: 20, to: null } })
    expect(outageResult([])).toEqual({ stall: 0, outage: null })
  })
})
