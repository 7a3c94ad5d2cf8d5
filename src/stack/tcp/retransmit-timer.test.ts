import { describe, expect, it } from 'vitest'
import { modelTimeout } from './retransmit-timer.ts'

describe('modelTimeout', () => {
  it.each([
    // tcp_retries1, and tcp_retries2 with the 924.6 s that ip-sysctl.rst names.
    [3, 3],
    [15, 924.6],
  ])('of %d timeouts is %d s', (retries, seconds) => {
    expect(modelTimeout(retries) / 1e6).toBeCloseTo(seconds, 6)
  })
})
