import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { macHi, macLo, macOf } from '../wire/mac-address.ts'
import {
  LEARN_IGNORED,
  LEARN_MOVED,
  LEARN_NEW,
  LEARN_REFRESHED,
  LEARN_REFUSED,
  MacTable,
} from './mac-table.ts'

const AGEING = 100

/** A table as one would write it with a Map: every call first forgets what is too old. */
class Model {
  readonly rows = new Map<string, { port: number; seen: number; isStatic: boolean }>()
  peak = 0
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  expire(now: number): void {
    for (const [key, row] of this.rows) {
      if (!row.isStatic && now - row.seen >= AGEING) this.rows.delete(key)
    }
  }

  get size(): number {
    return [...this.rows.values()].filter((row) => !row.isStatic).length
  }

  learn(key: string, port: number, now: number): number {
    this.expire(now)
    const row = this.rows.get(key)
    if (row?.isStatic) return LEARN_IGNORED
    if (row === undefined && this.size >= this.capacity) return LEARN_REFUSED
    this.rows.set(key, { port, seen: now, isStatic: false })
    this.peak = Math.max(this.peak, this.size)
    if (row === undefined) return LEARN_NEW
    return row.port === port ? LEARN_REFRESHED : LEARN_MOVED
  }

  lookup(key: string, now: number): number {
    this.expire(now)
    return this.rows.get(key)?.port ?? -1
  }

  flush(port: number | null, withStatic: boolean): void {
    for (const [key, row] of this.rows) {
      if ((port === null || row.port === port) && (withStatic || !row.isStatic)) {
        this.rows.delete(key)
      }
    }
  }
}

const VLANS = [0, 1, 255, 256, 4095]
/** Halves that collide in one word of the key if the VLAN's bits are put in the wrong place. */
const HALVES = [0, 1, 0x01ffff, 0xfeffff, 0x02420a, 0x800000]

const operation = fc.record({
  kind: fc.constantFrom(
    ...['learn', 'learn', 'learn', 'learn', 'learn', 'learn', 'lookup', 'lookup', 'lookup'],
    ...['wait', 'addStatic', 'remove', 'flushPort', 'flushPortWithStatic', 'flushAll', 'size'],
  ),
  vlan: fc.constantFrom(...VLANS),
  hi: fc.constantFrom(...HALVES),
  lo: fc.oneof(fc.constantFrom(...HALVES), fc.integer({ min: 0, max: 60 })),
  port: fc.integer({ min: 0, max: 3 }),
  step: fc.integer({ min: 0, max: 12 }),
})

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

function agrees(capacity: number, operations: readonly Operation[]): void {
  const table = new MacTable({ capacity, ageing: AGEING })
  const model = new Model(capacity)
  let now = 0
  for (const { kind, vlan, hi, lo, port, step } of operations) {
    now += kind === 'wait' ? 8 * step : step
    const key = `${vlan}/${macOf(hi, lo)}`
    switch (kind) {
      case 'learn':
        expect(table.learn(vlan, hi, lo, port, now)).toBe(model.learn(key, port, now))
        break
      case 'addStatic':
        table.addStatic(vlan, hi, lo, port, now)
        model.rows.set(key, { port, seen: now, isStatic: true })
        break
      case 'remove':
        table.remove(vlan, hi, lo)
        model.rows.delete(key)
        break
      case 'flushPort':
      case 'flushPortWithStatic':
        table.flushPort(port, kind !== 'flushPort')
        model.flush(port, kind !== 'flushPort')
        break
      case 'flushAll':
        table.flushAll()
        model.flush(null, false)
        break
      case 'size':
        model.expire(now)
        expect(table.size(now)).toBe(model.size)
        break
    }
    expect(table.lookup(vlan, hi, lo, now)).toBe(model.lookup(key, now))
    expect(table.isStatic(vlan, hi, lo)).toBe(model.rows.get(key)?.isStatic ?? false)
  }
  model.expire(now)
  const listed = [...table.entries(now)]
  expect(listed).toHaveLength(model.rows.size)
  for (const { vlan, mac, port, lastSeen, isStatic } of listed) {
    expect(model.rows.get(`${vlan}/${mac}`)).toEqual({ port, seen: lastSeen, isStatic })
    expect(table.entry(vlan, macHi(mac), macLo(mac), now)?.lastSeen).toBe(lastSeen)
  }
  const order = [...listed].sort((a, b) => a.vlan - b.vlan || a.mac - b.mac)
  expect(listed).toEqual(order)
  expect(table.peak).toBe(model.peak)
}

