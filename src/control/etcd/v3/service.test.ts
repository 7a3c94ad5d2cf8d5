import { describe, expect, it } from 'vitest'
import { SECOND } from '../../../sim/units.ts'
import type { LeaderResult } from './planner.ts'
import { V3Service } from './service.ts'
import type { WatchSink } from './watch-stream.ts'

function b64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64')
}

function serviceOf(quotaBytes = 1e9): V3Service {
  const service = new V3Service({
    clusterId: '20',
    memberId: '10',
    raft: () => ({ term: 3, leader: '10', committedIndex: 9, appliedIndex: 8 }),
    minLeaseTtlSeconds: 2,
    nextLeaseId: () => '4711',
    quotaBytes,
  })
  service.lessor.promote(0, 0)
  return service
}

function post(service: V3Service, path: string, request: object | string, now = 0): string {
  const body = typeof request === 'string' ? request : JSON.stringify(request)
  const plan = service.plan('POST', path, body)
  if (plan.kind === 'proposal') return plan.answer(service.apply(plan.command, now)).body
  if (plan.kind === 'read') return plan.answer().body
  if (plan.kind === 'answer') return plan.answer.body
  if (plan.kind === 'watch') throw new Error('a watch')
  const results = plan.requests.map((each) => service.atLeader(each, now) as LeaderResult)
  return plan.answer(results).body
}

function put(service: V3Service, key: string, value = '', more: object = {}): string {
  return post(service, '/v3/kv/put', { key: b64(key), value: b64(value), ...more })
}

type Event = { type?: string; kv: { key: string; mod_revision: string }; prev_kv?: object }
interface Line {
  result: {
    header: { revision?: string }
    created?: boolean
    canceled?: boolean
    compact_revision?: string
    events?: Event[]
    watch_id?: string
  }
}

function watch(service: V3Service, request: object, lines: Line[], sink?: WatchSink) {
  const plan = service.plan('POST', '/v3/watch', JSON.stringify({ create_request: request }))
  if (plan.kind !== 'watch') throw new Error(plan.kind)
  const take: WatchSink = (line) => lines.push(JSON.parse(line) as Line) > 0
  return service.watch(plan.requests, sink ?? take)
}

function revisionsOf(lines: readonly Line[]): number[] {
  return lines.flatMap(({ result }) =>
    (result.events ?? []).map(({ kv }) => Number(kv.mod_revision)),
  )
}

