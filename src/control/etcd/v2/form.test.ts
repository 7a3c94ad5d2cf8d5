import { expect, it } from 'vitest'
import { Form } from './form.ts'
import { encodeString } from './json.ts'

it('reads the first value of a name, the body before the query', () => {
  const form = new Form('a=1&a=2&b=x+y%26', 'a=3&c=%C3%A9&d&=e')
  expect(['a', 'b', 'c', 'd', ''].map((name) => form.get(name))).toEqual([
    '1',
    'x y&',
    'é',
    '',
    'e',
  ])
  expect([form.has('d'), form.has('e'), form.error]).toEqual([true, false, null])
})

it('names the first malformed part and reads the others', () => {
  const form = new Form(null, 'a=1&b=%z&c=%4&d=2')
  expect(form.error).toBe('invalid URL escape "%z"')
  expect([form.get('a'), form.has('b'), form.get('d')]).toEqual(['1', false, '2'])
  expect(new Form('a=%', 'b;c').error).toBe('invalid URL escape "%"')
  expect(new Form(null, 'a=%&b;c').error).toBe('invalid semicolon separator in query')
})

it('takes bytes that are no UTF-8 for the replacement character', () => {
  const form = new Form('a=x%FFy%C3%A9é', '')
  expect(form.get('a')).toBe('x\u{fffd}yéé')
})

it('escapes strings as Go does', () => {
  const text = '<a>&\u2028\b\f\n\t\\b\u0001"é'
  const escaped = '"\\u003ca\\u003e\\u0026\\u2028\\u0008\\u000c\\n\\t\\\\b\\u0001\\"é"'
  expect(encodeString(text)).toBe(escaped)
  expect(JSON.parse(escaped)).toBe(text)
})
