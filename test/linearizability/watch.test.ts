/**
 * A watch of etcd v3 delivers every change once and in order, or says that it was compacted: compared with
 * what the log that the members wrote makes of an empty store.
 */
import { describe, expect, it } from 'vitest'
import { SOUND_PARTS } from '../../src/control/cluster/parts.ts'
import { Dice } from '../chaos/dice.ts'
import { seeds } from '../seeds.ts'
import { type Applied, WrittenEntries } from './applied-log.ts'
import { Compactor } from './compactor.ts'
import { v3Dialect } from './etcd-dialects.ts'
import { etcdStore } from './etcd-store.ts'
import { Trial } from './trial.ts'
import { Watcher } from './watcher.ts'

const SET = 400
/** Half units of time until a watcher must have been told all. */
const PATIENCE = 60
const KEYS = ['a', 'b', 'c']

/** @returns the first thing that was told wrong; null = none. */
function wrongOf({ told }: Watcher, { changes, compactions }: Applied): string | null {
  let next = 2
  for (const each of told) {
    if ('compacted' in each) {
      if (each.compacted < next) return `compacted at ${each.compacted}, but had all before ${next}`
      next = each.compacted
      continue
    }
    // etcd issue 18089, which 3.4.23 has: a deletion that is compacted at its very revision goes, and a
    // watch that begins there is not told of it.
    if (compactions.has(next) && changes[next - 2]?.value === null && each.revision > next) next++
    const expected = changes[next - 2]
    const { revision, key, value } = each
    const isRight = revision === next && key === expected?.key && value === expected.value
    if (!isRight) return `told of ${JSON.stringify(each)}, not of ${JSON.stringify(expected)}`
    next++
  }
  const last = changes.length + 1
  const isAll =
    next > last || (next === last && compactions.has(next) && changes.at(-1)!.value === null)
  return isAll ? null : `told up to ${next - 1} of ${last}`
}

class WatchTrial {
  readonly written = new WrittenEntries()
  readonly trial: Trial
  readonly watchers: readonly Watcher[]
  private readonly compactor: Compactor | null

  constructor(seed: string) {
    const dice = new Dice(`${seed}/watch`)
    const parts = { ...SOUND_PARTS, durable: () => this.written.disk() }
    const members = dice.pick([3, 3, 5])
    const dialect = v3Dialect()
    this.trial = new Trial(seed, {
      members,
      store: etcdStore(parts),
      clients: (_, unit) =>
        [1, 2].map(() => ({ dialect, keys: KEYS, unit, puts: 0.7, swaps: 0, deletes: 0.2 })),
    })
    const { bench, store } = this.trial
    const addresses = Array.from({ length: members }, (_, i) => bench.address(i + 1))
    const namespace = bench.host(bench.hosts.length).root
    this.watchers = [1, 2, 3].map(
      (n) => new Watcher(namespace, `w${n}`, addresses, new Dice(`${seed}/w${n}`), store.unit),
    )
    this.compactor = dice.chance(0.5) ? new Compactor(namespace, addresses, dice, store.unit) : null
  }

  private get applied(): Applied {
    return this.written.applied(this.trial.store.cluster.members[0]!.status()!.commit)
  }

  private get hasToldAll(): boolean {
    const end = this.applied.changes.length + 2
    return this.watchers.every(({ next }) => next === end)
  }

  /** @returns what is wrong. */
  run(): string[] {
    const { trial, watchers } = this
    trial.run()
    this.compactor?.stop()
    const faults = trial.settle()
    // Once more when all are told: a last request may still be done, and something told twice.
    for (let waited = 0, calm = 0; waited < PATIENCE && calm < 2; waited++) {
      trial.advance(0.5)
      calm = this.hasToldAll ? calm + 1 : 0
    }
    const { applied } = this
    const wrong = watchers.map((watcher) => wrongOf(watcher, applied))
    trial.bench.expectBalance()
    return [...faults, ...trial.faults(), ...wrong.filter((each) => each !== null)]
  }
}

describe('watches through crashes, partitions and leader changes', () => {
  const all = seeds('watch', SET, 'ENCAP_LINEAR_SEED')
  it.skipIf(all.length === 0)(
    `${all[0]} and ${all.length - 1} more`,
    () => {
      let changes = 0
      let streams = 0
      let gaps = 0
      let elections = 0
      for (const seed of all) {
        const watched = new WatchTrial(seed)
        expect(watched.run(), seed).toEqual([])
        elections += watched.trial.store.cluster.leadership.elections
        for (const { told, streams: count } of watched.watchers) {
          streams += count
          for (const each of told) 'compacted' in each ? gaps++ : changes++
        }
      }
      const watchers = 3 * all.length
      expect(changes / watchers).toBeGreaterThan(15)
      expect(streams / watchers).toBeGreaterThan(3)
      expect(elections / all.length).toBeGreaterThan(2)
      expect(gaps / all.length).toBeGreaterThan(0.2)
    },
    600_000,
  )
})
