import { describe, expect, it } from 'vitest'
import { initialWindow } from './offered-window.ts'
import { ReceiveWindow } from './receive-window.ts'

const RMEM_MAX = 33554432

describe('the first window', () => {
  it.each([
    // Read from a running 6.18: SYN and SYN-ACK, whose segments have timestamps.
    [65536, 1460, 0, 64240],
    [65536, 1448, 0, 65160],
    // Kernels before 4.20 offer 20 segments.
    [43690, 1460, 20, 29200],
    // A buffer smaller than a segment.
    [1000, 1460, 0, 1000],
  ])('of %d bytes, MSS %d, limit %d: %d', (space, mss, segments, offered) => {
    expect(initialWindow(space, mss, RMEM_MAX, segments, true).offered).toBe(offered)
  })

  it.each([
    [33554432, 10],
    [6291456, 7],
    [131072, 2],
    [32768, 0],
  ])('has for buffers up to %d the scale %d', (most, scale) => {
    expect(initialWindow(30000, 1460, most, 0, true).scale).toBe(scale)
    expect(initialWindow(30000, 1460, most, 0, false).scale).toBe(0)
  })
})

describe('ReceiveWindow', () => {
  it('learns from segments how much of the buffer is content', () => {
    const window = new ReceiveWindow(131072)
    window.offered = 65160
    window.clamp = 64088
    window.ssthresh = 64088
    expect(window.contentOf(131072)).toBe(65536)
    window.setRatio(1448, 2304)
    expect(window.clamp).toBe(81920)
    expect(window.ssthresh).toBe(65160)
    window.setRatio(100, 2304)
    expect(window.clamp).toBe(5632)
    expect(window.ssthresh).toBe(5632)
  })

  it('sizes the buffer for twice of what a round trip brings, and more while that grows', () => {
    const window = new ReceiveWindow(131072)
    window.space = 100_000
    window.grow(100_000, 0, RMEM_MAX)
    expect(window.buffer).toBe(400_000)
    window.grow(200_000, 0, RMEM_MAX)
    expect(window.buffer).toBe(2 * (400_000 + 2 * 400_000))
    window.grow(10_000_000, 0, RMEM_MAX)
    expect(window.buffer).toBe(RMEM_MAX)
  })

  it('measures the round trip by windows: the least counts', () => {
    const window = new ReceiveWindow(131072)
    window.offered = 1000
    window.measureRtt(0, 0)
    window.measureRtt(999, 50)
    expect(window.rtt8).toBe(0)
    window.measureRtt(1000, 60)
    expect(window.rtt8).toBe(480)
    window.measureRtt(2000, 160)
    expect(window.rtt8).toBe(480)
  })
})
