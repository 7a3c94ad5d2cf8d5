import { describe, expect, it } from 'vitest'
import { Formula, formulaOf, type Size } from './footprint-formula.ts'

const SIZES: readonly Size[] = [
  [2, 1],
  [2, 2],
  [2, 3],
  [3, 2],
  [4, 1],
  [4, 3],
].map(([hosts, perHost]) => ({ hosts: hosts!, perHost: perHost! }))

const countsOf = (count: (hosts: number, perHost: number) => number) =>
  SIZES.map((size) => ({ size, count: count(size.hosts, size.perHost) }))

describe('formulas of counts', () => {
  it.each([
    ['0', () => 0],
    ['3', () => 3],
    ['H + 1', (h: number) => h + 1],
    ['C', (h: number, k: number) => h * k],
    ['2C + 2k + H + 2', (h: number, k: number) => 2 * h * k + 2 * k + h + 2],
    ['kC + H - k - 1', (h: number, k: number) => h * k * k + h - k - 1],
    ['k^2 + k + H + 3', (h: number, k: number) => k * k + k + h + 3],
  ])('%s is found, written, read and computed', (text, count) => {
    const formula = formulaOf(countsOf(count))!
    expect(formula.toString()).toBe(text)
    const read = Formula.parse(text)!
    expect(read.at({ hosts: 7, perHost: 5 })).toBe(count(7, 5))
  })

  it('are none where one count is off, or nothing simple says them', () => {
    const counts = countsOf((h) => h + 1)
    const spoiled = counts.map((each, i) => (i === 3 ? { ...each, count: each.count + 1 } : each))
    expect(formulaOf(spoiled)).toBeNull()
    expect(formulaOf(countsOf((h, k) => (h - 1) ** 3 * k))).toBeNull()
  })

  it('are not read from other words', () => {
    expect(Formula.parse('7..19, no rule')).toBeNull()
    expect(Formula.parse('')).toBeNull()
  })
})
