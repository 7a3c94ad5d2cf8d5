import { describe, expect, it } from 'vitest'
import { COST_PROFILES } from '../../src/cpu/cost-profile.ts'
import { prefix } from '../../src/wire/ipv4-address.ts'
import { MeshBench } from './weave-mesh-bench.ts'

function logOf(bench: MeshBench, number: number): string {
  return bench.router(number).program.log.join('\n')
}

/** Next hops from one router to all others, established connections only. */
function hops(bench: MeshBench, from: number, count: number): (number | null)[] {
  return Array.from({ length: count }, (_, i) => bench.router(from).routes.unicast(i + 1))
}

describe('two routers', () => {
  it('introduce themselves and connect', () => {
    const bench = new MeshBench(2)
    bench.connect(1, 2)
    bench.run(1500)
    const [one, two] = [bench.router(1).connectionTo(2)!, bench.router(2).connectionTo(1)!]
    expect(one.isEstablished && two.isEstablished).toBe(true)
    expect([one.isOutbound, two.isOutbound]).toEqual([true, false])
    expect(one.uid).toBe(two.uid)
    const params = bench.overlay(2).prepared[0]!
    expect(params.remotePeer.nickName).toBe('h1')
    expect(params.features.get('Overlays')).toBe('fastdp sleeve')
    expect(params.sessionKey).toBeNull()
    expect(params.localAddress).toBe(bench.address(2))
    expect(bench.router(2).routes.unicast(1)).toBe(1)
    expect(bench.router(2).peers.byShortId(bench.router(1).ourself.shortId)?.name).toBe(1)
    bench.expectBalance()
  })

  it('carry what the two ends of a data path tell each other', () => {
    const bench = new MeshBench(2)
    bench.connect(1, 2)
    bench.run(100)
    bench.overlay(1).prepared[0]!.sendControlMessage(7, Uint8Array.of(0, 1, 2))
    bench.overlay(1).prepared[0]!.sendControlMessage(1, Uint8Array.of())
    bench.run(10)
    expect(bench.overlay(2).controls).toEqual(['7: 0 1 2', '1: '])
  })

  it('that connect to each other at once keep the one connection of the lower uid', () => {
    for (let seed = 0; seed < 10; seed++) {
      const bench = new MeshBench(2, { seed: String(seed) })
      bench.connect(1, 2)
      bench.connect(2, 1)
      bench.run(20000)
      expect(bench.router(1).connectionTo(2)!.uid).toBe(bench.router(2).connectionTo(1)!.uid)
      expect(bench.router(1).connections.all()).toHaveLength(1)
      bench.expectBalance()
    }
  })

  it('route nothing before the data path works, and lose the connection with it', () => {
    const bench = new MeshBench(2)
    bench.overlay(1).isBlocked = true
    bench.connect(1, 2)
    bench.run(3000)
    expect(bench.router(2).routes.unicast(1)).toBeNull()
    expect(bench.router(2).routes.unicastAll(1)).toBe(1)
    bench.overlay(1).prepared[0]!.failed('no working forwarders to h2')
    bench.run(100)
    expect(logOf(bench, 1)).toContain('shutting down due to error: no working forwarders to h2')
    expect(bench.overlay(1).stopped).toBe(1)
    expect(bench.overlay(2).removed.map(({ name }) => name)).toEqual([1])
    bench.overlay(1).isBlocked = false
    bench.run(5000)
    expect(bench.router(2).routes.unicast(1)).toBe(1)
  })

  it('tell a lost peer by the heartbeats that stay away, and find each other again', () => {
    const bench = new MeshBench(2)
    bench.connect(1, 2)
    bench.run(1000)
    const heal = bench.partition([1], [2])
    bench.run(58000)
    expect(bench.neighbours(1)).toEqual([2])
    bench.run(32000)
    expect(bench.neighbours(1)).toEqual([])
    expect(logOf(bench, 1)).toMatch(/error: (i\/o timeout|ETIMEDOUT)/)
    heal()
    bench.run(200000)
    expect(bench.router(1).routes.unicast(2)).toBe(2)
    bench.expectBalance()
  })

  it('never try again what turned out to be themselves, or another of the same name', () => {
    const bench = new MeshBench(2)
    bench.connect(1, 1)
    bench.launch(2, { name: 1 })
    bench.connect(2, 1)
    bench.run(400000)
    expect(logOf(bench, 1).match(/cannot connect to ourself/g)).toHaveLength(2)
    expect(logOf(bench, 2)).toContain('peer names collision')
    expect(logOf(bench, 2).match(/attempting connection/g)).toHaveLength(1)
  })

  it('try an address where nobody listens ever more seldom', () => {
    const bench = new MeshBench(2)
    bench.router(2).stop()
    bench.connect(1, 2)
    bench.run(600000)
    expect(logOf(bench, 1)).toContain(
      '->[10.0.0.2:6783] error during connection attempt: dial tcp 10.0.0.2:6783: connect: connection refused',
    )
    // 2 s, and 1.5 times as much each time: the sum of ten is 227 s, of thirteen 775 s.
    const attempts = logOf(bench, 1).match(/attempting connection/g)!.length
    expect(attempts).toBeGreaterThanOrEqual(10)
    expect(attempts).toBeLessThanOrEqual(15)
  })

  it('work on hosts whose cores take time', () => {
    const bench = new MeshBench(3, { costs: COST_PROFILES['server-2020s']! })
    bench.connectAll()
    bench.run(3000)
    expect(hops(bench, 1, 3)).toEqual([null, 2, 3])
    bench.expectBalance()
  })
})

