/** Weave's data path through the scheme: what goes which way, for how long, and what its router leaves. */
import { describe, expect, it } from 'vitest'
import { Datapath } from '../../src/host/openvswitch/datapath.ts'
import { weaveScheme } from '../../src/schemes/weave/index.ts'
import { spawn } from '../../src/sim/process.ts'
import { SECOND } from '../../src/sim/units.ts'
import type { Frame } from '../../src/wire/frame.ts'
import { formatIpv4 } from '../../src/wire/ipv4-address.ts'
import { Bench, type Sections } from '../contract/bench.ts'

const UP = 20 * SECOND

function up(options: Sections = {}, more: Sections = {}): Bench {
  const bench = new Bench(weaveScheme, options, more)
  bench.runTo(UP)
  return bench
}

function logOf(bench: Bench, host = 'h1'): readonly string[] {
  return bench.daemon(host).log
}

/** What the routers chose for the data of their connection, in order. */
function choices(bench: Bench, host = 'h1'): string[] {
  return logOf(bench, host).flatMap((line) => / using (\w+)$/.exec(line)?.[1] ?? [])
}

function datapath(bench: Bench, host = 'h1'): Datapath {
  return Datapath.find(bench.root(host), 'datapath')!
}

/** UDP datagrams that leave a host, by destination port. */
function tapped(bench: Bench, host: string): Frame[] {
  const frames: Frame[] = []
  bench.world.hosts.get(host)!.nic.tap = {
    frame: (_time, frame, way) => void (way === 'out' && frames.push(frame)),
  }
  return frames
}

describe('the fast datapath', () => {
  it('asks the router once for a pair of addresses, and then no more', () => {
    const bench = up()
    const { namespace } = bench.endpoint('a')
    const to = bench.endpoint('c').address
    expect(bench.ping(namespace, to)).toBe(true)
    const before = datapath(bench).missed
    const since = bench.world.simulator.now
    for (let i = 0; i < 5; i++) expect(bench.ping(namespace, to)).toBe(true)
    // A heartbeat has no flow: there is one each 10 s.
    const beats = Math.ceil((bench.world.simulator.now - since) / (10 * SECOND))
    expect(datapath(bench).missed - before).toBeLessThanOrEqual(beats)
  })

  it('puts both short ids into the VNI, sets DF and leaves the checksum out', () => {
    const bench = up()
    const frames = tapped(bench, 'h1')
    expect(bench.ping(bench.endpoint('a').namespace, bench.endpoint('c').address)).toBe(true)
    const sent = frames.filter(({ destinationPort }) => destinationPort === 6784)
    expect(sent.length).toBeGreaterThan(0)
    for (const frame of sent) {
      expect([frame.dontFragment, frame.udpChecksum, frame.ttl]).toEqual([true, false, 64])
      expect(frame.vni & 0xfff).toBe(sent[0]!.vni & 0xfff)
      expect(frame.vni >>> 12).not.toBe(frame.vni & 0xfff)
    }
  })

  it('goes on for whom it knows while the router is dead, and forgets flows when that is back', () => {
    const bench = up()
    const { namespace } = bench.endpoint('a')
    const to = bench.endpoint('c').address
    expect(bench.ping(namespace, to)).toBe(true)
    for (const host of ['h1', 'h2']) bench.daemon(host).crash()
    bench.run(400 * SECOND)
    expect(bench.ping(namespace, to)).toBe(true)
    // Nobody answers for a pair that has not talked.
    expect(bench.ping(bench.endpoint('b').namespace, to)).toBe(false)
    const left = datapath(bench).flows.size
    for (const host of ['h1', 'h2']) bench.daemon(host).start()
    expect(left).toBeGreaterThan(0)
    expect(datapath(bench).flows.size).toBe(0)
    bench.run(UP)
    expect(bench.ping(bench.endpoint('b').namespace, to)).toBe(true)
  })

  it('takes flows out that were not used for a whole interval, and keeps the others', () => {
    const bench = up()
    const { namespace } = bench.endpoint('a')
    const to = bench.endpoint('c').address
    expect(bench.ping(namespace, to)).toBe(true)
    bench.runTo(290 * SECOND)
    expect(bench.ping(namespace, to)).toBe(true)
    const used = datapath(bench).flows.size
    bench.runTo(310 * SECOND)
    const kept = datapath(bench).flows.size
    expect([kept > 0, kept <= used]).toEqual([true, true])
    bench.runTo(610 * SECOND)
    expect(datapath(bench).flows.size).toBe(0)
  })

  it('sends its heartbeats as long as packets may be, and every 10 s once they are known to arrive', () => {
    const bench = up()
    const frames = tapped(bench, 'h1')
    bench.run(100 * SECOND)
    const beats = frames.filter(
      ({ inner }) =>
        inner !== null && inner.etherType === 0 && !inner.payload?.every((byte) => byte === 0),
    )
    expect(beats.filter(({ destinationPort }) => destinationPort === 6784)).toHaveLength(10)
    expect(beats[0]!.l3Length).toBe(1376 + 50)
  })
})

