import { describe, expect, it } from 'vitest'
import { BitSequence } from './bit-sequence.ts'

/** What real daemons wrote, step by step. */
const SUBNET = [
  { bits: [], text: 'AAAAAAAAAQAAAAAAAAABAAAAAAAAAAAAAAAACA==' },
  {
    bits: [0, 255, 1],
    text: 'AAAAAAAAAQAAAAAAAAAA/cAAAAAAAAAAAAAAAQAAAAAAAAAAAAAABgAAAAEAAAAAAAAAAQ==',
  },
  {
    bits: [2],
    text: 'AAAAAAAAAQAAAAAAAAAA/OAAAAAAAAAAAAAAAQAAAAAAAAAAAAAABgAAAAEAAAAAAAAAAQ==',
  },
]
const VNI_BITS = 16_776_960
const ONE_VNI = 'AAAAAAD//wAAAAAAAP/+/4AAAAAAAAAAAAAAAQAAAAAAAAAAAAf/9w=='
const THIRD_VNI = 'AAAAAAD//wAAAAAAAP/+/yAAAAAAAAAAAAAAAQAAAAAAAAAAAAf/9w=='

describe('a bit sequence', () => {
  it('is written as the real one, and read back', () => {
    let sequence = BitSequence.empty(256)
    for (const { bits, text } of SUBNET) {
      for (const bit of bits) sequence = sequence.with(bit, true)
      expect(sequence.encode()).toBe(text)
      expect(BitSequence.decode(text)!.encode()).toBe(text)
    }
  })

  it('holds millions of bits in a few words', () => {
    const empty = BitSequence.empty(VNI_BITS)
    expect(empty.encode()).toBe('AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAf/+A==')
    expect(empty.with(0, true).encode()).toBe(ONE_VNI)
    expect(empty.with(2, true).encode()).toBe(THIRD_VNI)
    expect(empty.with(0, true).with(0, false).encode()).toBe(empty.encode())
  })

  it('refuses what is no sequence', () => {
    for (const text of ['', 'AAAA', '!', `${ONE_VNI.slice(0, -4)}`]) {
      expect(BitSequence.decode(text)).toBeNull()
    }
  })

  it('does what a set of numbers does', () => {
    const size = 200
    const set = new Set<number>()
    let sequence = BitSequence.empty(size)
    let state = 1
    const draw = (below: number) => {
      state = Math.imul(state, 1_664_525) + 1_013_904_223
      return (state >>> 8) % below
    }
    for (let i = 0; i < 3000; i++) {
      const bit = draw(size)
      const isSet = draw(100) < (i % 1000 < 500 ? 80 : 20)
      sequence = sequence.with(bit, isSet)
      if (isSet) set.add(bit)
      else set.delete(bit)
      const [start, end] = [draw(size), draw(size)]
      const free = Array.from({ length: size }, (_, n) => n).find(
        (n) => n >= start && n <= end && !set.has(n),
      )
      expect(sequence.firstFree(start, end)).toBe(free ?? null)
      expect(sequence.has(bit)).toBe(isSet)
    }
    expect(BitSequence.decode(sequence.encode())).toEqual(sequence)
  })
})
