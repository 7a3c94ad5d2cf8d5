import { describe, expect, it } from 'vitest'
import { MICROSECOND } from '../sim/units.ts'
import { Moderation } from './moderation.ts'

/** Delay after a second of load in which each interrupt finds what came in since the last. */
function settled(moderation: Moderation, framesPerMicrosecond: number, bytes: number): number {
  let now = 0
  for (let i = 0; i < 1000; i++) {
    const idle = 1 / framesPerMicrosecond
    now += idle * MICROSECOND + moderation.delay
    const waiting = 1 + Math.floor((moderation.delay / MICROSECOND) * framesPerMicrosecond)
    for (let frame = 0; frame < waiting; frame++) moderation.count(bytes)
    moderation.interrupted(now)
  }
  return moderation.delay / MICROSECOND
}

describe('Moderation', () => {
  it('is short for requests and replies, longer for bulk, and not longer than a poll needs', () => {
    const of = (rate: number, bytes: number): number =>
      settled(new Moderation('adaptive'), rate, bytes)
    expect(of(0.02, 100)).toBe(2)
    expect(of(0.5, 66)).toBe(2)
    expect(of(0.8, 1514)).toBe(64)
    expect(of(2.03, 1514)).toBe(32)
    expect(of(8.1, 1514)).toBe(8)
    expect(of(14.8, 64)).toBe(8)
  })

  it('follows the load both ways', () => {
    const moderation = new Moderation('adaptive')
    expect(settled(moderation, 2, 1514)).toBe(32)
    let now = 1e15
    for (let i = 0; i < 200; i++) {
      moderation.count(100)
      moderation.interrupted((now += 50 * MICROSECOND))
    }
    expect(moderation.delay).toBe(2 * MICROSECOND)
  })

  it('stays where it was set', () => {
    const fixed = new Moderation({ usecs: 12.5, frames: 20 })
    expect(settled(fixed, 10, 1514)).toBe(12.5)
    expect(fixed.frames).toBe(20)
  })
})
