import { describe, expect, it } from 'vitest'
import { Dice } from '../chaos/dice.ts'
import { type Interval, isLinearizable, type Model } from './checker.ts'

/** A register of a number, 0 at first. */
interface Op extends Interval {
  readonly kind: 'read' | 'write' | 'cas'
  readonly value: number
  /** Of a cas: what it wants to find, and whether it did; null = not known. */
  readonly expected?: number
  readonly isDone?: boolean | null
}

const REGISTER: Model<number, Op> = {
  initial: 0,
  step(state, { kind, value, expected, isDone = null }) {
    if (kind === 'write') return value
    if (kind === 'read') return state === value ? state : undefined
    const isMatch = state === expected
    if (isDone !== null && isDone !== isMatch) return undefined
    return isMatch ? value : state
  },
}

const read = (value: number, called: number, returned: number): Op => ({
  kind: 'read',
  value,
  called,
  returned,
})
const write = (value: number, called: number, returned = Infinity): Op => ({
  kind: 'write',
  value,
  called,
  returned,
})
const cas = (
  expected: number,
  value: number,
  isDone: boolean | null,
  called: number,
  returned = Infinity,
): Op => ({ kind: 'cas', expected, value, isDone, called, returned })

const check = (ops: readonly Op[]) => isLinearizable(REGISTER, ops)

describe('histories whose verdict is known', () => {
  const good: Record<string, Op[]> = {
    'nothing at all': [],
    'one after the other': [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
    'a read beside a write sees the old': [write(1, 0, 10), read(0, 2, 3)],
    'a read beside a write sees the new': [write(1, 0, 10), read(1, 2, 3), read(1, 4, 5)],
    'two writes, read in either order': [write(1, 0, 10), write(2, 0, 10), read(1, 11, 12)],
    'a read called at the moment of a return': [write(1, 0, 5), read(0, 5, 6)],
    'a write of unknown outcome that never was': [write(1, 0), read(0, 5, 6), read(0, 7, 8)],
    'a write of unknown outcome long after': [
      write(1, 0),
      write(2, 5, 6),
      read(2, 7, 8),
      read(1, 100, 101),
    ],
    'a swap of unknown outcome that was': [
      cas(0, 7, null, 0),
      read(0, 1, 2),
      cas(7, 8, true, 3, 4),
      read(8, 5, 6),
    ],
    'a refused swap beside the write that it lost to': [
      write(1, 0, 10),
      cas(0, 2, false, 1, 9),
      read(1, 11, 12),
    ],
  }
  const bad: Record<string, Op[]> = {
    'a stale read': [write(1, 0, 1), read(0, 2, 3)],
    'a value from nowhere': [write(1, 0, 1), read(2, 2, 3)],
    'a new value, then the old': [write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)],
    'two readers who disagree': [
      write(1, 0, 10),
      write(2, 0, 10),
      read(1, 11, 12),
      read(2, 13, 14),
      read(1, 15, 16),
    ],
    'a lost write': [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
    'one value swapped twice': [cas(0, 1, true, 0, 5), cas(0, 2, true, 0, 5)],
    'a swap refused without a cause': [cas(0, 1, false, 0, 1)],
    'a write of unknown outcome read before it began': [read(1, 0, 1), write(1, 5)],
    'a write of unknown outcome that was and was not': [write(1, 0), read(1, 1, 2), read(0, 3, 4)],
  }
  it.each(Object.keys(good))('linearizable: %s', (name) => {
    expect(check(good[name]!)).toBe(true)
  })
  it.each(Object.keys(bad))('not linearizable: %s', (name) => {
    expect(check(bad[name]!)).toBe(false)
  })
})

/** Tries every order; an operation of unknown outcome may stay out. */
function bruteForce(ops: readonly Op[], state = REGISTER.initial): boolean {
  if (ops.every(({ returned }) => returned === Infinity)) return true
  return ops.some((op, i) => {
    if (ops.some(({ returned }) => returned < op.called)) return false
    const after = REGISTER.step(state, op)
    return after !== undefined && bruteForce(ops.toSpliced(i, 1), after)
  })
}

function randomHistory(dice: Dice): Op[] {
  return dice.times(dice.integer(1, 7), () => {
    const called = dice.integer(0, 12)
    const kind = dice.pick(['read', 'read', 'write', 'cas'] as const)
    const isOpen = kind !== 'read' && dice.chance(0.2)
    const returned = isOpen ? Infinity : called + dice.integer(1, 8)
    const value = dice.integer(0, 2)
    if (kind === 'read') return read(value, called, returned)
    if (kind === 'write') return write(value, called, returned)
    return cas(dice.integer(0, 2), value, isOpen ? null : dice.chance(0.5), called, returned)
  })
}

it('judges small histories as trying every order does', () => {
  const dice = new Dice('brute force')
  let good = 0
  for (let i = 0; i < 5000; i++) {
    const history = randomHistory(dice)
    const expected = bruteForce(history)
    if (expected) good++
    expect(check(history), JSON.stringify(history)).toBe(expected)
  }
  expect(good).toBeGreaterThan(1000)
  expect(good).toBeLessThan(4000)
})

/** What a sound register would have answered to so many clients; some answers got lost. */
function soundHistory(dice: Dice, size: number, clients: number): Op[] {
  const free = dice.times(clients, () => 0)
  let state = 0
  let now = 0
  return dice.times(size, (i) => {
    const client = dice.integer(0, clients - 1)
    const called = Math.max(free[client]!, now - dice.integer(0, 20))
    // It takes effect now; calls and returns lie about it.
    now = Math.max(now, called) + 1
    const returned = now + dice.integer(1, 20)
    free[client] = returned + 1
    if (dice.chance(0.5)) return read(state, called, returned)
    const value = i + 1
    const isLost = dice.chance(0.03)
    if (dice.chance(0.5)) {
      state = value
      return write(value, called, isLost ? Infinity : returned)
    }
    const expected = dice.chance(0.7) ? state : 0
    const isDone = expected === state
    if (isDone) state = value
    return cas(expected, value, isLost ? null : isDone, called, isLost ? Infinity : returned)
  })
}

it('judges thousands of operations in no time', () => {
  const dice = new Dice('speed')
  const began = performance.now()
  for (let i = 0; i < 5; i++) {
    const history = soundHistory(dice, 1000, 8)
    expect(check(history)).toBe(true)
    // Near the end, so that most of the search is done before it shows.
    const at = history.findLastIndex(({ kind, value }) => kind === 'read' && value > 0)
    expect(check(history.with(at, { ...history[at]!, value: 1 }))).toBe(false)
  }
  expect((performance.now() - began) / 10).toBeLessThan(1000)
})
