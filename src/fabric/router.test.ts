/** A router of the fabric: its FIB, its punt path, its choice among equal ways. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { echo, piece, type Station, udp, WireBench } from '../../test/wire-bench.ts'
import { MICROSECOND, SECOND } from '../sim/units.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { Router, type RouterOptions } from './router.ts'

const OPTIONS: RouterOptions = {
  fib: 100,
  arpEntries: 65536,
  arpTimeout: 14400 * SECOND,
  latency: 0,
  puntRate: 1000,
}
const GATEWAY = '10.0.0.254'
const THEM = '10.0.0.2'
const FAR = '10.7.0.9'
const MAC = 0x025000000000

let bench: WireBench
let router: Router
/** At the subnet, and at two further routers by /31. */
let south: Station
let ways: Station[]

function setUp(changes: Partial<RouterOptions> = {}, seed = '1'): void {
  bench = new WireBench({}, seed)
  router = new Router(bench.simulator, bench.ledger, 'spine', { ...OPTIONS, ...changes })
  south = bench.station(router.addPort('p1', ipv4(GATEWAY), 24, 1500, MAC + 1), MAC + 1)
  ways = [1, 2, 3].map((i) => {
    const port = router.addPort(`p${i + 1}`, ipv4(`100.64.0.${2 * i}`), 31, 1500, MAC + 1 + i)
    return bench.station(port, MAC + 1 + i)
  })
  for (const [i, way] of ways.entries()) knows(`p${i + 2}`, `100.64.0.${2 * i + 3}`, way)
  knows('p1', THEM, south)
}

function knows(port: string, address: string, station: Station): void {
  const { neighbours } = router.namespace
  neighbours.replace(router.namespace.device(port)!, ipv4(address), station.mac, 'PERMANENT')
}

function equalWays(count: number): void {
  const nexthops = Array.from({ length: count }, (_, i) => ipv4(`100.64.0.${2 * i + 3}`))
  expect(router.addRoute(prefix('10.7.0.0/16'), nexthops)).toBeNull()
}

/** Sends packets. @returns how many took each way. */
function spread(...frames: ReturnType<typeof udp>[]): number[] {
  south.say(...frames)
  return ways.map((way) => way.frames().length)
}

beforeEach(() => setUp())
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

describe('forwarding', () => {
  it('lowers the TTL and takes its time', () => {
    setUp({ latency: 2 * MICROSECOND })
    equalWays(1)
    const before = bench.simulator.now
    expect(south.say(udp(THEM, FAR, 8, { ttl: 9 }))).toEqual([])
    bench.run(1e-6)
    expect(ways[0]!.frames()).toEqual([])
    bench.run(1e-6)
    expect(ways[0]!.frames()).toMatchObject([{ ttl: 8, dstLo: ways[0]!.mac & 0xffffff }])
    expect(bench.simulator.now - before).toBeGreaterThan(2 * MICROSECOND)
  })

  it('of an expired TTL is told from the port of the way back', () => {
    equalWays(1)
    expect(south.say(udp(THEM, FAR, 8, { ttl: 1 }))).toEqual([
      `IP ${GATEWAY} > ${THEM}: ICMP time exceeded in-transit, length 44`,
    ])
  })

  it('without a route is told', () => {
    expect(south.say(udp(THEM, FAR, 8))).toEqual([
      `IP ${GATEWAY} > ${THEM}: ICMP net ${FAR} unreachable, length 44`,
    ])
  })

  it('answers ping and ARP for its address', () => {
    expect(south.say(echo(THEM, GATEWAY, 8))).toHaveLength(1)
    expect(south.say(south.whoHas(GATEWAY, THEM))[0]).toContain(`${GATEWAY} is-at`)
  })

  it('reaches the other end of a /31', () => {
    expect(south.say(udp(THEM, '100.64.0.3', 8))).toEqual([])
    expect(ways[0]!.take()).toEqual(['IP 10.0.0.2.4000 > 100.64.0.3.5000: UDP, length 8'])
  })

  it('takes only frames to its own MAC address and to all', () => {
    expect(south.say(udp(THEM, FAR, 8, { dstHi: 0x020000, dstLo: 0x999999 }))).toEqual([])
    expect(bench.drops()).toEqual({ nic_filter: 1 })
  })
})