function upTo(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

const ALL = { key: b64('\0'), range_end: b64('\0') }

describe('V3Service', () => {
  it('answers as grpc-gateway writes JSON', () => {
    const service = serviceOf()
    const header = '"header":{"cluster_id":"20","member_id":"10","revision":"2","raft_term":"3"}'
    expect(put(service, 'k', 'v')).toBe(`{${header}}`)
    expect(post(service, '/v3/kv/range', { key: b64('k') })).toBe(
      `{${header},"kvs":[{"key":"aw==","create_revision":"2","mod_revision":"2","version":"1","value":"dg=="}],"count":"1"}`,
    )
    expect(post(service, '/v3/kv/range', '{}')).toBe(
      '{"error":"etcdserver: key is not provided","message":"etcdserver: key is not provided","code":3}',
    )
  })

  it('says what needs the log, the leader, a fresh or any member', () => {
    const service = serviceOf()
    const kindOf = (path: string, body: object, method = 'POST'): string => {
      const plan = service.plan(method, path, JSON.stringify(body))
      return plan.kind === 'read' ? `read ${plan.linearizable}` : plan.kind
    }
    const key = b64('k')
    expect(kindOf('/v3/kv/put', { key })).toBe('proposal')
    expect(kindOf('/v3/kv/range', { key })).toBe('read true')
    expect(kindOf('/v3/kv/range', { key, serializable: true })).toBe('read false')
    expect(kindOf('/v3/kv/txn', { success: [{ request_range: { key } }] })).toBe('read true')
    expect(kindOf('/v3/kv/txn', {})).toBe('read false')
    expect(kindOf('/v3/kv/txn', { success: [{ request_put: { key } }] })).toBe('proposal')
    expect(kindOf('/v3/lease/keepalive', { ID: 1 })).toBe('leader')
    expect(kindOf('/v3/lease/timetolive', { ID: 1 })).toBe('leader')
    expect(kindOf('/v3/lease/leases', {})).toBe('read false')
    expect(kindOf('/v3/watch', {})).toBe('watch')
    const missing = service.plan('POST', '/v3/none', '')
    expect(missing.kind === 'answer' && missing.answer.status).toBe(404)
    const get = service.plan('GET', '/v3/kv/range', '')
    expect(get.kind === 'answer' && get.answer.status).toBe(405)
  })

  it('deletes the keys of an expired lease in one revision, in byte order', () => {
    const service = serviceOf()
    post(service, '/v3/lease/grant', { TTL: 5 })
    for (const key of ['b', 'a', 'c']) put(service, key, '', { lease: '4711' })
    put(service, 'c', 'kept')
    const lines: Line[] = []
    watch(service, ALL, lines)
    for (const id of service.lessor.expired(5 * SECOND, 500)) {
      service.apply({ type: 'leaseRevoke', request: { id } }, 5 * SECOND)
    }
    expect(lines[1]!.result.events!.map(({ type, kv }) => [type, kv.key, kv.mod_revision])).toEqual(
      [
        ['DELETE', b64('a'), '6'],
        ['DELETE', b64('b'), '6'],
      ],
    )
    expect(service.keys().map(({ key }) => key)).toEqual(['c'])
  })

  it('keeps a lease alive at the leader only', () => {
    const service = serviceOf()
    post(service, '/v3/lease/grant', { TTL: 5, ID: '7' })
    expect(post(service, '/v3/lease/keepalive', { ID: '7' }, 4 * SECOND)).toContain('"TTL":"5"')
    expect(service.atLeader({ type: 'keepAlive', id: '7', keys: false }, 9 * SECOND)).toBe(
      'expiring',
    )
    service.lessor.demote()
    const line = post(service, '/v3/lease/keepalive', { ID: '7' })
    expect(line).toContain('"message":"etcdserver: not leader"')
  })

  it('raises the alarm when the quota is used up, and takes writes again when it is cleared', () => {
    const service = serviceOf(21_000)
    put(service, 'k', 'x'.repeat(100))
    expect(put(service, 'k', 'x'.repeat(300))).toContain('mvcc: database space exceeded')
    expect(put(service, 'k', '')).toContain('mvcc: database space exceeded')
    const status = post(service, '/v3/maintenance/status', {})
    expect(status).toContain('"errors":["memberID:10 alarm:NOSPACE "]')
    const range = post(service, '/v3/kv/deleterange', { key: b64('k') })
    expect(range).toContain('"deleted":"1"')
    const alarm = { action: 'DEACTIVATE', memberID: '10', alarm: 'NOSPACE' }
    expect(post(service, '/v3/maintenance/alarm', alarm)).toContain('NOSPACE')
    expect(put(service, 'k', '')).toContain('"revision":"4"')
  })

  it('is the same after a snapshot', () => {
    const service = serviceOf()
    post(service, '/v3/lease/grant', { TTL: 5, ID: '7' })
    for (let i = 0; i < 20; i++) put(service, `k${i % 7}`, `v${i}`, i % 3 === 0 ? { lease: 7 } : {})
    post(service, '/v3/kv/deleterange', { key: b64('k5') })
    post(service, '/v3/kv/compaction', { revision: 12 })
    put(service, 'k5')
    const copy = serviceOf()
    copy.restore(JSON.parse(JSON.stringify(service.snapshot())))
    copy.lessor.promote(0, 0)
    expect(copy.snapshot()).toEqual(service.snapshot())
    for (const revision of [12, 15, 22, 0]) {
      const request = { ...ALL, revision }
      const answer = post(service, '/v3/kv/range', request)
      expect(answer).toContain('"count"')
      expect(post(copy, '/v3/kv/range', request)).toBe(answer)
    }
    const revoked = { type: 'leaseRevoke', request: { id: '7' } } as const
    expect(copy.apply(revoked, 0)).toEqual(service.apply(revoked, 0))
    expect(copy.snapshot()).toEqual(service.snapshot())
  })
})

describe('watches', () => {
  it('catch up in batches of 1000 revisions, each event once and in order', () => {
    const service = serviceOf()
    for (let i = 0; i < 2500; i++) put(service, `k${i % 10}`)
    const lines: Line[] = []
    watch(service, { ...ALL, start_revision: 2 }, lines)
    expect(lines).toHaveLength(1)
    service.syncWatchers()
    expect(revisionsOf(lines)).toEqual(upTo(2, 1001))
    // What happens meanwhile comes in its turn.
    put(service, 'k0')
    expect(service.syncWatchers()).toBe(1)
    expect(service.syncWatchers()).toBe(0)
    expect(revisionsOf(lines)).toEqual(upTo(2, 2502))
    put(service, 'k1')
    expect(revisionsOf(lines)).toEqual(upTo(2, 2503))
    expect(lines.at(-1)!.result.header.revision).toBe('2503')
  })

  it('catch up 512 at a time', () => {
    const service = serviceOf()
    put(service, 'k')
    const lines: Line[] = []
    for (let i = 0; i < 1000; i++) watch(service, { key: b64('k'), start_revision: 1 }, lines)
    expect(service.syncWatchers()).toBe(488)
    expect(service.syncWatchers()).toBe(0)
    expect(revisionsOf(lines)).toHaveLength(1000)
  })

  it('are cancelled when what they want is compacted', () => {
    const service = serviceOf()
    for (let i = 0; i < 10; i++) put(service, 'k')
    const lines: Line[] = []
    watch(service, { key: b64('k'), start_revision: 3 }, lines)
    post(service, '/v3/kv/compaction', { revision: 5 })
    service.syncWatchers()
    expect(lines[1]!.result).toMatchObject({ canceled: true, compact_revision: '5' })
    put(service, 'k')
    expect(lines).toHaveLength(2)
    const at: Line[] = []
    watch(service, { key: b64('k'), start_revision: 5, prev_kv: true }, at)
    service.syncWatchers()
    expect(revisionsOf(at)).toEqual(upTo(5, 12))
    const previous = at.flatMap(({ result }) => result.events ?? []).map((each) => each.prev_kv)
    // What came before the compacted revision is gone.
    expect(previous.map((each) => each !== undefined)).toEqual([
      false,
      ...upTo(6, 12).map(() => true),
    ])
  })

  it('wait for a revision of the future', () => {
    const service = serviceOf()
    const lines: Line[] = []
    watch(service, { ...ALL, start_revision: 4 }, lines)
    for (let i = 0; i < 4; i++) put(service, 'k')
    expect(revisionsOf(lines)).toEqual([4, 5])
  })

  it('miss and repeat nothing when their sink is full for a while', () => {
    const service = serviceOf()
    const lines: Line[] = []
    let room = 3
    const sink: WatchSink = (line) => {
      if (room === 0) return false
      room--
      return lines.push(JSON.parse(line) as Line) > 0
    }
    watch(service, ALL, lines, sink)
    for (let i = 0; i < 10; i++) put(service, 'k')
    expect(revisionsOf(lines)).toEqual([2, 3])
    expect(service.unsyncedWatchers).toBe(1)
    expect(service.syncWatchers()).toBe(1)
    room = Infinity
    put(service, 'other')
    expect(service.syncWatchers()).toBe(0)
    put(service, 'k')
    expect(revisionsOf(lines)).toEqual(upTo(2, 13))
  })

  it('go on after the store is replaced by a snapshot', () => {
    const leader = serviceOf()
    const follower = serviceOf()
    const lines: Line[] = []
    watch(follower, ALL, lines)
    const both = [leader, follower]
    for (let i = 0; i < 3; i++) for (const each of both) put(each, 'k')
    for (let i = 0; i < 5; i++) put(leader, 'k')
    follower.restore(leader.snapshot())
    expect(follower.syncWatchers()).toBe(0)
    for (const each of both) put(each, 'k')
    expect(revisionsOf(lines)).toEqual(upTo(2, 10))
  })

  it('tell their progress when nothing happened since the last time', () => {
    const service = serviceOf()
    const lines: Line[] = []
    const stream = watch(service, { key: b64('k'), progress_notify: true }, lines)
    put(service, 'k')
    stream.progress()
    expect(lines).toHaveLength(2)
    put(service, 'other')
    stream.progress()
    expect(lines[2]!.result).toEqual({
      header: { cluster_id: '20', member_id: '10', revision: '3', raft_term: '3' },
    })
    stream.close()
    put(service, 'k')
    stream.progress()
    expect(lines).toHaveLength(3)
  })

  it('are numbered, cancelled and refused as etcd does', () => {
    const service = serviceOf()
    const lines: Line[] = []
    const stream = watch(service, { key: b64('k') }, lines)
    const create = { createRequest: { ...EMPTY_CREATE, key: 'k' } }
    stream.receive([
      { createRequest: { ...create.createRequest, watchId: '1' } },
      create,
      { createRequest: { ...create.createRequest, watchId: '2' } },
      { createRequest: { ...create.createRequest, rangeEnd: 'a' } },
      { cancelRequest: { watchId: '1' } },
      { cancelRequest: { watchId: '9' } },
      { progressRequest: {} },
    ])
    expect(lines.map(({ result }) => result.watch_id ?? '0')).toEqual([
      ...['0', '1', '2', '-1', '-1', '1', '-1'],
    ])
    expect(lines.map(({ result }) => result.canceled === true)).toEqual([
      ...[false, false, false, true, true, true, false],
    ])
    put(service, 'k')
    expect(lines.slice(7).map(({ result }) => result.watch_id ?? '0')).toEqual(['0', '2'])
  })
})

const EMPTY_CREATE = {
  key: '',
  rangeEnd: '',
  startRevision: 0,
  progressNotify: false,
  filters: [],
  prevKv: false,
  watchId: '0',
}

describe('speed', () => {
  it('does not depend on how many keys there are', () => {
    const service = serviceOf()
    const fill = (from: number, to: number): number => {
      const { user: start } = process.cpuUsage()
      for (let i = from; i < to; i++) {
        const request = { ...EMPTY_PUT, key: `/registry/${(i * 7919) % 200_003}` }
        service.apply({ type: 'put', request }, 0)
      }
      return (process.cpuUsage().user - start) / (to - from)
    }
    fill(0, 100_000)
    // Microseconds of CPU, the best of ten, since others use the machine too: 2; moving 100,000 keys takes over 20.
    const batches = Array.from({ length: 10 }, (_, i) => 100_000 + i * 2000)
    const best = Math.min(...batches.map((from) => fill(from, from + 2000)))
    expect(best).toBeLessThan(12)
  })
})

const EMPTY_PUT = {
  value: 'v',
  lease: '0',
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
}
