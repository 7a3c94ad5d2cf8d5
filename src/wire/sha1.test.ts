import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sha1 } from './sha1.ts'

describe('sha1', () => {
  it('is that of FIPS 180-4', () => {
    expect(sha1('abc')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d')
    expect(sha1('')).toBe('da39a3ee5e6b4b0d3255bfef95601890afd80709')
  })

  it('is what others compute, over the lengths about a block', () => {
    for (let length = 0; length < 200; length++) {
      const text = 'default.container-'.repeat(12).slice(0, length)
      expect(sha1(text)).toBe(createHash('sha1').update(text).digest('hex'))
    }
  })
})