describe('a password', () => {
  it('must be the same on both sides', () => {
    const meet = (one: string | null, two: string | null): MeshBench => {
      const bench = new MeshBench(2)
      bench.router(1).stop()
      bench.router(2).stop()
      bench.run(10)
      bench.launch(1, { password: one })
      bench.launch(2, { password: two })
      bench.connect(1, 2)
      bench.run(1000)
      return bench
    }
    const same = meet('secret', 'secret')
    expect(same.neighbours(1)).toEqual([2])
    const key = same.overlay(1).prepared[0]!.sessionKey
    expect(key).not.toBeNull()
    expect(same.overlay(2).prepared[0]!.sessionKey).toBe(key)
    expect(logOf(meet('secret', 'other'), 1)).toContain('Unable to decrypt TCP msg')
    expect(logOf(meet('secret', null), 1)).toContain(
      'password specified, but peer requested an unencrypted connection',
    )
    expect(logOf(meet('secret', null), 2)).toContain(
      'no password specificed, but peer requested an encrypted connection',
    )
  })

  it("leaves the data path plain only where both trust each other's subnet", () => {
    const keyWith = (trusted: string): string | null => {
      const bench = new MeshBench(2, {}, { password: 'secret' })
      bench.router(2).stop()
      bench.run(10)
      bench.launch(2, { password: 'secret', trustedSubnets: [prefix(trusted)] })
      bench.router(1).stop()
      bench.run(10)
      bench.launch(1, { password: 'secret', trustedSubnets: [prefix('10.0.0.0/24')] })
      bench.connect(1, 2)
      bench.run(500)
      expect(bench.overlay(1).prepared).toHaveLength(1)
      return bench.overlay(1).prepared[0]!.sessionKey
    }
    expect(keyWith('10.0.0.0/24')).toBeNull()
    expect(keyWith('10.1.0.0/24')).not.toBeNull()
  })
})

