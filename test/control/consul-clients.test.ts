/** The clients at simulated Consul clusters, by way of the agent on their own host. */
import { describe, expect, it } from 'vitest'
import { ConsulClient, ConsulError } from '../../src/control/consul/client/consul-client.ts'
import { ConsulKvStore } from '../../src/control/consul/client/kv-store.ts'
import { ConsulLock } from '../../src/control/consul/client/lock.ts'
import { createSession, renewPeriodically } from '../../src/control/consul/client/sessions.ts'
import { Program } from '../../src/control/program/program.ts'
import { type Process, sleep } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ConsulBench } from './consul-bench.ts'
import { describeKvStore, type KvUser } from './kv-store-contract.ts'

const SERVERS = 3

function setUp() {
  const bench = new ConsulBench(SERVERS, { agents: 2 }).settle()
  const programs = [4, 5].map((n) => new Program(bench.bench.host(n).root, 'user'))
  const agentOf = (program: Program, i: number) => {
    const [agent] = bench.cluster.addressesFor(bench.bench.host(i + 4))
    return { program, agent: agent! }
  }
  const agents = programs.map(agentOf)
  const clients = agents.map(({ program, agent }) => new ConsulClient(program, { agent }))
  return { bench, agents, clients: clients as [ConsulClient, ConsulClient], programs }
}

function finish(bench: ConsulBench, program: Program, body: Process, seconds = 60): void {
  const fibre = program.spawn(body)
  for (let i = 0; i < seconds && !fibre.done.isSettled; i++) bench.run(1)
  expect(fibre.done.isSettled).toBe(true)
  bench.bench.expectBalance()
}

describe('Consul behind the common interface', () => {
  describeKvStore(() => {
    const { bench, agents } = setUp()
    const users = agents.map(({ program, agent }) => ({
      program,
      store: new ConsulKvStore(program, agent),
    }))
    return {
      // Two, as the line above makes them; map tells no length.
      users: users as unknown as readonly [KvUser, KvUser],
      run: (duration) => bench.run(duration / SECOND),
    }
  }, 45)

  it('has one address: with its agent cut off nothing works, and no other is asked', () => {
    const { bench, agents } = setUp()
    const { program, agent } = agents[0]!
    const store = new ConsulKvStore(program, { address: agent.address, port: 8501 })
    finish(
      bench,
      program,
      (function* (): Process {
        expect(yield* store.get('a')).toMatchObject({
          kind: 'failed',
          text: expect.stringMatching(
            /^Get http:\/\/.*:8501\/v1\/kv\/a\?consistent=: dial tcp .* connection refused$/,
          ),
        })
      })(),
    )
  })
})

describe('a Consul lock', () => {
  it('is held by one at a time, and passes on when it is released', () => {
    const { bench, clients, programs } = setUp()
    const order: string[] = []
    const use = function* (name: string, client: ConsulClient): Process {
      const lock = new ConsulLock(client, { key: 'leader', value: name })
      for (let i = 0; i < 3; i++) {
        expect(yield* lock.lock()).toBeNull()
        order.push(`${name} in`)
        yield* sleep(2 * SECOND)
        order.push(`${name} out`)
        expect(yield* lock.unlock()).toBeNull()
        yield* sleep(SECOND)
      }
    }
    programs[1]!.spawn(use('b', clients[1]))
    finish(bench, programs[0]!, use('a', clients[0]), 120)
    bench.run(60)
    expect(order.length).toBe(12)
    for (let i = 0; i < 12; i += 2) expect(order[i]!.replace('in', 'out')).toBe(order[i + 1])
  })

  it('is lost with its session, and free after the lock-delay', () => {
    const { bench, clients, programs } = setUp()
    const seen: unknown[] = []
    finish(
      bench,
      programs[0]!,
      (function* (): Process {
        const session = (yield* createSession(clients[0], { ttl: 10 * SECOND })) as string
        const lock = new ConsulLock(clients[0], { key: 'leader', session })
        expect(yield* lock.lock()).toBeNull()
        const since = clients[0].program.now
        seen.push(yield* lock.lost.wait(40 * SECOND))
        const next = new ConsulLock(clients[1], { key: 'leader' })
        const lostAt = clients[0].program.now
        seen.push(Math.round((lostAt - since) / SECOND))
        expect(yield* programs[1]!.spawn(next.lock()).done.receive()).toBeNull()
        seen.push(clients[0].program.now - lostAt > 14 * SECOND)
      })(),
      120,
    )
    // Nobody renews it: the server waits for twice the TTL.
    expect(seen).toEqual(['lost', 20, true])
  })

  it('keeps its session by renewing it, until the servers cannot be reached for a TTL', () => {
    const { bench, clients, programs } = setUp()
    finish(
      bench,
      programs[0]!,
      (function* (): Process {
        const session = (yield* createSession(clients[0], { ttl: 10 * SECOND })) as string
        const renewal = programs[0]!.spawn(renewPeriodically(clients[0], session, 10 * SECOND))
        yield* sleep(60 * SECOND)
        expect(renewal.done.isSettled).toBe(false)
        for (const member of bench.cluster.members) member.crash()
        const cutAt = programs[0]!.now
        expect(yield* renewal.done.receive()).toBeInstanceOf(ConsulError)
        const time = (programs[0]!.now - cutAt) / SECOND
        expect(time).toBeGreaterThan(4)
        expect(time).toBeLessThan(30)
      })(),
      180,
    )
  })
})
