/** Calico's BGP: who peers with whom, what comes of it in kernels, and what is left when parts fail. */
import { describe, expect, it } from 'vitest'
import { showBgpSummary } from '../../src/cli/inspect-bgp.ts'
import { speakerIn } from '../../src/control/bgp/daemon.ts'
import { SECOND } from '../../src/sim/units.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { CalicoBgpBench } from './calico-bgp-bench.ts'

/** BIRD's `graceful restart time`, and its hold time. */
const RESTART = 120
const HOLD = 240

describe('a mesh', () => {
  it('has a session for each pair, which the higher address opens', () => {
    const lab = new CalicoBgpBench(3)
    lab.run(8 * SECOND)
    for (const host of lab.hosts) expect(lab.states(host)).toEqual(['Established'])
    const passive = (host: string, other: string) => lab.neighbour(host, other).settings.isPassive
    expect([passive('h1', 'h2'), passive('h2', 'h1')]).toEqual([true, false])
    expect(lab.routes('h1').map((line) => line.replace(/172\S+/, 'BLOCK'))).toEqual([
      'blackhole BLOCK proto bird',
      'BLOCK via 192.168.0.3 dev eth0 proto bird',
      'BLOCK via 192.168.0.2 dev eth0 proto bird',
    ])
  })

  it('takes a newcomer in within ten seconds, and leaves all other sessions alone', () => {
    const lab = new CalicoBgpBench(3)
    lab.run(8 * SECOND)
    lab.daemon('h3').stop()
    lab.run((RESTART + 1) * SECOND)
    expect(lab.leads('h1', 'h3')).toBe(false)
    const { changedAt } = lab.neighbour('h1', 'h2')
    lab.daemon('h3').start()
    const begun = lab.seconds
    while (!lab.leads('h1', 'h3')) lab.run(SECOND / 10)
    expect(lab.seconds - begun).toBeGreaterThan(1)
    expect(lab.seconds - begun).toBeLessThan(10)
    expect(lab.neighbour('h1', 'h2').changedAt).toBe(changedAt)
  })

  it('keeps the routes of a BIRD that was killed for the restart time, and its own kernel for ever', () => {
    const lab = new CalicoBgpBench(2)
    lab.run(8 * SECOND)
    const own = lab.routes('h2')
    lab.daemon('h2').crash()
    lab.run((RESTART - 1) * SECOND)
    expect([lab.leads('h1', 'h2'), lab.states('h1')]).toEqual([true, ['Active']])
    lab.run(2 * SECOND)
    expect(lab.leads('h1', 'h2')).toBe(false)
    lab.run(100 * SECOND)
    expect(lab.routes('h2')).toEqual(own)
  })

  it('forwards on through a restart: no route moves on either side', () => {
    const lab = new CalicoBgpBench(2)
    lab.run(8 * SECOND)
    const before = lab.hosts.map((host) => lab.entries(host))
    lab.daemon('h2').stop()
    lab.run(20 * SECOND)
    lab.daemon('h2').start()
    lab.run(30 * SECOND)
    expect(lab.states('h1')).toEqual(['Established'])
    for (const [i, host] of lab.hosts.entries()) {
      expect(before[i]).toHaveLength(2)
      lab.entries(host).forEach((route, j) => void expect(route).toBe(before[i]![j]))
    }
  })

  it('finds a silent host dead when its hold time is over, and then at once', () => {
    const lab = new CalicoBgpBench(2)
    lab.run(8 * SECOND)
    const plug = lab.unplug('h2')
    const dead = lab.seconds
    while (lab.leads('h1', 'h2')) lab.run(SECOND)
    // Its last word was a keepalive, up to 80 s old.
    expect(lab.seconds - dead).toBeGreaterThan(HOLD - 81)
    expect(lab.seconds - dead).toBeLessThanOrEqual(HOLD + 1)
    plug()
    // After an error it waits for 5 s.
    lab.run(20 * SECOND)
    expect(lab.leads('h1', 'h2')).toBe(true)
  })

  it('puts back within two seconds what somebody took out of the kernel', () => {
    const lab = new CalicoBgpBench(2)
    lab.run(8 * SECOND)
    const { routes } = lab.root('h1')
    const before = lab.routes('h1')
    for (const { destination, protocol } of routes.routes()) {
      if (protocol === 'bird') routes.delete(destination)
    }
    routes.add({
      destination: { base: ipv4('172.17.0.0'), length: 26 },
      protocol: 'bird',
      type: 'blackhole',
    })
    lab.run(2.1 * SECOND)
    expect(lab.routes('h1')).toEqual(before)
  })

  it('leads to a single address that was borrowed out of the block of another', () => {
    // Two blocks of eight addresses for three hosts.
    const lab = new CalicoBgpBench(3, { subnet: '10.65.0.0/28', blockSize: 29 })
    lab.run(10 * SECOND)
    const borrowers = lab.hosts.filter((host) =>
      lab.routes(host).every((l) => !/blackhole/.test(l)),
    )
    expect(borrowers).toHaveLength(1)
    const [borrower] = borrowers
    const other = lab.hosts.find((host) => host !== borrower)!
    const singles = lab.routes(other).filter((line) => !line.includes('/'))
    expect(singles).toHaveLength(1)
    expect(lab.leads(other, borrower!)).toBe(true)
  })
})

