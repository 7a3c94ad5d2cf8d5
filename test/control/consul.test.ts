import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { ConsulBench, type ConsulOptions, keyValue } from './consul-bench.ts'

describe('Consul through an agent', () => {
  it.each([undefined, 'server-2020s'] as const)('keeps keys, with costs %s', (costs) => {
    const options: ConsulOptions = costs === undefined ? {} : { costs: COST_PROFILES[costs]! }
    const consul = new ConsulBench(3, options).settle()
    expect(consul.put(4, '/v1/kv/web/a', 'one').body).toBe('true')
    const key = consul.get(4, '/v1/kv/web/a')
    expect(keyValue(key)).toBe('one')
    expect(key).toMatchObject({ status: 200, knownLeader: 'true', lastContact: 0 })
    expect(consul.get(4, '/v1/kv/web?recurse').index).toBe(key.index)
    expect(consul.get(4, '/v1/kv/web/b').status).toBe(404)
    const leader = `"10.0.0.${consul.leader}:8300"`
    expect(consul.get(4, '/v1/status/leader').body).toBe(leader)
    for (const number of [1, 2, 3]) {
      expect(keyValue(consul.get(number, '/v1/kv/web/a'))).toBe('one')
      expect(keyValue(consul.get(number, '/v1/kv/web/a?consistent'))).toBe('one')
    }
    consul.run(1)
    for (const member of consul.cluster.members) {
      expect(member.keys()).toEqual([
        { key: 'web/a', value: 'one', revision: key.index, space: 'kv' },
      ])
      expect(member.status()).toMatchObject({ leader: `s${consul.leader}`, revision: key.index })
    }
    for (const { kernel } of consul.bench.hosts) expect(kernel.machine?.unaccounted ?? 0).toBe(0)
    expect(consul.cluster.violations).toEqual([])
    consul.bench.expectBalance()
  })

  it('lets one of many win a race by cas', () => {
    const consul = new ConsulBench(3, { agents: 4 }).settle()
    for (let round = 0; round < 5; round++) {
      const hosts = [4, 5, 6, 7]
      const seen = round === 0 ? 0 : consul.get(4, '/v1/kv/race?consistent').index
      const answers = consul.askAll(
        ...hosts.map(
          (host) => [host, 'PUT', `/v1/kv/race?cas=${seen}`, `${round} h${host}`] as const,
        ),
      )
      const winners = hosts.filter((_, i) => answers[i]!.body === 'true')
      expect(answers.map((answer) => answer!.status)).toEqual([200, 200, 200, 200])
      expect(winners).toHaveLength(1)
      expect(keyValue(consul.get(5, '/v1/kv/race?consistent'))).toBe(`${round} h${winners[0]}`)
    }
  })

  it('answers a blocking query when the key changes, wherever it waits', () => {
    const consul = new ConsulBench(3, { agents: 2 }).settle()
    consul.put(4, '/v1/kv/a', '1')
    const { index } = consul.get(4, '/v1/kv/a')
    const waiting = [4, 1, 2, 3].map((host) => consul.ask(host, 'GET', `/v1/kv/a?index=${index}`))
    consul.run(2)
    expect(waiting.flat()).toEqual([])
    const put = consul.put(5, '/v1/kv/a', '2')
    consul.run(0.1)
    for (const [answer] of waiting) {
      expect(keyValue(answer!)).toBe('2')
      expect(answer!.index).toBeGreaterThan(index)
      expect(answer!.at - put.from).toBeLessThan(0.01)
    }
  })

  it('answers it with what there is when the wait is over, up to a sixteenth later', () => {
    const consul = new ConsulBench(3).settle()
    consul.put(4, '/v1/kv/a', '1')
    const { index } = consul.get(4, '/v1/kv/a')
    const waits = Array.from({ length: 8 }, () =>
      consul.ask(4, 'GET', `/v1/kv/a?index=${index}&wait=16s`),
    )
    consul.run(8)
    consul.put(4, '/v1/kv/other', 'x')
    consul.run(9.1)
    const times = waits.map(([answer]) => answer!.at - answer!.from)
    for (const [answer] of waits) expect(answer).toMatchObject({ status: 200, index })
    expect(Math.min(...times)).toBeGreaterThan(16)
    expect(Math.max(...times)).toBeLessThan(17.01)
    expect(new Set(times).size).toBe(8)
  })
})

