import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceiveMemory } from './receive-memory.ts'

const COST = 100

describe('ReceiveMemory', () => {
  it('holds the memory of a frame until its last byte is read', () => {
    const memory = new ReceiveMemory()
    for (let i = 1; i <= 200; i++) memory.push(i * 10, COST)
    memory.release(19)
    expect(memory.allocated).toBe(199 * COST)
    memory.release(2000)
    expect(memory.allocated).toBe(0)
  })

  it('joins ranges beyond a hole, and gives them out when it is filled', () => {
    const memory = new ReceiveMemory()
    memory.insert(20, 30, COST)
    memory.insert(40, 50, COST)
    memory.insert(30, 40, COST)
    expect(memory.ranges).toEqual([{ start: 20, end: 50, truesize: 3 * COST }])
    expect(memory.advance(10)).toBe(10)
    expect(memory.advance(20)).toBe(50)
    expect(memory.hasHole).toBe(false)
    expect(memory.allocated).toBe(3 * COST)
    memory.release(50)
    expect(memory.allocated).toBe(0)
  })

  it('gives up the last range when memory is short', () => {
    const memory = new ReceiveMemory()
    memory.insert(20, 30, COST)
    memory.insert(40, 50, COST)
    memory.dropLast()
    expect(memory.ranges).toEqual([{ start: 20, end: 30, truesize: COST }])
    expect(memory.allocated).toBe(COST)
  })

  it('comes to the same end in whatever order segments arrive', () => {
    const order = fc.shuffledSubarray(
      Array.from({ length: 20 }, (_, i) => i),
      { minLength: 20 },
    )
    fc.assert(
      fc.property(order, (segments) => {
        const memory = new ReceiveMemory()
        let next = 0
        for (const index of segments) {
          const start = index * 10
          if (start === next) {
            memory.push(start + 10, COST)
            next = memory.advance(start + 10)
          } else memory.insert(start, start + 10, COST)
          expect(memory.ranges.every((range) => range.start > next)).toBe(true)
        }
        expect(next).toBe(200)
        expect(memory.allocated).toBe(20 * COST)
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
