/**
 * Consul under random faults: consistent reads are never stale, no acknowledged write is lost, Raft's
 * promises hold, and a cluster whose faults are over works again for every client.
 *
 * ENCAP_DEEP=1 runs a set of 100 seeds, `npm test` a twentieth of it: which one, the counter of
 * test/chaos says. ENCAP_CONSUL_SEED=consul-12 runs one.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { keyValue } from './consul-bench.ts'
import { ConsulTrial } from './consul-trial.ts'

const SET = 100
const SHARES = 20

const DEEP = process.env['ENCAP_DEEP'] === '1'
const ONE = process.env['ENCAP_CONSUL_SEED']

function seeds(): string[] {
  if (ONE !== undefined) return [ONE]
  const file = new URL('../chaos/seed.json', import.meta.url)
  const { base } = JSON.parse(readFileSync(file, 'utf8')) as { base: number }
  const share = SET / SHARES
  const first = DEEP ? Math.floor(base / SHARES) * SET : base * share
  return Array.from({ length: DEEP ? SET : share }, (_, i) => `consul-${first + i}`)
}

describe('Consul under random faults', () => {
  it.each(seeds())('counts right: %s', (seed) => {
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
