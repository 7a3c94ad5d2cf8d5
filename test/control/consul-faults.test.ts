import { describe, expect, it } from 'vitest'
import { MILLISECOND } from '../../src/sim/units.ts'
import { ConsulBench, keyValue } from './consul-bench.ts'

const keysTo = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i + 10}`)

/** Writes keys one after the other; each holds its own name. */
function putAll(consul: ConsulBench, host: number, keys: readonly string[]): void {
  for (const key of keys) expect(consul.put(host, `/v1/kv/${key}`, key).body).toBe('true')
}

function keysOf(consul: ConsulBench, number: number): string[] {
  return consul
    .server(number)
    .keys()
    .map(({ key }) => key)
}

describe('disks of Consul', () => {
  it('keep all that was acknowledged when every server is killed', () => {
    const consul = new ConsulBench(3).settle()
    putAll(consul, 4, keysTo(20))
    for (const member of consul.cluster.members) member.crash()
    expect(consul.get(4, '/v1/kv/k10').status).toBe(500)
    for (const member of consul.cluster.members) member.start()
    // Who has heard no leader yet does not know how old its data is: it holds even this.
    const stale = consul.ask(1, 'GET', '/v1/kv/k10?stale')
    consul.run(2)
    expect(stale).toEqual([])
    consul.runUntil(() => consul.leaders.length === 1, 40)
    consul.run(1)
    expect(JSON.parse(consul.get(1, '/v1/kv/?keys').body)).toEqual(keysTo(20))
    expect(consul.cluster.violations).toEqual([])
  })

  it('are filled again by a snapshot when one was lost, which ends blocking queries', () => {
    const settings = { raftMultiplier: 1, snapshotThreshold: 20, trailingLogs: 5 }
    const consul = new ConsulBench(3, { settings }).settle()
    putAll(consul, 4, keysTo(10))
    consul.run(1)
    const [cut, lost] = consul.followers as [number, number]
    const path = '/v1/kv/k10?stale'
    const waiting = consul.ask(cut, 'GET', `${path}&index=${consul.get(cut, path).index}`)
    consul.server(lost).crash()
    consul.server(lost).disk.lose()
    consul.server(lost).start()
    consul.run(2)
    expect(keysOf(consul, lost)).toEqual(keysTo(10))
    const heal = consul.bench.partition(
      [cut],
      [1, 2, 3, 4].filter((number) => number !== cut),
    )
    putAll(consul, consul.leader, keysTo(60))
    consul.run(1)
    expect(waiting).toEqual([])
    heal()
    consul.run(15)
    // The key is as it was: only the exchange of the tables ends the wait.
    expect(keyValue(waiting[0]!)).toBe('k10')
    for (const number of [1, 2, 3]) expect(keysOf(consul, number)).toEqual(keysTo(60))
    expect(consul.cluster.violations).toEqual([])
  })

  it('that hang stop writes, and neither reads nor the leader', () => {
    const consul = new ConsulBench(3).settle()
    putAll(consul, 4, ['a'])
    const { leader } = consul
    for (const { disk } of consul.cluster.members) disk.setFsync(Infinity)
    const write = consul.ask(4, 'PUT', '/v1/kv/a', 'b')
    consul.run(30)
    expect(write).toEqual([])
    expect(consul.leader).toBe(leader)
    expect(keyValue(consul.get(4, '/v1/kv/a?consistent'))).toBe('a')
    for (const { disk } of consul.cluster.members) disk.setFsync(MILLISECOND)
    consul.run(1)
    expect(write[0]!.body).toBe('true')
  })
})

describe('an agent of Consul', () => {
  it('that is cut off loses its calls to keep-alives, then its servers, and finds them again', () => {
    const consul = new ConsulBench(3, { agents: 2 }).settle()
    putAll(consul, 4, ['a'])
    const heal = consul.bench.partition([4], [1, 2, 3, 5])
    const write = consul.ask(4, 'PUT', '/v1/kv/a', 'b')
    consul.runUntil(() => write.length === 1, 41)
    expect(write[0]).toMatchObject({ status: 500, body: 'rpc error making call: EOF' })
    expect(write[0]!.at - write[0]!.from).toBeGreaterThan(10)
    // A suspicion among five lasts up to 24 s.
    consul.run(30)
    const none = { status: 500, body: 'No known Consul servers' }
    expect(consul.get(4, '/v1/kv/a')).toMatchObject(none)
    expect(consul.get(5, '/v1/health/node/h4').body).toContain('"Status":"critical"')
    heal()
    consul.run(90)
    expect(keyValue(consul.get(4, '/v1/kv/a'))).toBe('a')
    expect(consul.get(5, '/v1/health/node/h4').body).toContain('"Status":"passing"')
    consul.bench.expectBalance()
  })

  it('goes on with another server when its own is killed', () => {
    const consul = new ConsulBench(3, { agents: 1 }).settle()
    const followers = new Set(consul.followers)
    for (const number of followers) {
      consul.server(number).crash()
      const answers = [1, 2, 3].map(() => consul.get(4, '/v1/kv/a?keys').status)
      // A call that cannot be sent fails at once; the next goes elsewhere.
      expect(answers.filter((status) => status === 500).length).toBeLessThan(2)
      expect(answers.at(-1)).toBe(404)
      consul.server(number).start()
      consul.run(5)
    }
    const { leader } = consul
    const [agent] = consul.cluster.agents
    agent!.crash()
    expect(consul.get(4, '/v1/kv/a').body).toContain('connection refused')
    agent!.start()
    consul.run(1)
    expect(consul.get(4, '/v1/status/leader').body).toBe(`"10.0.0.${leader}:8300"`)
  })

  it('is told at once that there is no leader by a release before the hold', () => {
    const consul = new ConsulBench(3, { release: '0.6' }).settle()
    const [other, ...rest] = consul.followers
    for (const number of [consul.leader, ...rest]) consul.server(number).crash()
    // Its time-outs are a fifth of those since 0.7.
    consul.run(3)
    const answer = consul.put(other!, '/v1/kv/a', 'x')
    expect(answer).toMatchObject({ status: 500, body: 'No cluster leader' })
    expect(answer.at - answer.from).toBeLessThan(0.001)
    for (const number of rest) consul.server(number).start()
    expect(consul.runUntil(() => consul.leaders.length === 1, 10)).toBeLessThan(8)
    expect(consul.cluster.version).toBe('0.6')
  })
})