describe('a mesh', () => {
  it('becomes full by discovery, from one peer that all know', () => {
    const bench = new MeshBench(8)
    for (let number = 2; number <= 8; number++) bench.connect(number, 1)
    bench.run(5000)
    for (let number = 1; number <= 8; number++) {
      expect(bench.router(number).connections.all()).toHaveLength(7)
      expect(hops(bench, number, 8)).toEqual(
        [1, 2, 3, 4, 5, 6, 7, 8].map((to) => (to === number ? null : to)),
      )
    }
    bench.expectBalance()
  })

  it('stays as it was drawn without discovery: routes are the shortest, by the lowest names', () => {
    const bench = new MeshBench(5, {}, { discovery: false })
    // 1 - 2 - 4 - 5 and 1 - 3 - 4.
    bench.connect(1, 2, 3)
    bench.connect(4, 2, 3, 5)
    bench.run(8000)
    expect(hops(bench, 1, 5)).toEqual([null, 2, 3, 2, 2])
    expect(hops(bench, 5, 5)).toEqual([4, 4, 4, 4, null])
    // What 1 broadcasts 2 hands on to 4, which 3 leaves alone.
    const broadcast = (at: number): number[] => [...bench.router(at).routes.broadcast(1)].sort()
    expect([1, 2, 3, 4, 5].map(broadcast)).toEqual([[2, 3], [4], [], [5], []])
  })

  it('hands on what is for others, and forgets who is cut off', () => {
    const bench = new MeshBench(3, {}, { discovery: false })
    bench.connect(2, 1, 3)
    bench.run(5000)
    expect(bench.router(1).routes.unicast(3)).toBe(2)
    bench.router(2).program.kill()
    bench.run(3000)
    expect(
      bench
        .router(1)
        .peers.all()
        .map(({ name }) => name),
    ).toEqual([1])
    expect(new Set(bench.overlay(1).removed.map(({ name }) => name))).toEqual(new Set([2, 3]))
    expect(bench.router(1).routes.unicast(3)).toBeNull()
  })

  it('keeps to the limit of connections, and reaches the others over its neighbours', () => {
    const bench = new MeshBench(10, {}, { connLimit: 4 })
    for (let number = 1; number <= 10; number++) bench.connect(number, (number % 10) + 1)
    bench.run(60000)
    for (let number = 1; number <= 10; number++) {
      expect(bench.router(number).connections.all().length).toBeLessThanOrEqual(4)
      expect(hops(bench, number, 10).filter((hop) => hop !== null)).toHaveLength(9)
    }
    const logs = bench.routers.map((_, i) => logOf(bench, i + 1)).join('\n')
    expect(logs).toContain('Connection limit reached (4)')
  })

  it('falls into cliques where the limit is reached before all have met', () => {
    const bench = new MeshBench(6, {}, { connLimit: 2 })
    bench.connectAll()
    bench.run(60000)
    const alone = Array.from({ length: 6 }, (_, i) =>
      hops(bench, i + 1, 6).filter((hop) => hop !== null),
    )
    expect(alone.some((reached) => reached.length < 5)).toBe(true)
  })

  it('takes a peer that was started anew for the same, with a new uid', () => {
    const bench = new MeshBench(3)
    bench.connectAll()
    bench.run(3000)
    const old = bench.router(3).ourself.uid
    bench.router(3).program.kill()
    bench.run(200)
    bench.launch(3)
    bench.connect(3, 1, 2)
    bench.run(20000)
    expect(bench.router(3).ourself.uid).not.toBe(old)
    expect(bench.router(1).peers.byName(3)!.uid).toBe(bench.router(3).ourself.uid)
    expect(hops(bench, 3, 3)).toEqual([1, 2, null])
  })

  it('lets each broadcast come to each peer once, from whomever, over whatever connections there are', () => {
    for (let seed = 0; seed < 5; seed++) {
      const bench = new MeshBench(9, { seed: String(seed) }, { discovery: false })
      const random = bench.simulator.random.stream('drawing')
      for (let number = 2; number <= 9; number++)
        bench.connect(number, random.integer(1, number - 1))
      for (let i = 0; i < 6; i++) bench.connect(random.integer(1, 9), random.integer(1, 9))
      bench.run(60000)
      for (let origin = 1; origin <= 9; origin++) {
        const received = [origin]
        for (const at of received) received.push(...bench.router(at).routes.broadcast(origin))
        expect([...received].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      }
    }
  })
})
