import { describe, expect, it } from 'vitest'
import { BgpSpeakers, type PipedSpeaker } from '../../../test/control/bgp-speakers.ts'
import { RandomStreams } from '../../sim/random.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { type Ipv4Address, ipv4, prefix } from '../../wire/ipv4-address.ts'
import { BIRD_GRACEFUL_RESTART, BIRD_TIMERS } from './session/settings.ts'
import { asPathLength } from './wire/attributes.ts'

const P = prefix('10.1.0.0/16')
const Q = prefix('10.2.0.0/16')

describe('a speaker', () => {
  it('passes eBGP routes on and takes them back, and lets none come back to where it was', () => {
    const net = new BgpSpeakers()
    const [a, b, c] = [1, 2, 3].map((n) => net.add(65000 + n, n))
    net.join(a!, b!)
    net.join(b!, c!)
    net.join(c!, a!)
    a!.speaker.originate(P)
    net.start()
    net.run(SECOND)
    expect([b!.routes, c!.routes]).toEqual([
      new Map([['10.1.0.0/16', [1]]]),
      new Map([['10.1.0.0/16', [1]]]),
    ])
    // What it has from its peers has its own AS in it.
    expect([a!.routes.size, a!.neighbour(b!).received]).toEqual([0, 0])
    a!.neighbour(c!).session.stop(null)
    c!.neighbour(a!).session.stop(null)
    net.run(SECOND)
    expect(c!.routes.get('10.1.0.0/16')).toEqual([2])
    a!.speaker.withdraw(P)
    net.run(SECOND)
    expect([b!.routes.size, c!.routes.size]).toEqual([0, 0])
  })

  it('shares traffic over equal paths, up to its limit', () => {
    const net = new BgpSpeakers()
    const far = net.add(65001, 1)
    const near = net.add(65002, 9, { multipath: 2 })
    for (const n of [2, 3, 4]) {
      const middle = net.add(65100 + n, n)
      net.join(far, middle)
      net.join(middle, near)
    }
    far.speaker.originate(P)
    net.start()
    net.run(SECOND)
    expect(near.routes.get('10.1.0.0/16')).toEqual([2, 3])
  })

  it('filters what comes in and what goes out', () => {
    const net = new BgpSpeakers()
    const [a, b, c] = [1, 2, 3].map((n) => net.add(65000 + n, n))
    net.join(a!, b!, {
      export: (to, attributes) => (to.base === Q.base ? null : { ...attributes, med: 30 }),
    })
    net.join(a!, c!, {}, { import: (to, attributes) => (to.base === P.base ? attributes : null) })
    for (const block of [P, Q]) a!.speaker.originate(block)
    net.start()
    net.run(SECOND)
    expect([[...b!.routes.keys()], [...c!.routes.keys()]]).toEqual([
      ['10.1.0.0/16'],
      ['10.1.0.0/16'],
    ])
    expect([...b!.speaker.locRib.destinations()][0]!.best!.attributes.med).toBe(30)
  })

  it('waits between UPDATEs when it has an advertisement interval, and tells the last state', () => {
    const net = new BgpSpeakers()
    const [a, b] = [1, 2].map((n) => net.add(65000 + n, n))
    net.join(a!, b!, { advertisementInterval: 5 * SECOND })
    a!.speaker.originate(P)
    net.start()
    net.run(SECOND)
    a!.speaker.withdraw(P)
    a!.speaker.originate(Q)
    net.run(3 * SECOND)
    expect([...b!.routes.keys()]).toEqual(['10.1.0.0/16'])
    net.run(2 * SECOND)
    expect([...b!.routes.keys()]).toEqual(['10.2.0.0/16'])
  })

  it('says everything again when it is asked to (RFC 2918)', () => {
    const net = new BgpSpeakers()
    const [a, b] = [1, 2].map((n) => net.add(65000 + n, n))
    net.join(a!, b!)
    a!.speaker.originate(P)
    net.start()
    net.run(SECOND)
    const neighbour = a!.neighbour(b!)
    // The peer forgets, as one does that changes its filters.
    b!.neighbour(a!).update({ kind: 'update', withdrawn: [P], attributes: null, announced: [] })
    expect(b!.routes.size).toBe(0)
    neighbour.refresh()
    net.run(SECOND)
    expect([b!.routes.size, neighbour.advertised]).toEqual([1, 1])
  })

  it('lets a neighbour go', () => {
    const net = new BgpSpeakers()
    const [a, b] = [1, 2].map((n) => net.add(65000 + n, n))
    net.join(a!, b!)
    for (const [i, each] of [a!, b!].entries()) each.speaker.originate(i === 0 ? P : Q)
    net.start()
    net.run(SECOND)
    a!.speaker.removeNeighbour(a!.neighbour(b!))
    net.run(SECOND)
    expect([a!.routes.size, b!.routes.size]).toEqual([0, 0])
    expect(b!.ends).toMatchObject([{ kind: 'received', error: { code: 6, subcode: 3 } }])
    expect(a!.speaker.neighbour(2)).toBeNull()
  })
})

