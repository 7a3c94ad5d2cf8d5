/**
 * Random containers, killed daemons and partitions on three hosts of each scheme whose addresses no test of
 * its own draws at random: none is given twice, and they come in the order that the real one has.
 */
import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { MILLISECOND, SECOND } from '../../src/sim/units.ts'
import { seeds } from '../seeds.ts'
import { lowest, type Order, perHost, queue, roundRobin } from './orders.ts'
import { RandomLife, type Subject } from './random-life.ts'

const STEPS = 12
/** `npm test` runs one of so many. */
const SHARES = 40

interface Case extends Omit<Subject, 'scheme'> {
  readonly scheme: string
  readonly order: Order
  /** Sequences of the whole set, 10,000 in all; the fewer the more a daemon has to say. */
  readonly set: number
}

const ETCD = { kind: 'etcd', members: 1 }

const CASES: readonly Case[] = [
  {
    name: 'bridge',
    scheme: 'bridge',
    options: { subnet: '172.17.0.0/27' },
    ready: SECOND,
    patience: MILLISECOND,
    isLocal: true,
    order: perHost(lowest),
    set: 4680,
  },
  {
    name: 'flannel',
    scheme: 'flannel',
    // Eleven for containers: they go round.
    options: { subnet: '10.244.0.0/24', subnetLen: 28 },
    ready: SECOND,
    patience: MILLISECOND,
    order: perHost(roundRobin(16)),
    set: 4680,
  },
  {
    name: 'flannel/etcd-v3',
    scheme: 'flannel',
    options: { subnet: '10.244.0.0/24', subnetLen: 28, subnetManager: 'etcd-v3' },
    store: ETCD,
    ready: 20 * SECOND,
    patience: SECOND,
    order: perHost(roundRobin(16)),
    set: 120,
  },
  {
    name: 'calico',
    scheme: 'calico',
    options: { subnet: '172.16.0.0/24', blockSize: 29 },
    store: ETCD,
    ready: 10 * SECOND,
    patience: SECOND,
    order: perHost(queue(8)),
    set: 120,
  },
  {
    name: 'docker-overlay/classic',
    scheme: 'docker-overlay',
    options: { subnet: '10.0.9.0/27' },
    store: ETCD,
    ready: 30 * SECOND,
    patience: SECOND,
    order: lowest,
    set: 80,
  },
  {
    name: 'docker-overlay/swarm',
    scheme: 'docker-overlay',
    options: { mode: 'swarm', subnet: '10.0.9.0/27' },
    ready: 10 * SECOND,
    patience: 2 * SECOND,
    // Each host has a load balancer, which has an address too.
    order: roundRobin(32, 3),
    set: 80,
  },
  {
    name: 'weave',
    scheme: 'weave',
    options: {},
    ready: 5 * SECOND,
    patience: SECOND,
    order: perHost(lowest),
    set: 240,
  },
]

const numberOf = (seed: string) => Number(seed.split('-').at(-1))

describe.each(CASES)('addresses of $name', ({ order, set, ...subject }) => {
  const life = (seed: string, hasFaults: boolean) =>
    new RandomLife({ ...subject, scheme: builtinSchemes.get(subject.scheme)! }, seed, hasFaults)
  const all = seeds(subject.name, set, 'ENCAP_IPAM_SEED', SHARES)

  it('are never given twice, whatever befalls daemons and cables', { timeout: 1_800_000 }, () => {
    let shared = 0
    let most = 0
    for (const seed of all.filter((each) => numberOf(each) % 2 === 0)) {
      const trial = life(seed, true)
      trial.run(STEPS, () => {
        const live = trial.live()
        expect(new Set(live).size, seed).toBe(live.length)
        most = Math.max(most, live.length)
        shared += live.length - new Set(trial.liveAddresses()).size
      })
      expect(trial.world.ledger.imbalance(), seed).toBe(0)
    }
    expect(most).toBeGreaterThan(1)
    // Hosts that know nothing of each other and have the same subnet do give the same ones.
    expect(shared > 0).toBe(subject.isLocal ?? false)
  })

  it('come in their order, and come back in it', { timeout: 1_800_000 }, () => {
    for (const seed of all.filter((each) => numberOf(each) % 2 === 1)) {
      const trial = life(seed, false)
      let seen = trial.history.length
      trial.run(STEPS, () => {
        const { history } = trial
        const hasCome = history.length > seen && history.at(-1)!.kind === 'given'
        seen = history.length
        if (hasCome) expect(order(history), seed).toBeNull()
      })
    }
  })
})
