/**
 * Consul under random faults: consistent reads are never stale, no acknowledged write is lost, Raft's
 * promises hold, and a cluster whose faults are over works again for every client.
 *
 * ENCAP_DEEP=1 runs a set of 100 seeds, `npm test` a twentieth of it: which one,
 * test/seeds.json says. ENCAP_CONSUL_SEED=consul-12 runs one.
 */
import { describe, expect, it } from 'vitest'
import { seeds } from '../seeds.ts'
import { keyValue } from './consul-bench.ts'
import { ConsulTrial } from './consul-trial.ts'

const SET = 100

describe('Consul under random faults', () => {
  it.each(seeds('consul', SET, 'ENCAP_CONSUL_SEED'))('counts right: %s', (seed) => {
    const trial = new ConsulTrial(seed)
    trial.run()
    const { consul } = trial
    expect(consul.cluster.violations).toEqual([])
    expect(trial.staleReads).toEqual([])
    const done = trial.numberOf('done')
    const count = Number(keyValue(consul.get(1, '/v1/kv/counter?consistent')))
    expect(count).toBeGreaterThanOrEqual(done)
    expect(count).toBeLessThanOrEqual(done + trial.numberOf('unknown'))
    // Four clients, each with a read in 0.9 s at the latest.
    expect(trial.readsOfLast(10)).toBeGreaterThan(40)
    for (const { kernel } of consul.bench.hosts) expect(kernel.machine?.unaccounted ?? 0).toBe(0)
    consul.bench.expectBalance()
  })

  it('does the same again with the same seed', () => {
    const [first, second] = ['consul-again', 'consul-again'].map((seed) => {
      const trial = new ConsulTrial(seed)
      trial.run()
      return { reads: trial.reads, additions: trial.additions }
    })
    expect(second).toEqual(first)
  })
})
