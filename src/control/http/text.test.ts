import { expect, it } from 'vitest'
import { RandomStreams } from '../../sim/random.ts'
import { bytesOf, concatBytes, textOf } from './text.ts'

it('encodes as TextEncoder does, and what was encoded stays as it is', () => {
  const random = new RandomStreams('text').stream('lengths')
  const texts = Array.from({ length: 400 }, (_, i) => {
    const unit = ['x', 'é', '\ud83d\ude00', '\ud800', ''][i % 5]!
    return unit.repeat(random.integer(0, i % 20 === 0 ? 9000 : 700))
  })
  const encoded = texts.map(bytesOf)
  const encoder = new TextEncoder()
  texts.forEach((text, i) => {
    expect(Buffer.compare(encoded[i]!, encoder.encode(text))).toBe(0)
    expect(textOf(encoded[i]!)).toBe(text.replace(/\ud800(?![\udc00-\udfff])/g, '\ufffd'))
  })
})

it('puts neighbours in memory together without a copy, and copies where there is a gap', () => {
  const bytes = new Uint8Array([1, 2, 3, 4, 5])
  const whole = concatBytes([bytes.subarray(1, 2), bytes.subarray(2, 4), bytes.subarray(4)])
  expect([...whole]).toEqual([2, 3, 4, 5])
  expect(whole.buffer).toBe(bytes.buffer)
  const apart = concatBytes([bytes.subarray(0, 2), bytes.subarray(3), new Uint8Array([6])])
  expect([...apart]).toEqual([1, 2, 4, 5, 6])
  expect(apart.buffer).not.toBe(bytes.buffer)
})