describe('MacTable', () => {
  it('does what a Map with ageing would do, with and without a limit', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 5, 40, Infinity),
        fc.array(operation, { maxLength: 400, size: 'max' }),
        agrees,
      ),
      { seed: 20261122, numRuns: process.env['ENCAP_DEEP'] ? 3000 : 150 },
    )
  })

  it('counts what it learned, moved, refused and lost by age', () => {
    const table = new MacTable({ capacity: 2, ageing: AGEING })
    expect(table.learn(1, 2, 1, 0, 0)).toBe(LEARN_NEW)
    expect(table.learn(1, 2, 2, 0, 10)).toBe(LEARN_NEW)
    expect(table.learn(1, 2, 3, 0, 20)).toBe(LEARN_REFUSED)
    expect(table.learn(1, 2, 2, 1, 30)).toBe(LEARN_MOVED)
    expect(table.learn(1, 2, 3, 0, 99)).toBe(LEARN_REFUSED)
    expect(table.learn(1, 2, 3, 0, 100)).toBe(LEARN_NEW)
    expect(table.learn(1, 2, 2, 1, 130)).toBe(LEARN_NEW)
    const { learned, moved, refused, aged, peak } = table
    expect({ learned, moved, refused, aged, peak }).toEqual({
      learned: 4,
      moved: 1,
      refused: 2,
      aged: 2,
      peak: 2,
    })
  })

  it('learns nothing with an ageing time of 0 and forgets nothing with an infinite one', () => {
    const never = new MacTable({ capacity: 10, ageing: 0 })
    expect(never.learn(1, 2, 1, 0, 0)).toBe(LEARN_IGNORED)
    expect([never.lookup(1, 2, 1, 0), never.size(0)]).toEqual([-1, 0])
    never.addStatic(1, 2, 1, 7, 0)
    expect(never.lookup(1, 2, 1, 1e15)).toBe(7)
    const forever = new MacTable({ capacity: 10, ageing: Infinity })
    forever.learn(1, 2, 1, 3, 0)
    expect(forever.lookup(1, 2, 1, 1e15)).toBe(3)
    expect(forever.size(1e15)).toBe(1)
  })

  it('gives a bucket’s slot back when an entry ages, moves on or is flushed', () => {
    const buckets = { hash: 'crc32', ways: 2, banks: 2 } as const
    const table = new MacTable({ capacity: 4, ageing: AGEING, buckets })
    const fill = (now: number) => {
      for (let lo = 0; lo < 50; lo++) table.learn(1, 2, lo, 0, now)
      return table.size(now)
    }
    expect(fill(0)).toBe(4)
    expect(fill(50)).toBe(4)
    expect(fill(150)).toBe(4)
    table.flushAll()
    expect(table.size(150)).toBe(0)
    expect(fill(151)).toBe(4)
    table.flushPort(0)
    expect(fill(152)).toBe(4)
  })

  it('holds a flood of a million addresses in the memory of its capacity', () => {
    const table = new MacTable({ capacity: 1000, ageing: AGEING })
    const unlimited = new MacTable({ capacity: Infinity, ageing: AGEING })
    for (let i = 0; i < 1_000_000; i++) {
      const [hi, lo] = [(i >>> 12) & 0xfeffff, Math.imul(i, 0x9e3779b1) >>> 8]
      table.learn(1, hi, lo, 0, i / 1e6)
      // A new address each tick: at most AGEING are alive, so the rows are used again.
      unlimited.learn(1, hi, lo, 0, i)
    }
    expect([table.learned, table.refused]).toEqual([1000, 999_000])
    expect(unlimited.peak).toBe(AGEING)
    expect(bytesHeld(table)).toBeLessThan(1024 * 64)
    expect(bytesHeld(unlimited)).toBeLessThan(256 * 64)
  })

  // kernel-lab.md section 4: limit 1024, 5000 sources; s1 and s2 were learned before, s5 came later.
  it('floods as the Linux bridge did in the lab', () => {
    const seconds = 1e12
    const table = new MacTable({ capacity: 1024, ageing: 3 * seconds })
    table.learn(1, 2, 1, 0, 0)
    table.learn(1, 2, 2, 1, 0)
    const attack = (now: number) => {
      for (let lo = 0; lo < 5000; lo++) table.learn(1, 0x0a0000, lo, 0, now)
    }
    attack(1)
    expect(table.size(1)).toBe(1024)
    expect(table.lookup(1, 2, 2, 1)).toBe(1)
    expect(table.learn(1, 2, 5, 4, 2)).toBe(LEARN_REFUSED)
    let unknown = 0
    for (let lo = 0; lo < 5000; lo++) if (table.lookup(1, 0x0a0000, lo, 2) < 0) unknown++
    expect(unknown).toBe(3978)
    for (let second = 1; second <= 5; second++) attack(second * seconds)
    expect(table.learn(1, 2, 2, 1, 5 * seconds)).toBe(LEARN_REFUSED)
    expect(table.size(5 * seconds)).toBe(1024)
  })
})

/** Bytes in the typed arrays of a table and of what it owns. */
function bytesHeld(value: object): number {
  let bytes = 0
  for (const part of Object.values(value)) {
    if (ArrayBuffer.isView(part)) bytes += part.byteLength
    else if (typeof part === 'object' && part !== null) bytes += bytesHeld(part)
  }
  return bytes
}
