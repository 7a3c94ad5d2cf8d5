import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { SECOND } from '../sim/units.ts'
import type { RunResult, StoreResult } from './result.ts'
import { runResultSchema } from './result.ts'
import { Run } from './run.ts'

const LOAD = `workload:
  - { kind: kv, name: load, from: h1, at: 2s, for: 2s, warmup: 0s, interval: 20ms, reads: 50%, watch: true }
`

function result(parts: string): RunResult {
  const run = new Run(scenario(parts), builtinSchemes, { capture: false })
  while (!run.advance(Infinity));
  expect(run.world.ledger.imbalance()).toBe(0)
  const measured = run.result()
  expect(runResultSchema.parse(measured)).toEqual(measured)
  return measured
}

function storeOf({ store }: RunResult): StoreResult {
  if (store === null) throw new Error('no store')
  return store
}

describe('the store in results', () => {
  it('is null where there is none', () => {
    expect(result('').store).toBeNull()
  })

  it('tells of its members, its leader and its log', () => {
    const { store, workloads, expectations } = result(`store: { kind: etcd }
${LOAD}expect:
  - { elections: { equals: 1 } }
  - { leaderless: { equals: 0s } }
  - { loss: { equals: 0% } }
  - { transactions: { between: [49, 51] } }
  - { stall: { atMost: 25ms } }
  - { rtt: { stat: p99.5, atMost: 3ms } }
  - { watchDelay: { stat: max, between: [1ms, 3ms] } }
  - { watchGaps: { equals: 0 } }
`)
    expect(expectations.filter(({ passed }) => !passed)).toEqual([])
    expect(store).toMatchObject({ elections: 1, leaderless: 0, violations: [], excused: false })
    const [reign] = store!.reigns
    expect(store!.reigns).toEqual([{ ...reign, until: null }])
    expect(store!.firstLeader).toBe(reign!.from)
    const puts = workloads[0]!.operations!.find(({ kind }) => kind === 'put')!
    for (const member of store!.members) {
      // The revision begins at 1.
      expect(member).toMatchObject({ leader: reign!.leader, revision: 1 + puts.completed })
      expect(member.flushes).toBeGreaterThanOrEqual(puts.completed)
    }
    expect(workloads[0]).toMatchObject({ watchEvents: puts.completed, watchMissed: 0 })
  })

  it('counts frames of clients and of peers, each once', () => {
    const { traffic, members } = storeOf(result(`store: { kind: etcd, members: 1 }\n${LOAD}`))
    expect(members).toHaveLength(1)
    expect(traffic.peers).toEqual({ frames: 0, bytes: 0 })
    // Of each of 100 operations at least the request and its answer, and its acknowledgement at times.
    expect(traffic.clients.frames).toBeGreaterThan(200)
    const idle = storeOf(result('store: { kind: etcd }\nduration: 3s\n')).traffic
    expect(idle.clients.frames).toBe(0)
    expect(idle.peers.frames).toBeGreaterThan(100)
    // The least frame takes 84 bytes on the wire.
    expect(idle.peers.bytes).toBeGreaterThan(84 * idle.peers.frames)
  })

  it('counts the time without a leader from the first one on', () => {
    const fault = 'faults: [{ crash: leader, at: 3s }]\nduration: 8s\n'
    const store = storeOf(result(`store: { kind: etcd }\n${fault}`))
    const [first, second] = store.reigns
    expect(first!.until).toBe(3 * SECOND)
    expect(store.leaderless).toBe(second!.from - 3 * SECOND)
    expect(store.longestLeaderless).toBe(store.leaderless)
    expect(store.members.filter(({ running }) => !running)).toHaveLength(1)
  })

  it('has no leader without a majority, and says for how long', () => {
    const fault = 'faults: [{ crash: store-2 }, { crash: store-3 }]\nduration: 5s\n'
    const store = storeOf(result(`store: { kind: etcd }\n${fault}`))
    expect(store).toMatchObject({ elections: 0, firstLeader: null, leaderless: 5 * SECOND })
    expect(store.campaigns).toBeGreaterThan(1)
  })

  it('is excused where a disk forgot', () => {
    const fault = 'faults: [{ loseDisk: store-2, at: 3s }]\nduration: 5s\n'
    const { excused, members } = storeOf(result(`store: { kind: etcd }\n${fault}`))
    expect(excused).toBe(true)
    expect(members[1]!.log.join()).toContain('panic')
  })
})
