import { describe, expect, it } from 'vitest'
import { ReplayWindow } from './replay-window.ts'

const take = (window: ReplayWindow, sequence: number): boolean => {
  const isNew = window.admits(sequence)
  if (isNew) window.advance(sequence)
  return isNew
}

describe('a replay window', () => {
  it('admits each number once, in any order that it can hold', () => {
    const window = new ReplayWindow(4, false)
    expect([1, 3, 2, 3, 4].map((n) => take(window, n))).toEqual([true, true, true, false, true])
    // 9 leaves room for 6 to 8.
    expect([9, 6, 5, 8, 6].map((n) => take(window, n))).toEqual([true, true, false, true, false])
    expect(take(window, 0)).toBe(false)
  })

  it('of no packets admits everything', () => {
    const window = new ReplayWindow(0, false)
    expect([7, 7, 0, 1].every((n) => take(window, n))).toBe(true)
  })

  it('forgets what has fallen out of it', () => {
    const window = new ReplayWindow(32, false)
    for (let n = 1; n <= 10_000; n++) expect(take(window, n)).toBe(true)
    for (let n = 9_969; n <= 10_000; n++) expect(take(window, n)).toBe(false)
  })

  it('with extended numbers goes on where the lower half begins anew', () => {
    const window = new ReplayWindow(256, true)
    const end = 2 ** 32
    for (const whole of [end - 3, end - 1, end + 2, end - 2, end + 1]) {
      expect(take(window, whole % end), `${whole}`).toBe(true)
    }
    for (const whole of [end - 1, end + 2]) expect(take(window, whole % end)).toBe(false)
  })
})
