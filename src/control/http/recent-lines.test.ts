import { expect, it } from 'vitest'
import { textOfLine } from './recent-lines.ts'
import { bytesOf } from './text.ts'

it('tells the text of a line by its bytes, whatever stood in other memory before', () => {
  const two = bytesOf('first\nsecond')
  expect(textOfLine(two.subarray(0, 5))).toBe('first')
  expect(textOfLine(two.subarray(6))).toBe('second')
  expect(textOfLine(two.subarray(0, 4))).toBe('firs')
  expect(textOfLine(Uint8Array.from(two.subarray(0, 5), (byte) => byte + 1))).toBe('gjstu')
  for (let i = 0; i < 100; i++) expect(textOfLine(bytesOf(`line ${i}: ü`))).toBe(`line ${i}: ü`)
  expect(textOfLine(two.subarray(0, 5))).toBe('first')
})