describe('the choice of an overlay', () => {
  const block = (until: number) => ({
    faults: [{ link: 'h1-leaf1', at: '35s', until: `${until}s`, blockUdpPort: 6784 }],
  })

  it('is sleeve 60 s after the last heartbeat, and the fast datapath with the next one', () => {
    const bench = up({}, block(155))
    expect(choices(bench).at(-1)).toBe('fastdp')
    bench.runTo(84 * SECOND)
    expect(choices(bench).at(-1)).toBe('fastdp')
    bench.runTo(96 * SECOND)
    expect([choices(bench).at(-1), choices(bench, 'h2').at(-1)]).toEqual(['sleeve', 'sleeve'])
    bench.runTo(166 * SECOND)
    expect([choices(bench).at(-1), choices(bench, 'h2').at(-1)]).toEqual(['fastdp', 'fastdp'])
  })

  it('leaves flows of the overlay that was left in the kernel', () => {
    const bench = up({}, block(400))
    const to = bench.endpoint('c').address
    expect(bench.ping(bench.endpoint('a').namespace, to)).toBe(true)
    bench.runTo(100 * SECOND)
    expect(choices(bench).at(-1)).toBe('sleeve')
    expect(bench.ping(bench.endpoint('a').namespace, to)).toBe(false)
    const { namespace } = bench.mustAttach('late', 'h1')
    expect(bench.ping(namespace, to)).toBe(true)
  })

  it('is sleeve from the start where heartbeats of the whole MTU do not pass, with what does', () => {
    const faults = [{ link: 'h1-leaf1', maxPacket: 1400 }]
    const bench = up({}, { faults })
    bench.runTo(70 * SECOND)
    expect(choices(bench).at(-1)).toBe('sleeve')
    const verified = logOf(bench).find((line) => line.includes('Effective MTU'))
    expect(verified).toMatch(/verified at 1338$/)
  })

  it('is a matter of each connection: a peer without the fast datapath relays like the others', () => {
    const fabric = { racks: 1, hostsPerRack: 3, links: '10Gbps' }
    const peers = { h1: ['h2'], h2: [], h3: ['h2'] }
    const bench = up(
      { fastdp: ['h1', 'h2'], discovery: false, peers },
      {
        fabric,
        containers: ['a/h1', 'b/h2', 'c/h3'].map((text) => ({
          name: text[0],
          host: text.slice(2),
        })),
      },
    )
    bench.run(10 * SECOND)
    expect([choices(bench).at(-1), choices(bench, 'h3').at(-1)]).toEqual(['fastdp', 'sleeve'])
    const [h1, h3] = [tapped(bench, 'h1'), tapped(bench, 'h3')]
    expect(bench.ping(bench.endpoint('a').namespace, bench.endpoint('c').address)).toBe(true)
    const portsOf = (frames: readonly Frame[]) =>
      new Set(
        frames
          .filter(({ inner }) => inner !== null && inner.etherType !== 0)
          .map((frame) => frame.destinationPort),
      )
    expect([[...portsOf(h1)], [...portsOf(h3)]]).toEqual([[6784], [6783]])
    // Host 2 is the only one that hears of host 1 and host 3.
    const relay = formatIpv4(bench.world.hosts.get('h2')!.address)
    const targets = h1.filter(({ inner }) => inner !== null).map(({ ipDst }) => formatIpv4(ipDst))
    expect([...new Set(targets)]).toEqual([relay])
  })
})

describe('sleeve', () => {
  it('stops with the router', () => {
    const bench = up({ fastdp: false })
    const { namespace } = bench.endpoint('a')
    const to = bench.endpoint('c').address
    expect(bench.ping(namespace, to)).toBe(true)
    bench.daemon('h2').crash()
    expect(bench.ping(namespace, to)).toBe(false)
  })

  it.each([
    ['plain', {}, 1438],
    ['encrypted', { password: 'secret' }, 1414],
  ])('%s leaves so many bytes of 1500', (_name, options, mtu) => {
    const bench = up({ fastdp: false, ...options })
    const { namespace } = bench.endpoint('a')
    const to = bench.endpoint('c').address
    expect(bench.ping(namespace, to)).toBe(true)
    const frames = tapped(bench, 'h1')
    // Told by an ICMP error of the router, as if the other container had sent it.
    bench.pingOf(namespace, to, 1500)
    expect(namespace.ipv4.pathMtu(to)).toBe(mtu)
    expect(bench.pingOf(namespace, to, mtu)).toBe('answered')
    expect(Math.max(...frames.map(({ l3Length }) => l3Length))).toBe(1500)
  })
})

describe('a host', () => {
  it('that is reset gives its addresses to another, and has nothing of the network left', () => {
    const bench = up()
    const before = bench.root('h2').devices.map(({ name }) => name)
    expect(before).toEqual(expect.arrayContaining(['weave', 'datapath', 'vxlan-6784']))
    bench.detach(bench.endpoint('c'), 'h2')
    spawn(bench.world.simulator, bench.daemon('h2').leave())
    bench.run(SECOND)
    expect(bench.root('h2').devices.map(({ name }) => name)).toEqual(['eth0'])
    expect(bench.world.hosts.get('h2')!.commands.iptables.save()).not.toContain('WEAVE')
  })
})