describe('sessions of Consul', () => {
  const create = (consul: ConsulBench, host: number, body: object): string =>
    JSON.parse(consul.put(host, '/v1/session/create', JSON.stringify(body)).body).ID as string
  const holder = (consul: ConsulBench, host: number, key: string): string =>
    (JSON.parse(consul.get(host, `/v1/kv/${key}`).body)[0].Session as string | undefined) ?? ''

  it('end after twice their TTL, unless they are renewed', () => {
    const consul = new ConsulBench(3).settle()
    const body = { TTL: '10s', LockDelay: '5s', Behavior: 'release' }
    const [kept, lost] = [create(consul, 4, body), create(consul, 4, body)]
    const start = consul.seconds
    expect(consul.put(4, `/v1/kv/kept?acquire=${kept}`).body).toBe('true')
    expect(consul.put(4, `/v1/kv/lost?acquire=${lost}`).body).toBe('true')
    expect(consul.put(4, `/v1/kv/lost?acquire=${kept}`).body).toBe('false')
    for (let i = 0; i < 2; i++) {
      consul.run(9)
      expect(consul.put(4, `/v1/session/renew/${kept}`).status).toBe(200)
    }
    expect(holder(consul, 4, 'lost')).toBe(lost)
    consul.runUntil(() => holder(consul, 4, 'lost') === '', 5)
    expect(consul.seconds - start).toBeGreaterThan(20)
    expect(consul.seconds - start).toBeLessThan(20.3)
    expect(holder(consul, 4, 'kept')).toBe(kept)
    expect(consul.put(4, `/v1/session/renew/${lost}`).status).toBe(404)
    // Its lock-delay, from then on.
    expect(consul.put(4, `/v1/kv/lost?acquire=${kept}`).body).toBe('false')
    consul.run(4.5)
    expect(consul.put(4, `/v1/kv/lost?acquire=${kept}`).body).toBe('false')
    consul.run(0.6)
    expect(consul.put(4, `/v1/kv/lost?acquire=${kept}`).body).toBe('true')
  })

  it('live on through a change of the leader, whose clocks begin anew', () => {
    const consul = new ConsulBench(3).settle()
    const id = create(consul, 4, { TTL: '10s' })
    consul.put(4, `/v1/kv/lock?acquire=${id}`)
    consul.run(15)
    const old = consul.leader
    consul.server(old).crash()
    consul.runUntil(() => consul.leaders.length === 1, 40)
    const elected = consul.seconds
    consul.run(19)
    expect(holder(consul, 4, 'lock')).toBe(id)
    consul.runUntil(() => holder(consul, 4, 'lock') === '', 5)
    expect(consul.seconds - elected).toBeGreaterThan(20)
    expect(consul.seconds - elected).toBeLessThan(20.5)
  })

  it('end with the node that gossip finds dead, and their keys with them', () => {
    const consul = new ConsulBench(3, { agents: 2 }).settle()
    const id = create(consul, 4, { Behavior: 'delete' })
    consul.put(4, `/v1/kv/here?acquire=${id}`, 'h4')
    consul.run(30)
    const agent = consul.cluster.agents[0]!
    expect(agent.host.name).toBe('h4')
    agent.crash()
    const { index } = consul.get(5, '/v1/kv/here')
    const watch = consul.ask(5, 'GET', `/v1/kv/here?index=${index}`)
    const crashed = consul.seconds
    consul.runUntil(() => watch.length === 1, 60)
    expect(watch[0]!.status).toBe(404)
    // A round of probes, and suspicion of 4 * log10(5) to 6 times as many seconds.
    expect(consul.seconds - crashed).toBeGreaterThan(2.8)
    expect(consul.seconds - crashed).toBeLessThan(25)
    const [check] = JSON.parse(consul.get(5, '/v1/health/node/h4').body)
    expect(check).toMatchObject({ CheckID: 'serfHealth', Status: 'critical' })
    expect(consul.put(5, '/v1/session/create', '{"Node":"h4"}').body).toMatch(
      "Check 'serfHealth' is in critical state",
    )
    agent.start()
    consul.run(5)
    const [again] = JSON.parse(consul.get(5, '/v1/health/node/h4').body)
    expect(again).toMatchObject({ CheckID: 'serfHealth', Status: 'passing' })
    expect(create(consul, 4, {})).not.toBe(id)
    consul.bench.expectBalance()
  })

  it('end with a node that leaves in order, which goes from the catalog', () => {
    const consul = new ConsulBench(3, { agents: 2 }).settle()
    const id = create(consul, 4, {})
    consul.put(4, `/v1/kv/here?acquire=${id}`, 'h4')
    const agent = consul.cluster.agents[0]!
    agent.stop()
    consul.run(6)
    expect(agent.isRunning).toBe(false)
    expect(consul.get(5, '/v1/health/node/h4').body).toBe('[]')
    expect(consul.get(5, '/v1/catalog/nodes').body).not.toContain('h4')
    expect(holder(consul, 5, 'here')).toBe('')
  })
})

