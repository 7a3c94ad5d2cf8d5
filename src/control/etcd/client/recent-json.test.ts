import { describe, expect, it } from 'vitest'
import { parseAnswer } from './recent-json.ts'

const long = (number: number) => JSON.stringify({ number, filling: 'x'.repeat(300) })

describe('an answer', () => {
  it('of many bytes is taken apart once for all who get it, until others have come', () => {
    const first = parseAnswer(long(1))
    expect(parseAnswer(long(1))).toBe(first)
    for (let i = 2; i <= 5; i++) expect(parseAnswer(long(i))).toEqual(JSON.parse(long(i)))
    expect(parseAnswer(long(1))).toEqual(first)
    expect(parseAnswer(long(1))).not.toBe(first)
  })

  it('that is no object is null, short or long', () => {
    for (const text of ['', 'x', 'null', '3', `{${'x'.repeat(300)}`, '"'.padEnd(300, 'x')]) {
      expect(parseAnswer(text)).toBeNull()
    }
  })
})
