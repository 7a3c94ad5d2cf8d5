import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamContent } from './stream-content.ts'

describe('StreamContent', () => {
  it('is null where nothing but zeros is known', () => {
    const content = new StreamContent()
    content.put(10, new Uint8Array([1, 2, 3]))
    expect(content.slice(0, 10)).toBe(null)
    expect(content.slice(13, 20)).toBe(null)
  })

  it('gives a part of one chunk without a copy', () => {
    const content = new StreamContent()
    const bytes = new Uint8Array([1, 2, 3, 4])
    content.put(10, bytes)
    const slice = content.slice(11, 13)!
    expect([...slice]).toEqual([2, 3])
    expect(slice.buffer).toBe(bytes.buffer)
  })

  it('gives a part of chunks that follow each other in memory without a copy, and none across a gap', () => {
    const content = new StreamContent()
    const bytes = new Uint8Array([1, 2, 3, 4, 5, 6])
    content.put(10, bytes.subarray(0, 2))
    content.put(12, bytes.subarray(2, 4))
    const slice = content.slice(11, 14)!
    expect([...slice]).toEqual([2, 3, 4])
    expect(slice.buffer).toBe(bytes.buffer)
    content.release(12)
    expect(content.slice(12, 13)!.buffer).toBe(bytes.buffer)
    content.put(15, bytes.subarray(5))
    expect([...content.slice(13, 16)!]).toEqual([4, 0, 6])
    const other = new StreamContent()
    other.put(0, bytes.subarray(0, 2))
    other.put(2, bytes.subarray(4))
    expect([...other.slice(0, 4)!]).toEqual([1, 2, 5, 6])
  })

  it('agrees with an array of bytes, however ranges overlap; the first one known stays', () => {
    const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 }))
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.nat(80), (ranges, released) => {
        const content = new StreamContent()
        const model: (number | undefined)[] = []
        ranges.forEach(([start, length], i) => {
          content.put(start, new Uint8Array(length).fill(i + 1))
          for (let at = start; at < start + length; at++) model[at] ??= i + 1
        })
        content.release(released)
        for (let from = released; from < 90; from += 7) {
          const wanted = Array.from({ length: 9 }, (_, i) => model[from + i] ?? 0)
          expect([...(content.slice(from, from + 9) ?? new Uint8Array(9))]).toEqual(wanted)
        }
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('forgets what was released', () => {
    const content = new StreamContent()
    content.put(0, new Uint8Array([1]))
    content.put(1, new Uint8Array([2]))
    content.release(2)
    expect(content.isEmpty).toBe(true)
  })
})