describe('Consul without a leader', () => {
  it('finds another when the leader is killed, and takes writes again', () => {
    const consul = new ConsulBench(3).settle()
    consul.put(4, '/v1/kv/a', 'before')
    const old = consul.leader
    consul.server(old).crash()
    // A follower's patience is 5 to 10 s, and polled; candidates may collide once or twice.
    const took = consul.runUntil(() => consul.leaders.length === 1, 40)
    expect(took).toBeGreaterThan(4)
    expect(consul.leader).not.toBe(old)
    consul.run(1)
    const answers = [1, 2, 3].map(() => consul.put(4, '/v1/kv/a', 'after'))
    // Who asked the dead one moves on to another with the next call.
    expect(answers.at(-1)!.body).toBe('true')
    consul.server(old).start()
    consul.run(12)
    expect(consul.server(old).keys()).toMatchObject([{ key: 'a', value: 'after' }])
    expect(consul.cluster.leadership.elections).toBe(2)
    expect(consul.cluster.violations).toEqual([])
    consul.bench.expectBalance()
  })

  it('answers with an error after the hold, but stale reads at once', () => {
    const consul = new ConsulBench(3).settle()
    consul.put(4, '/v1/kv/a', 'old')
    const [kept, ...others] = [1, 2, 3]
    consul.run(1)
    for (const number of others) consul.server(number).crash()
    consul.run(20)
    expect(consul.leaders).toEqual([])
    const calls = [
      consul.ask(kept!, 'PUT', '/v1/kv/a', 'new'),
      consul.ask(kept!, 'GET', '/v1/kv/a'),
      consul.ask(kept!, 'GET', '/v1/kv/a?consistent'),
      consul.ask(4, 'PUT', '/v1/kv/a', 'new'),
    ]
    const stale = consul.get(kept!, '/v1/kv/a?stale')
    expect(keyValue(stale)).toBe('old')
    expect(stale.knownLeader).toBe('false')
    expect(stale.lastContact).toBeGreaterThan(15000)
    expect(consul.get(kept!, '/v1/status/leader').body).toBe('""')
    consul.run(9)
    for (const [answer] of calls.slice(0, 3)) {
      expect(answer).toMatchObject({ status: 500, body: 'No cluster leader' })
      expect(answer!.at - answer!.from).toBeGreaterThan(7)
      expect(answer!.at - answer!.from).toBeLessThan(7.5)
    }
    expect(calls[3]![0]).toMatchObject({
      status: 500,
      body: 'rpc error making call: No cluster leader',
    })
    for (const number of others) consul.server(number).start()
    consul.runUntil(() => consul.leaders.length === 1, 40)
    consul.run(1)
    expect(keyValue(consul.get(kept!, '/v1/kv/a'))).toBe('old')
  })

  it('has a leader that is cut off answer stale within its lease, never when asked to be sure', () => {
    const consul = new ConsulBench(3).settle()
    consul.put(4, '/v1/kv/a', 'old')
    const old = consul.leader
    const others = consul.followers
    consul.run(1)
    const heal = consul.bench.partition([old], [...others, 4])
    const cut = consul.seconds
    const sure = consul.ask(old, 'GET', '/v1/kv/a?consistent')
    const write = consul.ask(old, 'PUT', '/v1/kv/a', 'lost')
    expect(keyValue(consul.get(old, '/v1/kv/a'))).toBe('old')
    const ended = consul.runUntil(() => consul.server(old).status()!.role !== 'leader', 5)
    expect(ended).toBeLessThan(2.6)
    consul.run(0.1)
    const lost = { status: 500, body: 'leadership lost while committing log' }
    expect([sure[0], write[0]]).toMatchObject([lost, lost])
    const later = consul.ask(old, 'GET', '/v1/kv/a')
    consul.runUntil(() => consul.leaders.length === 1, 40)
    expect(consul.seconds - cut).toBeGreaterThan(5)
    consul.run(1)
    expect(consul.put(others[0]!, '/v1/kv/a', 'new').body).toBe('true')
    consul.run(1)
    expect(later[0]).toMatchObject({ status: 500, body: 'No cluster leader' })
    expect(keyValue(consul.get(old, '/v1/kv/a?stale'))).toBe('old')
    heal()
    consul.run(30)
    expect(keyValue(consul.get(old, '/v1/kv/a'))).toBe('new')
    expect(consul.cluster.violations).toEqual([])
    consul.bench.expectBalance()
  })
})
