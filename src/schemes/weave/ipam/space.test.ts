import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import type { AddressRange } from './address-range.ts'
import { Space } from './space.ts'

const ALL: AddressRange = { start: 0, end: 64 }

function spaceOf(...ranges: [number, number][]): Space {
  const space = new Space()
  space.update(ranges.map(([start, end]) => ({ start, end })))
  return space
}

describe('a space', () => {
  it('gives the lowest free address, and again what was released', () => {
    const space = spaceOf([8, 12], [32, 34])
    expect([1, 2, 3].map(() => space.allocate(ALL))).toEqual([8, 9, 10])
    space.release(9)
    expect(space.allocate(ALL)).toBe(9)
    expect(space.allocate({ start: 20, end: 64 })).toBe(32)
    expect(space.claim(33)).toBe(true)
    expect(space.claim(33)).toBe(false)
    expect(space.claim(50)).toBe(false)
    expect(space.totalFree).toBe(1)
  })

  it('donates the biggest block, at most half of what is free: of one block the upper half', () => {
    expect(spaceOf([0, 64]).donate(ALL)).toEqual({ start: 32, end: 64 })
    expect(spaceOf([0, 8], [16, 32], [40, 64]).donate(ALL)).toEqual({ start: 48, end: 64 })
    expect(spaceOf([7, 8]).donate(ALL)).toEqual({ start: 7, end: 8 })
    expect(spaceOf([0, 64]).donate({ start: 5, end: 6 })).toEqual({ start: 5, end: 6 })
    expect(new Space().donate(ALL)).toBeNull()
  })

  it('follows the ring: takes in what it got, gives up what it lost', () => {
    const space = spaceOf([0, 16])
    space.allocate(ALL)
    space.update([
      { start: 0, end: 8 },
      { start: 32, end: 40 },
    ])
    expect(space.owned()).toEqual([
      { start: 0, end: 8 },
      { start: 32, end: 40 },
    ])
    expect(space.totalFree).toBe(15)
    space.clear()
    expect(space.owned()).toEqual([])
  })

  it('is a set of addresses, whatever is done to it', () => {
    const random = new RandomStreams('1').stream('space')
    const space = spaceOf([0, 64])
    const free = new Set(Array.from({ length: 64 }, (_, i) => i))
    const taken = new Set<number>()
    for (let step = 0; step < 2000; step++) {
      const start = random.integer(0, 63)
      const end = random.integer(start + 1, 64)
      const act = random.integer(0, 3)
      if (act === 0) {
        const lowest = [...free].filter((i) => i >= start && i < end).sort((a, b) => a - b)[0]
        expect(space.allocate({ start, end })).toBe(lowest ?? null)
        if (lowest !== undefined && free.delete(lowest)) taken.add(lowest)
      } else if (act === 1) {
        space.release(start)
        if (taken.delete(start)) free.add(start)
      } else if (act === 2 && free.size > 16) {
        const before = [...free].filter((i) => i >= start && i < end).length
        const chunk = space.donate({ start, end })
        if (chunk === null) expect(before).toBe(0)
        else {
          expect(chunk.end - chunk.start).toBeLessThanOrEqual(Math.ceil(before / 2))
          for (let i = chunk.start; i < chunk.end; i++) expect(free.delete(i)).toBe(true)
        }
      } else if (act === 3 && free.size <= 16) {
        space.update([ALL])
        for (let i = 0; i < 64; i++) if (!taken.has(i)) free.add(i)
      }
      expect(space.totalFree).toBe(free.size)
    }
  })
})
