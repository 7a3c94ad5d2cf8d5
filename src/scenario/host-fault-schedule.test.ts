import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { MILLISECOND, SECOND } from '../sim/units.ts'
import { buildWorld } from './builder.ts'
import type { World } from './world.ts'

/** A store of three members on hosts of their own, with these faults. */
function worldWith(...faults: readonly string[]): World {
  const parts = `store: { kind: etcd }
workload: [{ kind: kv, name: load, from: h1, at: 2s, for: 8s, interval: 100ms, keys: 5 }]
duration: 12s
faults: [${faults.join(', ')}]
`
  return buildWorld(scenario(parts), builtinSchemes)
}

/** What holds of each member, or of the run, at some times. */
function at<T>(world: World, seconds: readonly number[], read: () => T): T[] {
  return seconds.map((time) => {
    world.simulator.run(time * SECOND)
    return read()
  })
}

const running = (world: World) => () =>
  world.store!.members.map(({ isRunning }) => (isRunning ? 'x' : '-')).join('')

const leaderOf = (world: World) => {
  return world.store!.members.find((member) => member.status()?.role === 'leader')?.name
}

describe('programs', () => {
  it('that crash or stop start again at the end of the fault', () => {
    const crash = worldWith('{ crash: store-2, at: 3s, until: 4s }', '{ stop: store-3, at: 5s }')
    expect(at(crash, [2.9, 3.1, 4.1, 6.5], running(crash))).toEqual(['xxx', 'x-x', 'xxx', 'xx-'])
    expect(crash.ledger.imbalance()).toBe(0)
  })

  it('that restart are away for as long as systemd takes', () => {
    const world = worldWith('{ restart: store-2, at: 3s }')
    expect(at(world, [3.05, 3.11], running(world))).toEqual(['x-x', 'xxx'])
  })

  it('may be named by what they do', () => {
    const world = worldWith('{ crash: leader, at: 3s, until: 8s }')
    world.simulator.run(2.9 * SECOND)
    const leader = leaderOf(world)
    expect(leader).toMatch(/^store-[123]$/)
    world.simulator.run(7 * SECOND)
    const gone = world.store!.members.filter(({ isRunning }) => !isRunning)
    expect(gone.map(({ name }) => name)).toEqual([leader])
    expect(at(world, [8.1], running(world))).toEqual(['xxx'])
  })

  it('are told of where nobody is meant', () => {
    const world = worldWith('{ name: early, crash: leader, at: 1ms }')
    expect(at(world, [2], running(world))).toEqual(['xxx'])
    expect(world.log).toEqual(['early did nothing: at 1 ms nobody led the store'])
  })
})

describe('disks', () => {
  it('that are lost hold nothing when the member starts', () => {
    const world = worldWith('{ loseDisk: store-3, at: 4s }')
    const entries = () => world.store!.members[2]!.disk.backup().entries.length
    expect(at(world, [3.9, 4.01], entries)).toEqual([expect.any(Number), 0])
    // It had acknowledged entries that the leader takes for granted: so ends etcd as well.
    expect(at(world, [4.2], running(world))).toEqual(['xx-'])
    expect(world.store!.members[2]!.log.join()).toMatch(/^panic: .*commit/)
  })

  it('that are restored hold what they held', () => {
    const world = worldWith('{ restoreDisk: store-3, at: 4s, of: 3s }')
    const { disk } = world.store!.members[2]!
    const entries = () => disk.backup().entries.length
    const [then, before, after] = at(world, [3, 3.99, 4], entries)
    expect(before).toBeGreaterThan(then!)
    expect(after).toBe(then)
  })

  it('are slow for as long as any of their faults lasts, the latest of them first', () => {
    const world = worldWith(
      '{ slowDisk: store-1, fsync: 20ms, at: 3s, until: 5s }',
      '{ slowDisk: store-1, at: 4s, until: 6s }',
    )
    const { disk } = world.store!.members[0]!
    const times = at(world, [2.9, 3.1, 4.1, 5.1, 6.1], () => disk.fsyncTime / MILLISECOND)
    expect(times).toEqual([1, 20, Infinity, Infinity, 1])
  })
})

describe('partitions and clocks', () => {
  const dropped = (world: World) => () =>
    world.store!.members.map(({ name }) => {
      const drops = [...world.ledger.dropCounts()]
      return drops.some(({ place, reason }) => {
        return reason === 'partitioned' && place.startsWith(`${name}/`)
      })
    })

  it('cut both ways, or from the first to the second', () => {
    const both = worldWith('{ partition: [[store-1], [store-2, store-3]], at: 3s, until: 5s }')
    const [before, during] = at(both, [2.9, 4.9], dropped(both))
    expect(before).toEqual([false, false, false])
    expect(during![0]).toBe(true)
    expect(during!.slice(1)).toContain(true)
    const oneWay = worldWith('{ partition: [[store-1], [store-2]], oneWay: true, at: 3s }')
    expect(at(oneWay, [4.9], dropped(oneWay))).toEqual([[true, false, false]])
    expect(oneWay.ledger.imbalance()).toBe(0)
  })

  it('end, and the members find each other again', () => {
    const world = worldWith('{ partition: [[leader], [followers]], at: 3s, until: 5s }')
    world.simulator.run(12 * SECOND)
    const states = world.store!.members.map((member) => member.status()!)
    expect(new Set(states.map(({ leader }) => leader)).size).toBe(1)
    expect(new Set(states.map(({ applied }) => applied)).size).toBe(1)
    expect(world.store!.violations).toEqual([])
  })

  it('turn a host’s clock forward or back', () => {
    const world = worldWith(
      '{ clockStep: h1, by: 30s, at: 3s }',
      '{ clockStep: h2, by: 2s, backwards: true, at: 3s }',
    )
    world.simulator.run(3.1 * SECOND)
    const offsets = ['h1', 'h2'].map((name) => world.hosts.get(name)!.kernel.clockOffset)
    expect(offsets).toEqual([30 * SECOND, -2 * SECOND])
  })
})
