import { describe, expect, it } from 'vitest'
import { MemberlistCluster } from '../../../../test/control/memberlist-cluster.ts'
import { COST_PROFILES } from '../../../cpu/cost-profile.ts'
import { blockUdpPort, loss } from '../../../link/fault-rules.ts'
import { type FaultRule, PASS } from '../../../link/faulty-channel.ts'
import type { RandomStream } from '../../../sim/random.ts'
import type { Frame } from '../../../wire/frame.ts'
import { Datagrams } from '../../program/datagrams.ts'
import { Program } from '../../program/program.ts'
import { encodeUserStream } from '../wire/stream-messages.ts'
import { LAN, LOCAL } from './config.ts'
import { Memberlist } from './memberlist.ts'

const DEEP = process.env['ENCAP_DEEP'] === '1'
/** `npm test` does a twentieth. */
const SEEDS = Array.from({ length: DEEP ? 60 : 3 }, (_, i) => `${i + 1}`)

/** A cluster that has come together, some time ago. */
function settled(count: number, seed = '1'): MemberlistCluster {
  const cluster = new MemberlistCluster(count, { seed })
  // Now and then somebody misses all gossip of a node: the next push/pull helps, within a minute.
  cluster.runUntil(() => cluster.everybodyKnowsAll, 70, 1)
  // All began at once, so all tick at whole seconds: what happens next shall not.
  cluster.run(10.35)
  expect(cluster.everybodyKnowsAll).toBe(true)
  return cluster
}

/** Counts UDP datagrams and their bytes on the way from a host. */
class Counter implements FaultRule {
  readonly name = 'count'
  frames = 0
  bytes = 0

  judge(frame: Frame, _random: RandomStream) {
    if (frame.protocol === 17) {
      this.frames++
      this.bytes += frame.payload?.length ?? 0
    }
    return PASS
  }
}

function counted(cluster: MemberlistCluster): Counter[] {
  return cluster.bench.hosts.map((host) => {
    const counter = new Counter()
    host.port!.channel.add(counter)
    return counter
  })
}

