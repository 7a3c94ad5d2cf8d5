import { describe, expect, it } from 'vitest'
import type { Raft } from './raft.ts'
import { hashOf, SafetyMonitor } from './safety.ts'
import type { Entry, Ready, Role } from './types.ts'

/** As much of a core as the monitor looks at. */
function core(id: string, term: number, entries: readonly Entry[] = [], role: Role = 'follower') {
  const termAt = (index: number) => (index === 0 ? 0 : entries.find((e) => e.index === index)?.term)
  return { id, term, role, compacted: 0, termAt } as Partial<Raft> as Raft
}

function ready(written: readonly Entry[], committed: readonly Entry[] = []): Ready {
  const write = { id: 1, hardState: null, snapshot: null, entries: written, sync: true }
  return { write, messages: [], install: null, committed, reads: [] }
}

const entry = (index: number, term: number, data: unknown = 'x'): Entry => ({ index, term, data })

describe('the safety monitor', () => {
  it('sees nothing wrong in what is right', () => {
    const monitor = new SafetyMonitor()
    const log = [entry(1, 1), entry(2, 1), entry(3, 2)]
    for (const id of ['a', 'b']) monitor.observe(core(id, 2, log), ready(log, log))
    monitor.observe(core('a', 3, log, 'leader'), ready([]))
    expect(monitor.violations).toEqual([])
  })

  it('sees two leaders of a term', () => {
    const monitor = new SafetyMonitor()
    for (const id of ['a', 'b']) monitor.observe(core(id, 4, [], 'leader'), ready([]))
    expect(monitor.violations).toEqual(['election safety: a and b both lead term 4'])
  })

  it('sees one term with other content, or with another past', () => {
    const monitor = new SafetyMonitor()
    const past = [entry(1, 1), entry(2, 3)]
    monitor.observe(core('a', 3, past), ready(past))
    const other = [entry(1, 2), entry(2, 3)]
    monitor.observe(core('b', 3, other), ready(other))
    monitor.observe(core('c', 3, [entry(1, 1, 'y')]), ready([entry(1, 1, 'y')]))
    expect(monitor.violations).toEqual([
      'log matching: entry 2 of term 3 has other terms before it at b than at a',
      'log matching: entry 1 of term 1 has other content at c than at a',
    ])
  })

  it('compares content as deep as it goes', () => {
    const held = { id: 'a-1', command: { ops: [{ key: 'k', lease: 0 }], flag: true } }
    const others = [
      { ...held, command: { ...held.command, ops: [{ key: 'k', lease: 1 }] } },
      { ...held, command: { ...held.command, ops: [] } },
      { ...held, command: { ...held.command, ops: { key: 'k' } } },
      { command: held.command, id: 'a-1' },
      { ...held, more: null },
      { ...held, command: null },
    ]
    for (const [data, count] of [[structuredClone(held), 0], ...others.map((each) => [each, 1])]) {
      const monitor = new SafetyMonitor()
      monitor.observe(core('a', 1), ready([entry(1, 1, held)]))
      monitor.observe(core('b', 1), ready([entry(1, 1, data)]))
      expect(monitor.violations).toHaveLength(count as number)
    }
  })

  it('sees a leader without an entry that was applied in an earlier term', () => {
    const monitor = new SafetyMonitor()
    const log = [entry(1, 1)]
    monitor.observe(core('a', 2, log), ready(log, log))
    // Elected before that term: it need not have the entry.
    monitor.observe(core('b', 2, [], 'leader'), ready([]))
    expect(monitor.violations).toEqual([])
    monitor.observe(core('b', 3, [], 'leader'), ready([]))
    expect(monitor.violations).toEqual([
      'leader completeness: a applied entry 1 of term 1, but b, leader of term 3, lacks it',
    ])
  })

  it('sees other entries applied, and gaps', () => {
    const monitor = new SafetyMonitor()
    monitor.observe(core('a', 1), ready([], [entry(1, 1), entry(2, 1)]))
    const b = core('b', 1)
    monitor.observe(b, ready([], [entry(1, 1, 'y')]))
    monitor.observe(b, ready([], [entry(3, 1)]))
    expect(monitor.violations).toEqual([
      'state machine safety: b applied entry 1 of term 1, a another one of term 1',
      'b applied entry 3 after 1',
    ])
  })

  it('forgets what is long past', () => {
    const monitor = new SafetyMonitor()
    const log = Array.from({ length: 70_000 }, (_, i) => entry(i + 1, 1))
    monitor.observe(core('a', 1), ready([], log))
    monitor.observe(core('b', 1), ready([], [entry(1, 9, 'y')]))
    expect(monitor.violations).toEqual([])
    monitor.observe(core('c', 1), ready([], [entry(60_000, 9, 'y')]))
    expect(monitor.violations).toHaveLength(1)
  })
})

describe('hashOf', () => {
  it('tells values apart', () => {
    const values = [null, true, 0, 1, 1.5, 1.25, 2 ** 32, -1, '', 'a', 'b', 'aa', [], [1], [[1]]]
    const objects = [{}, { a: 1 }, { b: 1 }, { a: '1' }, { a: 1, b: 2 }, { a: { b: 2 } }]
    const hashes = [...values, ...objects].map(hashOf)
    expect(new Set(hashes).size).toBe(hashes.length)
    expect(hashOf({ a: [1, { b: 'x' }] })).toBe(hashOf({ a: [1, { b: 'x' }] }))
  })
})