describe('the FIB', () => {
  it('refuses a route for which it has no room, and goes on with those that it has', () => {
    // Four ports hold four connected routes.
    setUp({ fib: 6 })
    const add = (block: string) => router.addRoute(prefix(block), [ipv4('100.64.0.3')])
    expect(add('10.1.0.0/16')).toBeNull()
    expect(add('10.2.0.0/16')).toBeNull()
    expect(add('10.3.0.0/16')).toMatchObject({ errno: 'ENOSPC', message: 'FIB is full (6 routes)' })
    expect(router.namespace.routes.refused).toBe(1)
    expect(spread(udp(THEM, '10.1.0.9', 8), udp(THEM, '10.2.0.9', 8))).toEqual([2, 0, 0])
    expect(south.say(udp(THEM, '10.3.0.9', 8))[0]).toContain('net 10.3.0.9 unreachable')
    router.namespace.routes.delete(prefix('10.1.0.0/16'))
    expect(add('10.3.0.0/16')).toBeNull()
  })

  it('refuses a next hop that is on none of its links', () => {
    const error = router.addRoute(prefix('10.1.0.0/16'), [ipv4('172.16.0.1')])
    expect(error).toMatchObject({ errno: 'ENETUNREACH' })
  })
})

describe('equal ways', () => {
  const flows = (count: number) =>
    Array.from({ length: count }, (_, i) => udp(THEM, FAR, 8, { sourcePort: 10000 + i }))

  it('are taken about equally by many flows', () => {
    equalWays(3)
    const counts = spread(...flows(3000))
    expect(counts.reduce((a, b) => a + b)).toBe(3000)
    // Three standard deviations of a draw of one in three.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(78)
  })

  it('one flow keeps to one way', () => {
    equalWays(3)
    const same = Array.from({ length: 50 }, () => udp(THEM, FAR, 8))
    expect(spread(...same).filter((count) => count > 0)).toEqual([50])
  })

  it('fragments go by the addresses alone: all one way, for they have no ports', () => {
    equalWays(3)
    const cut = flows(20).flatMap((whole) => {
      whole.l3Length = 2028
      return [piece(whole, 0, 1480), piece(whole, 1480, 2008)]
    })
    expect(spread(...cut).filter((count) => count > 0)).toEqual([40])
  })

  it('each machine hashes its own way', () => {
    const chosen = Array.from({ length: 12 }, (_, seed) => {
      setUp({}, String(seed))
      equalWays(3)
      const counts = spread(udp(THEM, FAR, 8))
      expect(bench.ledger.imbalance()).toBe(0)
      return counts.indexOf(1)
    })
    expect(new Set(chosen).size).toBe(3)
  })
})

describe('the punt path', () => {
  const pings = (count: number) => Array.from({ length: count }, () => echo(THEM, GATEWAY, 8))

  it('takes a hundred at once and then its rate; what is forwarded does not pass it', () => {
    equalWays(1)
    expect(south.say(...pings(300))).toHaveLength(100)
    expect(bench.drops()).toEqual({ punt_rate: 200 })
    bench.run(0.05)
    expect(south.say(...pings(300))).toHaveLength(50)
    expect(spread(...Array.from({ length: 500 }, () => udp(THEM, FAR, 8)))).toEqual([500, 0, 0])
  })

  it('is one for all ports, and for all that the router must look at', () => {
    equalWays(1)
    const arp = () => south.whoHas('10.0.0.77', THEM)
    south.say(...Array.from({ length: 40 }, arp))
    south.say(...Array.from({ length: 40 }, () => udp(THEM, FAR, 8, { ttl: 1 })))
    const there = Array.from({ length: 40 }, () => echo('100.64.0.3', '100.64.0.2', 8))
    expect(ways[0]!.say(...there)).toHaveLength(20)
    expect(bench.drops()).toEqual({ punt_rate: 20, ttl_exceeded: 40 })
  })
})

describe('its ARP table', () => {
  it('keeps an entry for the time that the operating system names, not a random one', () => {
    setUp({ arpTimeout: 100 * SECOND })
    const { neighbours } = router.namespace
    south.say(udp(THEM, '10.0.0.3', 8))
    south.say(south.isAt('10.0.0.3', GATEWAY))
    const entry = () => neighbours.lookup(router.namespace.device('p1')!, ipv4('10.0.0.3'))!
    expect(entry().state).toBe('REACHABLE')
    bench.run(99)
    expect(entry().state).toBe('REACHABLE')
    // The timer wheel rounds up a hundred seconds by at most four of its steps.
    bench.run(18)
    expect(entry().state).toBe('STALE')
  })
})
