import { describe, expect, it } from 'vitest'
import { prefix } from '../../../wire/ipv4-address.ts'
import { blocksFor, fnv32 } from './block-walk.ts'

describe('fnv32', () => {
  it('is FNV-1 of 32 bits (draft-eastlake-fnv, test vectors)', () => {
    expect(fnv32('')).toBe(0x811c9dc5)
    expect(fnv32('a')).toBe(0x050c5d7e)
    expect(fnv32('foobar')).toBe(0x31f0b262)
  })
})

describe('blocksFor', () => {
  it('goes once through all blocks of a pool, from one of the host upwards', () => {
    const blocks = [...blocksFor(prefix('172.16.0.0/22'), 26, 'node-7')]
    const numbers = blocks.map((text) => (prefix(text).base - prefix('172.16.0.0/22').base) / 64)
    const [first] = numbers as [number]
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, i) => (first + i) % 16))
  })

  it('spreads hosts of similar names', () => {
    const first = (host: string) => blocksFor(prefix('172.16.0.0/16'), 26, host).next().value!
    const starts = Array.from({ length: 200 }, (_, i) => first(`h${i + 1}`))
    // Of 200 among 1024 chance leaves about 182 different ones.
    expect(new Set(starts).size).toBeGreaterThan(165)
  })
})
