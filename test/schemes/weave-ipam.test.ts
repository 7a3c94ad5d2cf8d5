import { describe, expect, it } from 'vitest'
import { ipv4, prefix } from '../../src/wire/ipv4-address.ts'
import { IpamBench } from './weave-ipam-bench.ts'

/** Connected with each other, some seconds ago. */
function meshed(
  count: number,
  settings: ConstructorParameters<typeof IpamBench>[1] = {},
): IpamBench {
  const bench = new IpamBench(count, settings)
  bench.mesh.connectAll()
  bench.mesh.run(3000)
  return bench
}

const SMALL = { range: prefix('10.32.0.0/28') }

describe('the first ring', () => {
  it('is made at the first request with the quorum that answers first; each takes the lowest of its own', () => {
    const bench = meshed(3)
    expect(bench.ring(1)).toEqual([])
    // Two of three are a quorum: h3 and who of the others answers first share the ring.
    expect(bench.allocated(3, 'c1')).toBe('10.40.0.0')
    bench.mesh.run(1000)
    for (const host of [1, 2, 3]) {
      expect(bench.owners(host)).toEqual(['10.32.0.0 h2', '10.40.0.0 h3'])
    }
    expect(bench.allocated(2, 'c2')).toBe('10.32.0.1')
    expect(bench.allocated(3, 'c1')).toBe('10.40.0.0')
    expect(bench.allocated(3, 'c3')).toBe('10.40.0.1')
    // h1 is given the upper half of the biggest block: of 10.36.0.0/14, or of 10.44.0.0/14.
    expect(bench.allocated(1, 'c4')).toMatch(/^10\.(38|46)\.0\.0$/)
  })

  it('waits for a quorum', () => {
    const bench = new IpamBench(3)
    const answers = bench.allocate(1, 'c1')
    bench.mesh.run(20000)
    expect(answers).toEqual([])
    bench.mesh.connect(2, 1)
    bench.mesh.run(8000)
    // Two of three are a quorum; the third is given space when it asks.
    expect(answers).toEqual(['10.32.0.1'])
    bench.mesh.connect(3, 1)
    bench.mesh.run(3000)
    expect(bench.ring(3)).toHaveLength(2)
    expect(bench.allocated(3, 'c2')).toMatch(/^10\.(38|44)\.0\.0$/)
  })

  it('needs no messages where the peers are given as seeds', () => {
    const bench = new IpamBench(2, { init: { mode: 'seed', peers: [2, 1] } })
    expect(bench.ring(1)).toEqual(['10.32.0.0 h1 v0', '10.40.0.0 h2 v0'])
    expect(bench.allocated(2, 'c1')).toBe('10.40.0.0')
  })

  it('made twice with other peers cannot be joined', () => {
    const bench = new IpamBench(2, { init: { mode: 'consensus', peers: 1 } })
    expect(bench.allocated(1, 'c1')).toBe('10.32.0.1')
    expect(bench.allocated(2, 'c2')).toBe('10.32.0.1')
    bench.mesh.connect(2, 1)
    bench.mesh.run(5000)
    const log = bench.mesh.router(1).program.log.join('\n')
    const [one, two] = ['[00:00:00:00:00:01(h1)]', '[00:00:00:00:00:02(h2)]']
    expect(log).toContain(
      `IP allocation was seeded by different peers (received: ${two}, ours: ${one})`,
    )
    expect(bench.mesh.neighbours(1)).toEqual([])
  })

  it('is primed by the operator', () => {
    const bench = meshed(3)
    const primed: number[] = []
    const { program } = bench.mesh.router(1)
    const allocator = bench.allocator(1)
    program.spawn(
      (function* () {
        yield* allocator.prime()
        primed.push(program.now)
      })(),
    )
    bench.mesh.run(3000)
    expect(primed).toHaveLength(1)
    expect(bench.ring(2)).toHaveLength(2)
  })

  it('of an observer comes from the others', () => {
    const bench = new IpamBench(2, { init: { mode: 'observer' } })
    bench.mesh.connectAll()
    expect(bench.allocated(1, 'c1', undefined, 20)).toBe('waiting')
    expect(bench.ring(1)).toEqual([])
  })
})