describe('a change of the export filter', () => {
  it('is told to the peer, and breaks no session', () => {
    const net = new BgpSpeakers()
    const [a, b] = [1, 2].map((n) => net.add(65000 + n, n))
    net.join(a!, b!, { export: (to, attributes) => (to.base === P.base ? attributes : null) })
    for (const block of [P, Q]) a!.speaker.originate(block)
    net.start()
    net.run(SECOND)
    const { updatesSent } = a!.neighbour(b!).session.counters
    a!.neighbour(b!).setExport((to, attributes) => (to.base === Q.base ? attributes : null))
    net.run(SECOND)
    expect([...b!.routes.keys()]).toEqual(['10.2.0.0/16'])
    // One that withdraws, one that announces.
    expect(a!.neighbour(b!).session.counters.updatesSent - updatesSent).toBe(2)
    expect([a!.ends, b!.ends]).toEqual([[], []])
  })
})

describe('next hops towards another AS', () => {
  it.each([
    [false, 2],
    [true, 1],
  ])('kept = %s', (nextHopKeep, expected) => {
    const net = new BgpSpeakers()
    const [a, b, c] = [1, 2, 3].map((n) => net.add(n === 3 ? 65003 : 65000, n))
    net.join(a!, b!)
    net.join(b!, c!, { nextHopKeep })
    a!.speaker.originate(P)
    net.start()
    net.run(SECOND)
    expect(c!.routes.get('10.1.0.0/16')).toEqual([expected])
  })
})

describe('a range of addresses to listen on', () => {
  const bench = (limit: number, remoteAs: number | 'external') => {
    const net = new BgpSpeakers()
    const leaf = net.add(65000, ipv4('10.0.0.254'))
    leaf.speaker.listen({
      range: prefix('10.0.0.0/24'),
      limit,
      options: {
        remoteAs,
        localAddress: leaf.address,
        timers: { ...BIRD_TIMERS, startDelay: 0 },
        gracefulRestart: BIRD_GRACEFUL_RESTART,
      },
    })
    const join = (as: number, address: string) => {
      const host = net.add(as, ipv4(address))
      host.addNeighbour(leaf, {})
      host.speaker.originate(P)
      host.speaker.start()
      return host
    }
    return { net, leaf, join }
  }
  const statesOf = ({ speaker }: PipedSpeaker) =>
    [...speaker.neighbours].map(({ session }) => session.state)

  it('takes who comes from there, up to its limit, and forgets who has gone', () => {
    const { net, leaf, join } = bench(2, 'external')
    const [first, , third] = [1, 2, 3].map((n) => join(64512 + n, `10.0.0.${n}`))
    const far = join(64520, '10.0.1.1')
    net.run(2 * SECOND)
    expect(statesOf(leaf)).toEqual(['Established', 'Established'])
    expect([statesOf(third!), statesOf(far)]).not.toContainEqual(['Established'])
    expect(leaf.routes.get('10.1.0.0/16')).toHaveLength(1)
    first!.speaker.shutDown()
    net.run(10 * SECOND)
    // Its place is free for the third.
    expect(leaf.speaker.neighbour(first!.address)).toBeNull()
    expect([statesOf(leaf), statesOf(third!)]).toEqual([
      ['Established', 'Established'],
      ['Established'],
    ])
  })

  it.each([
    ['external', 65000],
    [64512, 64513],
  ] as const)('with AS %s takes none of AS %s', (remoteAs, as) => {
    const { net, leaf, join } = bench(10, remoteAs)
    const host = join(as, '10.0.0.1')
    net.run(2 * SECOND)
    expect(host.ends).toEqual([])
    expect([statesOf(host), leaf.routes.size]).toEqual([['Idle'], 0])
  })
})

const SPEAKERS = 12
/** How many seeds: all of them under ENCAP_DEEP=1. */
const SEEDS = process.env['ENCAP_DEEP'] === '1' ? 400 : 20

interface Topology {
  readonly net: BgpSpeakers
  readonly speakers: readonly PipedSpeaker[]
  /** Neighbours by index. */
  readonly edges: ReadonlyMap<number, Set<number>>
}

const originOf = (i: number) => ({ base: (0x0a000000 + (i << 16)) | 0, length: 16 })
const keyOf = (i: number) => `10.${i}.0.0/16`

