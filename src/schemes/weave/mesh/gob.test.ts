import { expect, it } from 'vitest'
import { GobReader, GobWriter, gobContents } from './gob.ts'

/** As in encoding/gob's documentation: small numbers as they are, others with the negated count of their octets. */
it.each([
  [0, [0]],
  [7, [7]],
  [127, [127]],
  [128, [0xff, 128]],
  [256, [0xfe, 1, 0]],
  [0x0242ac110002, [0xfa, 2, 0x42, 0xac, 0x11, 0, 2]],
])('writes %i as gob does', (value, bytes) => {
  expect([...new GobWriter().uint(value).finish()]).toEqual(bytes)
  expect([...new GobWriter().uint64(BigInt(value)).finish()]).toEqual(bytes)
  expect(new GobReader(Uint8Array.from(bytes)).uint64()).toBe(BigInt(value))
})

it('carries numbers of 64 bits', () => {
  for (const value of [1n << 53n, 0x0123456789abcdefn, (1n << 64n) - 1n]) {
    const bytes = new GobWriter().uint64(value).finish()
    expect(bytes[0]).toBe(256 - (bytes.length - 1))
    expect(new GobReader(bytes).uint64()).toBe(value)
  }
})

it('does not read a number of more than 64 bits', () => {
  const reader = new GobReader(new Uint8Array(10).fill(0xf7))
  expect(reader.uint64()).toBe(0n)
  expect(reader.isBroken).toBe(true)
})

it.each([0, 1, 127, 128, 255, 256, 65535, 65536])(
  'puts contents of %i bytes together',
  (length) => {
    const value = new Uint8Array(length).fill(9)
    const one = new GobWriter().content(value).finish()
    const both = gobContents([value, Uint8Array.of(5)])
    // To have the runner compare arrays of such a length takes half a second.
    expect(Buffer.compare(both, Buffer.concat([one, Uint8Array.of(1, 5)]))).toBe(0)
  },
)

it.each(['', 'h1', 'x'.repeat(40), 'zürich', 'é'])('carries the text "%s"', (text) => {
  expect(new GobReader(new GobWriter().text(text).finish()).text()).toBe(text)
})

it('leaves alone what was finished while others write', () => {
  const outer = new GobWriter().uint(1)
  const first = new GobWriter().text('first').finish()
  const second = new GobWriter().text('other').finish()
  expect(new GobReader(first).text()).toBe('first')
  expect(new GobReader(second).text()).toBe('other')
  expect([...outer.uint(2).finish()]).toEqual([1, 2])
})
