import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { paint, widthOf, wrap } from './lines.ts'

describe('wrap', () => {
  it('breaks at blanks and indents what follows', () => {
    expect(wrap('one two three four', 11, '- ')).toEqual(['- one two', '  three', '  four'])
    expect(wrap('one two', 40, '  ', 4)).toEqual(['  one two'])
  })

  it('keeps a number with its unit', () => {
    expect(wrap('it took (4.09 us against', 13)).toEqual(['it took', '(4.09 us', 'against'])
    expect(wrap('aaaa 9.55 Gb/s, b', 12)).toEqual(['aaaa', '9.55 Gb/s, b'])
  })

  it('cuts long words after a sign, but no web address', () => {
    expect(wrap('aaaaa/bbbbb/ccccc', 12)).toEqual(['aaaaa/bbbbb/', 'ccccc'])
    expect(wrap('aaaaaaaaaaaaaaa', 12)).toEqual(['aaaaaaaaaaaa', 'aaa'])
    const address = 'https://example.org/a/b/c'
    expect(wrap(`see ${address}`, 12)).toEqual(['see', address])
  })

  it('gives a line for what begins it, also without text', () => {
    expect(wrap('', 20, '- ')).toEqual(['-'])
    expect(wrap('word', 8, 'a long beginning ', 2)).toEqual(['a long beginning', '  word'])
  })

  it('keeps every word, and every line within the width', () => {
    const words = fc.array(fc.stringMatching(/^[a-z0-9,.:/-]{1,30}$/), { maxLength: 30 })
    fc.assert(
      fc.property(words, fc.integer({ min: 12, max: 60 }), (list, columns) => {
        const lines = wrap(list.join(' '), columns, '  ', 4)
        expect(lines.every((line) => widthOf(line) <= columns)).toBe(true)
        expect(lines.join('').replace(/\s/g, '')).toBe(list.join(''))
      }),
    )
  })
})

describe('paint', () => {
  it('adds colour only where it is wanted', () => {
    expect(paint({ color: false }, 'red', 'lost')).toBe('lost')
    const red = paint({ color: true }, 'red', 'lost')
    expect(red).toBe('\u001b[31mlost\u001b[39m')
    expect([stripVTControlCharacters(red), widthOf(red)]).toEqual(['lost', 4])
  })
})
