import { expect, it } from 'vitest'
import { encodeState } from './messages.ts'
import { readState } from './recent-states.ts'

const encoded = (now: number) =>
  encodeState({ now, nicknames: new Map([[2, 'h2']]), claims: [], ring: null })

it('reads the same bytes once, and others anew', () => {
  const first = readState(encoded(1_447_000_000))
  expect(first).toEqual({
    now: 1_447_000_000,
    nicknames: new Map([[2, 'h2']]),
    claims: [],
    ring: null,
  })
  expect(readState(encoded(1_447_000_000))).toBe(first)
  expect(readState(encoded(1_447_000_001))?.now).toBe(1_447_000_001)
})

it('keeps its own copy, for a buffer is used again', () => {
  const bytes = encoded(1_447_000_009)
  const first = readState(bytes)
  bytes.fill(0)
  expect(readState(encoded(1_447_000_009))).toBe(first)
})

it('refuses what is broken, each time', () => {
  const broken = encoded(5).subarray(0, 3)
  expect(readState(broken)).toBeNull()
  expect(readState(broken)).toBeNull()
})
