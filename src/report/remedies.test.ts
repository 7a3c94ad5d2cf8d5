import { describe, expect, it } from 'vitest'
import { DROP_REASONS } from '../measure/drop-reason.ts'
import { REMEDIES } from './remedies.ts'

describe('remedies', () => {
  it('has one sentence or more for every reason, and none for what is no reason', () => {
    expect(Object.keys(REMEDIES).sort()).toEqual(Object.keys(DROP_REASONS).sort())
    for (const text of Object.values(REMEDIES)) expect(text).toMatch(/^[A-Z0-9].{20,}[.?]$/)
  })

  it('does not give one text to reasons that need different ones', () => {
    const texts = Object.values(REMEDIES)
    expect(new Set(texts).size).toBe(texts.length)
  })
})