/** A connected graph: a random tree and some more edges; each speaker has an AS of its own. */
function randomTopology(seed: number): Topology {
  const random = new RandomStreams(`bgp/${seed}`).stream('topology')
  const net = new BgpSpeakers(`${seed}`)
  const speakers = Array.from({ length: SPEAKERS }, (_, i) =>
    net.add(4200000000 + i, (ipv4('192.168.0.0') + random.integer(0, 50) * 100 + i) | 0, {
      multipath: 8,
    }),
  )
  const edges = new Map(speakers.map((_, i) => [i, new Set<number>()]))
  const join = (a: number, b: number) => {
    if (a === b || edges.get(a)!.has(b)) return
    edges.get(a)!.add(b)
    edges.get(b)!.add(a)
    net.join(speakers[a]!, speakers[b]!)
  }
  for (let i = 1; i < SPEAKERS; i++) join(i, random.integer(0, i - 1))
  for (let i = 0; i < 8; i++) join(random.integer(0, SPEAKERS - 1), random.integer(0, SPEAKERS - 1))
  speakers.forEach(({ speaker }, i) => void speaker.originate(originOf(i)))
  return { net, speakers, edges }
}

function distances(edges: Topology['edges'], from: number): Map<number, number> {
  const found = new Map([[from, 0]])
  const queue = [from]
  for (const i of queue) {
    for (const next of edges.get(i)!) {
      if (found.has(next)) continue
      found.set(next, found.get(i)! + 1)
      queue.push(next)
    }
  }
  return found
}

/** Every speaker has the shortest paths to all it can reach, and all of them, and no others. */
function expectShortest({ speakers, edges }: Topology): void {
  const indexOf = new Map<Ipv4Address, number>(speakers.map(({ address }, i) => [address, i]))
  for (let to = 0; to < SPEAKERS; to++) {
    const distance = distances(edges, to)
    speakers.forEach((speaker, i) => {
      const nexthops = (speaker.routes.get(keyOf(to)) ?? []).map((hop) => indexOf.get(hop)!)
      const own = distance.get(i) ?? 0
      const closer = [...edges.get(i)!].filter((next) => distance.get(next) === own - 1)
      // Towards the destination with every hop: there is no loop.
      expect(nexthops.toSorted()).toEqual(own === 0 ? [] : closer.toSorted())
    })
  }
  for (const { speaker } of speakers) {
    for (const { prefix: block, best } of speaker.locRib.destinations()) {
      const to = (block.base >>> 16) & 0xff
      const length = distances(edges, to).get(speakers.findIndex((s) => s.speaker === speaker))
      expect(asPathLength(best!.attributes.asPath)).toBe(length)
    }
  }
}

describe('speakers in a random topology', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i))(
    '%d: converge, and again after cuts',
    (seed) => {
      const topology = randomTopology(seed)
      const { net, speakers, edges } = topology
      net.start()
      net.run(10 * SECOND)
      expectShortest(topology)
      const random = new RandomStreams(`bgp/${seed}`).stream('cuts')
      for (let i = 0; i < 4; i++) {
        const a = random.integer(0, SPEAKERS - 1)
        const [b] = edges.get(a)!
        if (b === undefined) continue
        edges.get(a)!.delete(b)
        edges.get(b)!.delete(a)
        net.cut(speakers[a]!, speakers[b]!)
        // Some ends lose the link at once, some only with the hold time; the next cut comes in between.
        speakers[a]!.neighbour(speakers[b]!).session.stop(null)
        if (i % 2 === 0) speakers[b]!.neighbour(speakers[a]!).session.stop(null)
        net.run(random.integer(0, 20) * MILLISECOND)
      }
      net.run(300 * SECOND)
      expectShortest(topology)
    },
  )
})

describe('route reflectors', () => {
  it.each([1, 2, 3])('%d of them bring every client to every other, without loops', (count) => {
    const net = new BgpSpeakers(`reflectors ${count}`)
    const as = 64512
    const reflectors = Array.from({ length: count }, (_, i) => net.add(as, 100 + i))
    const clients = Array.from({ length: 6 }, (_, i) => net.add(as, 1 + i))
    for (const [i, reflector] of reflectors.entries()) {
      for (const other of reflectors.slice(i + 1)) net.join(reflector, other)
      // Each client has two of them, where there are two.
      for (const [j, client] of clients.entries()) {
        if (j % count === i || (j + 1) % count === i)
          net.join(reflector, client, { isClient: true })
      }
    }
    clients.forEach(({ speaker }, i) => void speaker.originate(originOf(i)))
    net.start()
    net.run(10 * SECOND)
    const expected = clients.map(({ address }) => address)
    clients.forEach((client, i) => {
      const nexthops = expected.map((_, to) => client.routes.get(keyOf(to)))
      expect(nexthops).toEqual(expected.map((address, to) => (to === i ? undefined : [address])))
    })
    // Nothing is still going round.
    clients[0]!.speaker.withdraw(originOf(0))
    net.run(10 * SECOND)
    for (const each of [...clients, ...reflectors]) expect(each.routes.has(keyOf(0))).toBe(false)
  })
})