describe('an address', () => {
  it('comes from the subnet asked for, whose first and last stay free', () => {
    const bench = meshed(1)
    expect(bench.allocated(1, 'c1', '10.33.0.0/30')).toBe('10.33.0.1')
    expect(bench.allocated(1, 'c2', '10.33.0.0/30')).toBe('10.33.0.2')
    expect(bench.allocated(1, 'c3', '10.33.0.0/30', 20)).toBe('waiting')
    expect(bench.allocated(1, 'c4', '10.1.0.0/24')).toBe(
      'range 10.1.0.0/24 out of bounds: 10.32.0.0/12',
    )
    bench.allocator(1).delete('c1')
    bench.mesh.run(6000)
    expect(bench.allocated(1, 'c3', '10.33.0.0/30')).toBe('10.33.0.1')
  })

  it('comes from another peer where ours are used up: it gives half of what it has', () => {
    const bench = meshed(2, SMALL)
    // 10.32.0.0 to .7 are h1's, of which .0 is never given; .8 to .15 are h2's without .15.
    for (let i = 1; i <= 7; i++) expect(bench.allocated(1, `c${i}`)).toBe(`10.32.0.${i}`)
    expect(bench.allocated(1, 'c8')).toBe('10.32.0.12')
    expect(bench.owners(1)).toEqual(['10.32.0.0 h1', '10.32.0.8 h2', '10.32.0.12 h1'])
    const all = ['d1', 'd2', 'd3', 'd4', 'd5'].map((name) => bench.allocated(2, name))
    expect(all.slice(0, 4)).toEqual(['10.32.0.8', '10.32.0.9', '10.32.0.10', '10.32.0.11'])
    expect(all[4]).toMatch(/^10\.32\.0\.1[34]$/)
  })

  it('that ran out comes when one is given back elsewhere', () => {
    const bench = meshed(2, { range: prefix('10.32.0.0/29') })
    const given = ['a', 'b', 'c'].map((name) => bench.allocated(1, name))
    const others = ['d', 'e', 'f'].map((name) => bench.allocated(2, name))
    expect(new Set([...given, ...others]).size).toBe(6)
    const answers = bench.allocate(1, 'g')
    bench.mesh.run(20000)
    expect(answers).toEqual([])
    bench.allocator(2).delete('e')
    bench.mesh.run(60000)
    expect(answers).toEqual([others[1]])
  })

  it('is kept for 30 s when its container has died', () => {
    const bench = meshed(1)
    expect(bench.allocated(1, 'c1')).toBe('10.32.0.1')
    bench.allocator(1).containerDied('c1')
    bench.mesh.run(20000)
    expect(bench.allocated(1, 'c2')).toBe('10.32.0.2')
    expect(bench.allocated(1, 'c1')).toBe('10.32.0.1')
    bench.allocator(1).containerDied('c1')
    bench.mesh.run(36000)
    expect(bench.allocated(1, 'c3')).toBe('10.32.0.1')
    expect(bench.allocator(1).free('c3', ipv4('10.32.0.9'))).toBe(
      'Free: address 10.32.0.9 not found for c3',
    )
    expect(bench.allocator(1).free('c3', ipv4('10.32.0.1'))).toBeNull()
    expect(bench.allocator(1).delete('c3')).toBe('Delete: no addresses for c3')
  })

  it('waits no more when its container is gone', () => {
    const bench = new IpamBench(3)
    const answers = bench.allocate(1, 'c1')
    bench.mesh.run(1000)
    bench.allocator(1).containerDied('c1')
    bench.mesh.run(1000)
    expect(answers).toEqual(['Allocate request for c1 cancelled'])
  })
})

