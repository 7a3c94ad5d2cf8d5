import { describe, expect, it } from 'vitest'
import { run, SECOND } from '../../test/run-results.ts'
import type { StoreMemberResult, StoreResult, WorkloadRow } from '../study/result.ts'
import { bugsOf } from './bugs.ts'
import { widthOf } from './lines.ts'
import { storeLoadTexts } from './store-load-text.ts'
import { storeLines } from './store-text.ts'

const LAYOUT = { color: false, columns: 80 }
const MILLISECOND = 1e9

function member(name: string, overrides: Partial<StoreMemberResult> = {}): StoreMemberResult {
  return {
    ...{ name, host: name, running: true, role: 'follower', term: 2, leader: 'store-2' },
    ...{ commit: 1234, applied: 1234, revision: 1200, keys: 85 },
    ...{ flushes: 175, fsync: MILLISECOND, log: [] },
    ...overrides,
  }
}

function store(overrides: Partial<StoreResult> = {}): StoreResult {
  return {
    kind: 'etcd',
    version: '3.4',
    members: [
      member('store-1', { applied: 1200 }),
      member('store-2', { role: 'leader' }),
      member('store-3', { host: 'h3', running: false, role: null, fsync: null }),
    ],
    elections: 2,
    campaigns: 3,
    reigns: [
      { leader: 'store-1', from: 1.3 * SECOND, until: 5 * SECOND },
      { leader: 'store-2', from: 6.5 * SECOND, until: null },
    ],
    firstLeader: 1.3 * SECOND,
    leaderless: 1.5 * SECOND,
    longestLeaderless: 1.5 * SECOND,
    traffic: {
      clients: { frames: 2122, bytes: 589_000 },
      peers: { frames: 6135, bytes: 1_640_000 },
      gossip: { frames: 0, bytes: 0 },
    },
    violations: [],
    excused: false,
    ...overrides,
  }
}

function report(overrides: Partial<StoreResult> = {}, verbose = false): string {
  const lines = storeLines(store(overrides), LAYOUT, verbose)
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(80)
  return lines.join('\n')
}

/** What is said, wherever its lines end. */
const said = (text: string) => text.replaceAll(/\s+/g, ' ')

describe('the store in a report', () => {
  it('says who led when, what the members came to, and what it cost the network', () => {
    expect(report()).toMatchInlineSnapshot(`
      "  Store: etcd 3.4, 3 members; first leader after 1.3 s, then 1.5 s without one;
          2 elections, votes asked for 3 times
          store-1 led from 1.3 s to 5 s
          store-2 led from 6.5 s to the end
          store-1: follower of store-2, term 2, revision 1,200, 85 keys, 34 entries
            behind; 175 flushes of its disk
          store-2: leader, term 2, revision 1,200, 85 keys; 175 flushes of its disk
          store-3 on h3: does not run; its disk hangs
          On the members' cables: clients 589 kB in 2,122 frames, peers 1.64 MB in
            6,135 frames"
    `)
  })

  it('is left out where there is none', () => {
    expect(storeLines(null, LAYOUT, true)).toEqual([])
  })

  it('tells never having had a leader from never having been without one', () => {
    const none = { firstLeader: null, reigns: [], elections: 0 }
    expect(said(report(none))).toContain('never had a leader (asked for votes 3 times)')
    const always = said(report({ leaderless: 0, longestLeaderless: 0 }))
    expect(always).toContain('first leader after 1.3 s, then never without one')
    const twice = said(report({ leaderless: 2 * SECOND }))
    expect(twice).toContain('then 2 s without one, at most 1.5 s at a stretch')
  })

  it('shows the first times that somebody led, and the last lines of logs', () => {
    const reigns = Array.from({ length: 9 }, (_, i) => ({ leader: 's', from: i, until: i + 1 }))
    expect(report({ reigns })).toContain('and 3 times more that a member led')
    expect(report({ reigns }, true).match(/ s led from/g)).toHaveLength(9)
    const log = ['a', 'b', 'c', 'd', 'panic: e']
    const members = [member('store-1', { log })]
    expect(report({ members })).toContain('logged 2 lines, and then:\n      logged: c')
    expect(report({ members }, true)).toContain('logged: a\n')
  })

  it('shows broken promises as a bug of encap, unless a disk forgot', () => {
    const violations = ['election safety: store-1 and store-2 both lead term 4']
    expect(said(report({ violations }))).toContain('which is a bug of encap: election safety')
    const excused = said(report({ violations, excused: true }))
    expect(excused).toContain('for a disk has lost what was written to it: election safety')
    const results = [{ violations }, { violations, excused: true }, {}].map((overrides) =>
      run({ store: store(overrides) }),
    )
    expect(bugsOf(results)).toEqual([
      'This is a bug of encap (side-by-side, seed 1): ' +
        "the store broke Raft's promises: election safety: store-1 and store-2 both lead term 4.",
    ])
  })
})

describe('bugs', () => {
  it('are frames and CPU time that are not accounted for', () => {
    const { ledger } = run()
    expect(bugsOf([run(), run({ variant: 'a', ledger: { ...ledger, balanced: false } })])).toEqual([
      'This is a bug of encap (side-by-side, a, seed 1): frames are not accounted for.',
    ])
  })
})

describe('clients of the store in a report', () => {
  const latency = {
    ...{ count: 64, min: MILLISECOND, mean: MILLISECOND, p50: MILLISECOND, p90: MILLISECOND },
    ...{ p99: 2 * MILLISECOND, p999: 2 * MILLISECOND, max: 1.5 * SECOND },
  }
  const row: WorkloadRow = {
    ...{ name: 'kv-1', kind: 'kv', partial: false, window: { start: 0, end: SECOND } },
    ...{ sent: 70, refused: 0, delivered: 65, lost: 5, unfinished: 1, transactionsPerSecond: 64 },
    operations: [{ kind: 'put', sent: 69, completed: 65, failed: 4, latency }],
    ...{ stall: 1.5 * SECOND, watchDelay: latency, watchEvents: 60, watchMissed: 5, watchGaps: 1 },
    errors: [],
  }

  it('say how operations went and what watchers heard', () => {
    expect(storeLoadTexts(row)).toEqual([
      '70 operations: 65 succeeded, 4 failed, 1 still under way; 64 a second',
      'writes: 65, 4 failed; p50 1 ms, p99 2 ms, most 1.5 s',
      'longest without a success: 1.5 s',
      'watch: 60 events; p50 1 ms, p99 2 ms, most 1.5 s after the call; ' +
        'history gone 1 time, all read anew; 5 changes never told, replaced by then',
    ])
  })

  it('say nothing of watchers where there are none', () => {
    const { length } = storeLoadTexts({
      ...row,
      watchDelay: null,
      watchEvents: 0,
      watchMissed: 0,
    }).filter((text) => text !== '')
    expect(length).toBe(3)
  })
})