describe('a memberlist', () => {
  it.each([2, 5, 16])('of %i nodes that join one of them is complete within gossip rounds', (n) => {
    const cluster = new MemberlistCluster(n)
    const seconds = cluster.runUntil(() => cluster.everybodyKnowsAll, 30)
    // Two nodes tell each other all at once; news of the later ones needs some rounds of 200 ms.
    expect(seconds).toBeLessThanOrEqual(n === 2 ? 0.011 : 1.5)
    cluster.run(60)
    expect(cluster.failures).toEqual([])
    for (const [i] of cluster.lists.entries()) {
      const joins = cluster.notes.filter(({ by, what }) => by === i + 1 && what === 'join')
      expect(joins.map(({ name }) => name).sort()).toEqual(
        cluster.lists.map((_, j) => `m${j + 1}`).sort(),
      )
    }
    cluster.bench.expectBalance()
  })

  it('works where its work takes time', () => {
    const costs = COST_PROFILES['server-2020s']!
    const cluster = new MemberlistCluster(4, { costs })
    cluster.run(20)
    expect(cluster.everybodyKnowsAll).toBe(true)
    expect(cluster.failures).toEqual([])
    for (const { kernel } of cluster.bench.hosts) expect(kernel.machine?.unaccounted).toBe(0)
  })

  it.each(SEEDS)('finds a killed node within the bounds of the formula, seed %s', (seed) => {
    const cluster = settled(8, seed)
    const killed = cluster.seconds
    cluster.program(3).kill()
    cluster.run(40)
    const found = cluster.notes.filter(({ what }) => what === 'leave')
    expect(found.map(({ by, name, state }) => `${by} ${name} ${state}`).sort()).toEqual(
      [1, 2, 4, 5, 6, 7, 8].map((by) => `${by} m3 dead`),
    )
    const first = Math.min(...found.map(({ at }) => at)) - killed
    const last = Math.max(...found.map(({ at }) => at)) - killed
    // A probe of 1 s that fails, then 4 s at the least when two others confirm; each round of probes
    // of 7 nodes meets the dead one once.
    expect(first).toBeGreaterThanOrEqual(5)
    // Who misses the news finds out itself: so this is the bound for the last one too.
    expect(last).toBeLessThanOrEqual(14 + 1 + 24)
  })

  it('of two declares the other dead after the shortest time: nobody could confirm', () => {
    const cluster = settled(2)
    const killed = cluster.seconds
    cluster.program(2).kill()
    cluster.run(30)
    const [found] = cluster.failures
    // As observed on real hosts, to the digit: the next probe, its second, and 4 s of suspicion.
    expect(found!.at - killed).toBeCloseTo(5.65, 2)
  })

  it('of two probes every other second only', () => {
    const cluster = settled(2)
    const counters = counted(cluster)
    cluster.run(100)
    const frames = counters.reduce((sum, counter) => sum + counter.frames, 0)
    // Observed on real hosts: 2.2 to 2.3 packets a second, both directions together.
    expect(frames / 100).toBeGreaterThan(2.1)
    expect(frames / 100).toBeLessThan(2.4)
  })

  it.each(SEEDS)('does not lose a node that only some cannot reach, seed %s', (seed) => {
    const cluster = settled(4, seed)
    const incarnations = () => cluster.list(3).nodes.map((node) => node.incarnation)
    const before = incarnations()
    cluster.bench.partition([1], [2])
    cluster.run(120)
    expect(cluster.failures).toEqual([])
    // Nobody even had to refute: others reach both.
    expect(incarnations()).toEqual(before)
    expect(cluster.views('m1')).toEqual(['alive', 'alive', 'alive', 'alive'])
  })

  it('does not lose a node whose answers do not reach one other', () => {
    const cluster = settled(4)
    cluster.bench.partition([1], [2], false)
    cluster.run(120)
    expect(cluster.failures).toEqual([])
  })

  it('keeps nodes that answer by TCP only', () => {
    const cluster = settled(3)
    for (const host of cluster.bench.hosts) host.port!.channel.add(blockUdpPort(7946))
    cluster.run(60)
    expect(cluster.failures).toEqual([])
    // By UDP the nodes asked to help did not hear of it, so nobody could say no either.
    expect(cluster.list(1).members).toHaveLength(3)
  })

  it('lets a suspected node refute, with a higher incarnation', () => {
    const cluster = settled(5)
    const before = cluster.list(1).node('m5')!.incarnation
    const heal = cluster.bench.partition([5], [1, 2, 3, 4])
    const suspected = cluster.runUntil(() => cluster.views('m5').includes('suspect'), 20)
    expect(suspected).toBeGreaterThan(1)
    heal()
    cluster.run(5)
    expect(cluster.views('m5')).toEqual(Array(5).fill('alive'))
    expect(cluster.list(1).node('m5')!.incarnation).toBeGreaterThan(before)
    expect(cluster.failures.filter(({ name }) => name === 'm5')).toEqual([])
  })

  it('sees a node that leaves as left, and forgets it later', () => {
    const cluster = settled(4)
    const leaving = cluster.program(2).spawn(cluster.list(2).leave(5e12))
    cluster.run(3)
    expect(leaving.done.isSettled).toBe(true)
    expect(cluster.views('m2')).toEqual(['left', 'left', 'left', 'left'])
    cluster.list(2).shutdown()
    cluster.run(60)
    expect(cluster.failures).toEqual([])
    expect(cluster.views('m2').filter((_, i) => i !== 1)).toEqual(Array(3).fill(undefined))
  })

  it('takes a restarted node back: it outbids its own death', () => {
    const cluster = settled(4)
    cluster.program(2).kill()
    const seconds = cluster.runUntil(
      () => cluster.views('m2').every((state) => state === 'dead'),
      40,
    )
    expect(seconds).toBeLessThan(40)
    cluster.start(2)
    cluster.run(2)
    expect(cluster.views('m2')).toEqual(Array(4).fill('alive'))
    expect(cluster.list(1).node('m2')!.incarnation).toBeGreaterThan(1)
    cluster.run(60)
    expect(cluster.views('m2')).toEqual(Array(4).fill('alive'))
  })

  it('does not even notice a quick restart, but for the incarnation', () => {
    const cluster = settled(4)
    cluster.program(2).kill()
    cluster.start(2)
    cluster.run(40)
    expect(cluster.failures).toEqual([])
    expect(cluster.list(3).node('m2')!.incarnation).toBe(1)
  })

  it('stays apart after a partition, until somebody joins again', () => {
    const cluster = settled(4)
    const heal = cluster.bench.partition([1, 2], [3, 4])
    cluster.run(120)
    heal()
    cluster.run(60)
    expect(cluster.list(1).members).toHaveLength(2)
    const { address, port } = cluster.list(4).localNode
    cluster.program(1).spawn(cluster.list(1).join([{ address, port }]))
    cluster.run(5)
    expect(cluster.everybodyKnowsAll).toBe(true)
  })

  it.each(SEEDS)('bears one lost frame in ten, seed %s', (seed) => {
    const cluster = settled(6, seed)
    for (const host of cluster.bench.hosts) host.port!.channel.add(loss(0.1))
    cluster.run(120)
    expect(cluster.failures).toEqual([])
    cluster.program(6).kill()
    cluster.run(60)
    expect(cluster.views('m6').filter((state) => state === 'alive')).toEqual([])
    expect(cluster.list(1).members).toHaveLength(5)
  })

  it('passes on new meta', () => {
    const cluster = settled(5)
    cluster.metas.set(2, new TextEncoder().encode('role=server'))
    cluster.program(2).spawn(cluster.list(2).updateNode(5e12))
    cluster.run(3)
    const metas = cluster.lists.map((list) => new TextDecoder().decode(list.node('m2')!.meta))
    expect(metas).toEqual(Array(5).fill('role=server'))
    expect(cluster.notes.filter(({ what }) => what === 'update')).toHaveLength(5)
  })

  it('refuses meta above 512 bytes', () => {
    const cluster = new MemberlistCluster(1)
    cluster.metas.set(1, new Uint8Array(513))
    expect(() => cluster.list(1).updateNode(0).next()).toThrow('513 bytes')
  })

  it('carries user messages to one node, by UDP and by TCP', () => {
    const cluster = settled(3)
    const [list, target] = [cluster.list(1), cluster.list(1).node('m3')!]
    const bytes = new TextEncoder().encode('x'.repeat(100_000))
    cluster.program(1).spawn(
      (function* () {
        list.sendBestEffort([target], new TextEncoder().encode('known'))
        list.sendToAddress(target, new TextEncoder().encode('plain'))
        yield* list.sendReliable(target, encodeUserStream([bytes]))
      })(),
    )
    cluster.run(1)
    expect(cluster.heard).toEqual(['h3 known', 'h3 plain', `h3 ${'x'.repeat(100_000)}`])
  })

  it('costs each node the same, however many there are', () => {
    const perSecond = [4, 8, 24].map((n) => {
      const cluster = settled(n)
      const counters = counted(cluster)
      cluster.run(60)
      return Math.max(...counters.map(({ frames }) => frames)) / 60
    })
    // One ping sent and answered, and on average one answered: never more than a few a second.
    for (const rate of perSecond) expect(rate).toBeLessThan(3.5)
    expect(perSecond[2]! - perSecond[1]!).toBeLessThan(1)
  })

  it('knows when it is slow itself: a cut-off node probes ever more rarely', () => {
    const cluster = settled(5)
    cluster.bench.partition([5], [1, 2, 3, 4])
    cluster.run(15)
    expect(cluster.list(5).healthScore).toBeGreaterThan(3)
    expect(cluster.list(1).healthScore).toBe(0)
  })

  it('finds out sooner with the parameters for one machine', () => {
    const cluster = new MemberlistCluster(2, { config: LOCAL })
    cluster.run(5)
    const killed = cluster.seconds
    cluster.program(2).kill()
    cluster.run(30)
    expect(cluster.failures[0]!.at - killed).toBeLessThan(7)
  })

  it('needs its port, by UDP and by TCP', () => {
    const cluster = new MemberlistCluster(1)
    const program = new Program(cluster.bench.host(1).root, 'second')
    const { address, name, port } = cluster.list(1).localNode
    const start = () => Memberlist.start(program, { name, address, port }, LAN, cluster.delegate(1))
    expect(start()).toBeNull()
    cluster.list(1).shutdown()
    const socket = Datagrams.open(program, port)!
    expect(start()).toBeNull()
    socket.close()
    expect(start()).toBeInstanceOf(Memberlist)
  })

  it('does the same in each run of a seed', () => {
    const run = (seed: string) => {
      const cluster = new MemberlistCluster(6, { seed })
      cluster.run(12)
      cluster.program(4).kill()
      cluster.run(25)
      return cluster.notes
    }
    const notes = run('a')
    expect(run('a')).toEqual(notes)
    expect(run('b')).not.toEqual(notes)
  })
})