describe('a claim', () => {
  it('of a free address of ours, of a peer, and of one in use', () => {
    const bench = meshed(2)
    expect(bench.claimed(1, 'c1', '10.32.0.7')).toBe('ok')
    expect(bench.claimed(1, 'c1', '10.32.0.7')).toBe('ok')
    expect(bench.claimed(1, 'c2', '10.32.0.7')).toBe('address 10.32.0.7/12 is already owned by c1')
    expect(bench.claimed(1, 'c2', '10.40.0.7')).toBe('ok')
    expect(bench.allocator(1).ring.owner(ipv4('10.40.0.7') >>> 0)).toBe(1)
    expect(bench.claimed(2, 'c3', '10.32.0.7')).toBe(
      'address 10.32.0.7/12 is owned by other peer 00:00:00:00:00:01 (h1)',
    )
  })

  it('beside the range looks only at our own containers', () => {
    const bench = meshed(2)
    expect(bench.claimed(1, 'c1', '192.168.0.1')).toBe('ok')
    expect(bench.claimed(2, 'c2', '192.168.0.1')).toBe('ok')
    expect(bench.claimed(1, 'c3', '192.168.0.1')).toBe(
      'address 192.168.0.1/12 already in use by c1',
    )
  })

  it('gives up when the owner cannot be reached', () => {
    const bench = meshed(2)
    bench.allocated(1, 'c1')
    bench.crash(2)
    bench.mesh.run(70000)
    expect(bench.claimed(1, 'c2', '10.40.0.7')).toBe(
      'address 10.40.0.7/12 is owned by other peer 00:00:00:00:00:02 (h2) - ' +
        'unknown relay destination: 00:00:00:00:00:02',
    )
  })
})

describe('what stays', () => {
  it('over a restart is on disk: ring and addresses', () => {
    const bench = meshed(2)
    expect(bench.allocated(2, 'c1')).toBe('10.40.0.0')
    bench.crash(2)
    bench.mesh.run(1000)
    bench.restart(2, 1)
    expect(bench.mesh.router(2).program.log.join('\n')).toContain(
      'Initialising with persisted data',
    )
    expect(bench.allocated(2, 'c2')).toBe('10.40.0.1')
    expect(bench.allocated(2, 'c1')).toBe('10.40.0.0')
    bench.allocator(2).pruneOwned(new Set(['c2']))
    expect(bench.allocated(2, 'c3')).toBe('10.40.0.0')
  })

  it("is another's after a reset, which tells it once", () => {
    const bench = meshed(2)
    bench.allocated(1, 'c1')
    bench.allocator(2).shutdown()
    bench.mesh.run(2000)
    expect(bench.ring(1).map((entry) => entry.split(' ')[1])).toEqual(['h1', 'h1'])
    expect(bench.allocator(1).hasPending).toBe(false)
    expect(bench.allocated(2, 'late')).toBe('Allocate request for late cancelled')
  })

  it('is taken over by one peer after a loss, and lost peers that come back are refused while they use it', () => {
    const bench = meshed(3, { init: { mode: 'seed', peers: [1, 2, 3] } })
    expect(bench.owners(1)).toEqual(['10.32.0.0 h1', '10.40.0.0 h2', '10.44.0.0 h3'])
    bench.allocated(3, 'c3')
    bench.crash(3)
    bench.mesh.run(70000)
    expect(bench.allocator(1).takeOver('h3')).toBe(2 ** 18)
    expect(bench.allocator(1).takeOver('nobody')).toBe(0)
    bench.mesh.run(2000)
    expect(bench.ring(2).map((entry) => entry.split(' ')[1])).toEqual(['h1', 'h2', 'h1'])
    // h3 was not gone for good: it has an address of what h1 may now give as well.
    bench.restart(3, 1, 2)
    bench.mesh.run(10000)
    expect(bench.mesh.router(3).program.log.join('\n')).toMatch(
      /Received update for IP range I own at 10\.44\.0\.0 v\d+: incoming message says owner 00:00:00:00:00:01 v\d+/,
    )
    expect(bench.mesh.neighbours(3)).toEqual([])
  })

  it('is owned twice where two peers take over', () => {
    const bench = meshed(3, { ...SMALL, init: { mode: 'seed', peers: [1, 2, 3] } })
    bench.crash(3)
    bench.mesh.run(70000)
    const heal = bench.mesh.partition([1], [2])
    bench.allocator(1).takeOver('h3')
    bench.allocator(2).takeOver('h3')
    const one = Array.from({ length: 11 }, (_, i) => bench.allocated(1, `a${i}`, undefined, 1))
    const two = Array.from({ length: 7 }, (_, i) => bench.allocated(2, `b${i}`, undefined, 1))
    const shared = one.filter((address) => address !== 'waiting' && two.includes(address))
    expect(shared.length).toBeGreaterThan(0)
    heal()
    bench.mesh.run(400000)
    const log = bench.mesh.router(1).program.log.join('\n')
    expect(log).toMatch(/due to error: (Inconsistent entries|Received update for IP range I own)/)
    expect(bench.mesh.neighbours(1)).toEqual([])
  })
})
