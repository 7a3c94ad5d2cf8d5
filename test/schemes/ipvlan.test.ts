import { describe, expect, it } from 'vitest'
import { showRoutes } from '../../src/host/show.ts'
import { builtinSchemes } from '../../src/schemes/registry.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { Bench } from '../contract/bench.ts'

const scheme = builtinSchemes.get('ipvlan')!

function routes(lab: Bench, of: 'h1' | 'a'): string[] {
  const namespace = of === 'a' ? lab.endpoint('a').namespace : lab.root(of)
  return showRoutes(namespace).lines.map((line) => line.trimEnd())
}

describe('mode l2', () => {
  it('has a router, and the MAC address of the host for all', () => {
    const lab = new Bench(scheme, { gateway: '10.20.0.254' })
    expect(routes(lab, 'a')[0]).toBe('default via 10.20.0.254 dev eth0')
    const macs = ['a', 'b'].map((name) => lab.endpoint(name).mac)
    expect(macs).toEqual(Array(2).fill(lab.world.hosts.get('h1')!.nic.mac))
  })

  it('asks the wire for a neighbour that the switch need not learn', () => {
    const lab = new Bench(scheme, {})
    for (const name of ['a', 'b']) {
      expect(lab.ping(lab.endpoint(name).namespace, lab.endpoint('c').address)).toBe(true)
    }
    expect(lab.world.switches.get('leaf1')!.table.size(lab.world.simulator.now)).toBe(2)
  })

  it('lets a container keep its address on another host, once its neighbours ask again', () => {
    const lab = new Bench(scheme, {})
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    lab.detach(c, 'h2')
    lab.mustAttach('moved', 'h1', c.address)
    // What a has of it is the MAC address of h2, until unanswered probes have cleared it.
    expect(lab.ping(a.namespace, c.address)).toBe(false)
    expect(lab.reachesWithin(60e12, a.namespace, () => c)).toBe(true)
  })
})

describe('mode l3', () => {
  it('sends all to the host, which needs a route to each other', () => {
    const lab = new Bench(scheme, { mode: 'l3', hostRoutes: true })
    expect(routes(lab, 'a')[0]).toBe('default dev eth0 scope link')
    expect(routes(lab, 'h1')).toContain('10.20.128.0/17 via 192.168.0.2 dev eth0')
    expect(lab.ping(lab.endpoint('a').namespace, lab.endpoint('c').address)).toBe(true)
    const bare = new Bench(scheme, { mode: 'l3' })
    expect(bare.ping(bare.endpoint('a').namespace, bare.endpoint('c').address)).toBe(false)
    expect(bare.world.ledger.dropsByReason().get('no_route')).toBe(1)
  })

  it('has no broadcast: nobody but hosts asks for neighbours', () => {
    const lab = new Bench(scheme, { mode: 'l3', hostRoutes: true })
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    expect(lab.ping(a.namespace, c.address)).toBe(true)
    const known = a.namespace.neighbours.lookup(a.namespace.device('eth0')!, c.address)
    expect(known!.toString()).toContain('NOARP')
    expect(lab.world.switches.get('leaf1')!.floods.broadcast).toBe(1)
  })

  it('loses a container that takes its address to another host', () => {
    const lab = new Bench(scheme, { mode: 'l3', hostRoutes: true })
    const [b, c] = [lab.endpoint('b'), lab.endpoint('c')]
    lab.detach(b, 'h1')
    const moved = lab.mustAttach('moved', 'h2', b.address)
    expect(lab.reaches(lab.endpoint('a').namespace, moved.address)).toBe(false)
    // Those of its new host find it.
    expect(lab.reaches(c.namespace, moved.address)).toBe(true)
  })

  it('takes the routes away with the network', () => {
    const lab = new Bench(scheme, { mode: 'l3', hostRoutes: true })
    const leaving = lab.daemon('h1').leave()
    while (!leaving.next().done);
    expect(routes(lab, 'h1').filter((line) => line.startsWith('10.20'))).toEqual([])
  })
})

describe('mode l3s', () => {
  const ROUTED = { hostRoutes: true, hostInput: 'answers' }

  it.each(['l2', 'l3', 'l3s'])("has what comes in asked by the host's INPUT: %s", (mode) => {
    const lab = new Bench(scheme, { mode, ...(mode === 'l2' ? { hostInput: 'answers' } : ROUTED) })
    const [a, c] = [lab.endpoint('a'), lab.endpoint('c')]
    const h2 = lab.world.hosts.get('h2')!.address
    const toContainer = lab.sendUdp(a.namespace, c, 100)
    expect(toContainer).toBe(mode === 'l3s' ? -1 : 100)
    expect(lab.world.ledger.dropsByReason().get('netfilter') ?? 0).toBe(mode === 'l3s' ? 1 : 0)
    // The answers to what a container began come in. In l2 it knows of no way to the other host.
    expect(lab.ping(a.namespace, h2)).toBe(mode !== 'l2')
    expect(lab.sendUdp(a.namespace, lab.endpoint('b'), 100)).toBe(100)
  })

  it('has its rules once, also after the engine came again, and takes them away with the network', () => {
    const lab = new Bench(scheme, { mode: 'l3s', ...ROUTED })
    const rules = () =>
      lab
        .root('h1')
        .filter!.save()
        .split('\n')
        .filter((line) => line.startsWith('-A INPUT'))
    const expected = [
      '-A INPUT -d 10.20.0.0/17 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A INPUT -d 10.20.0.0/17 -j DROP',
    ]
    expect(rules()).toEqual(expected)
    lab.daemon('h1').stop()
    lab.daemon('h1').start()
    expect(rules()).toEqual(expected)
    const leaving = lab.daemon('h1').leave()
    while (!leaving.next().done);
    expect(rules()).toEqual([])
  })
})

it('wants a range of each host for routes between them', () => {
  const context = {
    network: 'net',
    mode: 'l2' as const,
    fabricSubnet: { base: ipv4('192.168.0.0'), length: 16 },
    store: null,
    hosts: [{ name: 'h1', address: ipv4('192.168.0.1'), mtu: 1500, containers: 1 }],
  }
  const check = (given: object) => scheme.check!(scheme.options.parse(given), context)
  expect(check({ mode: 'l3', hostRoutes: true })).toEqual([])
  expect(check({ mode: 'l3', hostRoutes: true, ranges: 'shared' })).toMatchObject([
    { path: ['hostRoutes'] },
  ])
})
