/** Flows of one host share its own card: the queue before it serves them in turn, as fq_codel does. */
import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { Run } from '../../src/study/run.ts'
import { scenario } from '../small-scenario.ts'

const FLOWS = '{ kind: tcp, name: s, from: c1, to: c2, parallel: 16, for: 60ms, warmup: 30ms }'

describe('sixteen flows through a card of 25 Gb/s', () => {
  it.each(['none', 'server-2020s'])('share it alike with costs %s', (costs) => {
    const settings = [`hosts.costs=${costs}`, 'fabric.links=25Gbps']
    const given = scenario(`workload:\n  - ${FLOWS}\n`, ...settings)
    const run = new Run(given, builtinSchemes, { capture: false })
    while (!run.advance(Infinity));
    const [row] = run.result().workloads
    expect(row!.fairness).toBeGreaterThanOrEqual(0.95)
    expect(row!.goodput).toBeGreaterThan(0.98 * 25e9 * (1448 / 1538))
    expect(row!.limitedBy?.kind).toBe('link')
    expect(run.world.ledger.imbalance()).toBe(0)
  })
})