describe('a mesh over several AS', () => {
  const lab = new CalicoBgpBench(3, { nodeAsNumbers: { h3: 64_600 } })
  lab.run(8 * SECOND)
  const shown = (host: string) => lab.routes(host).map((line) => line.replace(/172\S+/, 'BLOCK'))

  it('is iBGP within one and eBGP between two', () => {
    expect(lab.hosts.map((host) => lab.states(host))).toEqual(lab.hosts.map(() => ['Established']))
    const remoteAs = (host: string) => lab.neighbours(host).map(({ settings }) => settings.remoteAs)
    expect(lab.hosts.map(remoteAs)).toEqual([
      [64_512, 64_600],
      [64_512, 64_600],
      [64_512, 64_512],
    ])
    const { lines } = showBgpSummary(speakerIn(lab.root('h1'))!)
    expect(lines[0]).toBe('BGP router identifier 192.168.0.1, local AS number 64512')
    expect(lines.slice(-2).map((line) => line.split(/ +/).slice(0, 3))).toEqual([
      ['192.168.0.2', '4', '64512'],
      ['192.168.0.3', '4', '64600'],
    ])
  })

  it('leads straight within an AS and out of it; who is alone has two ways of one length', () => {
    expect(shown('h1')).toEqual([
      'blackhole BLOCK proto bird',
      'BLOCK via 192.168.0.3 dev eth0 proto bird',
      'BLOCK via 192.168.0.2 dev eth0 proto bird',
    ])
    // h1 hands on to h3 what it has of h2, as its own: BIRD merges paths of one length.
    const ways = lab.entries('h3').filter(({ type }) => type !== 'blackhole')
    expect(ways).toHaveLength(2)
    for (const { nexthops } of ways) expect(nexthops).toHaveLength(2)
    const address = (name: string) => lab.endpoint(name).address
    expect(lab.ping(lab.endpoint('x3').namespace, address('x1'))).toBe(true)
    expect(lab.ping(lab.endpoint('x1').namespace, address('x3'))).toBe(true)
  })

  it('is kept in the Node, and a node that has none has that of the cluster', () => {
    const numbers = lab.hosts.map((host) => {
      const [key] = lab.world
        .store!.members[0]!.keys()
        .filter((one) => one.key.endsWith(`/nodes/${host}`))
      return (JSON.parse(key!.value) as { spec: { bgp: unknown } }).spec.bgp
    })
    expect(numbers).toEqual([
      { ipv4Address: '192.168.0.1/16' },
      { ipv4Address: '192.168.0.2/16' },
      { ipv4Address: '192.168.0.3/16', asNumber: 64_600 },
    ])
  })
})

describe('route reflectors', () => {
  const lab = () => {
    const bench = new CalicoBgpBench(5, { routeReflectors: ['h1', 'h2'] })
    bench.run(12 * SECOND)
    return bench
  }

  it('have a session with every host, the others with them alone', () => {
    const bench = lab()
    expect(bench.hosts.map((host) => bench.neighbours(host).length)).toEqual([4, 4, 2, 2, 2])
    for (const host of bench.hosts) {
      expect(bench.states(host)).toEqual(['Established'])
      // Routes to four others, each through the one that it belongs to, and the blackhole.
      expect(bench.routes(host)).toHaveLength(5)
      for (const other of bench.hosts) {
        if (other !== host) expect(bench.leads(host, other)).toBe(true)
      }
    }
    // Each reflector tells a host of all others' blocks, its own among them, but not of that of the host.
    expect(bench.neighbours('h3').map(({ received }) => received)).toEqual([4, 4])
  })

  it('are needed one at a time: with one gone nothing changes, without any the routes go', () => {
    const bench = lab()
    const before = bench.routes('h3')
    bench.daemon('h1').crash()
    bench.run((RESTART + 5) * SECOND)
    expect(bench.routes('h3').filter((line) => !line.includes('via 192.168.0.1 '))).toEqual(
      before.filter((line) => !line.includes('via 192.168.0.1 ')),
    )
    bench.daemon('h2').crash()
    bench.run((RESTART - 1) * SECOND)
    expect(bench.leads('h3', 'h4')).toBe(true)
    bench.run(5 * SECOND)
    expect(bench.routes('h3')).toEqual(before.filter((line) => line.includes('blackhole')))
  })
})
