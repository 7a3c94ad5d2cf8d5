/** Units of several TCP segments on their way through IP, bridges and tunnels: what MTU checks make of them. */
import { describe, expect, it } from 'vitest'
import { DeviceBench, hostDevice, made, type Seen } from '../../test/device-bench.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import { ETHERTYPE_IPV4, Frame, PROTOCOL_ICMP, PROTOCOL_TCP } from '../wire/frame.ts'
import type { IcmpMessage } from '../wire/icmp.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import { TCP_ACK, TcpHeader } from '../wire/tcp.ts'
import { Commands } from './commands.ts'
import { linkAdd } from './device-factory.ts'
import type { HostDevice } from './host-device.ts'
import type { VxlanSpec } from './link-spec.ts'

const HEADERS = 40

/** A unit of `segments` segments, each an IP packet of `length` bytes, the last one as long as the others. */
function unit(from: string, to: string, segments: number, length = 1500): Frame {
  const frame = new Frame()
  frame.etherType = ETHERTYPE_IPV4
  frame.ipSrc = ipv4(from)
  frame.ipDst = ipv4(to)
  frame.protocol = PROTOCOL_TCP
  frame.ttl = 64
  frame.ipId = 100
  frame.dontFragment = true
  frame.sourcePort = 40000
  frame.destinationPort = 80
  frame.header = new TcpHeader(1000, 1, TCP_ACK, 500)
  frame.gsoSize = length - HEADERS
  frame.gsoSegments = segments
  frame.l3Length = HEADERS + segments * frame.gsoSize
  frame.gsoExcess = frame.l3Length - length
  return frame
}

/** Sends a unit from `device` to another one on its link. */
function sendTo(bench: DeviceBench, device: HostDevice, to: HostDevice, frame: Frame): void {
  frame.srcHi = device.hi
  frame.srcLo = device.lo
  frame.dstHi = to.hi
  frame.dstLo = to.lo
  bench.send(device, frame)
  bench.run()
}

/** `length x segments` of the IPv4 packets that came in, in order. */
function arrivals(seen: Seen[], protocol: number = PROTOCOL_TCP): string[] {
  return seen
    .filter(({ direction, frame }) => direction === 'in' && frame.protocol === protocol)
    .map(({ frame }) => `${frame.l3Length} x ${frame.gsoSegments}`)
}

describe('a router', () => {
  /** a - router - b, with `mtu` on the way to b. */
  function routed(mtu: number) {
    const bench = new DeviceBench()
    const [a, router, b] = ['a', 'router', 'b'].map((name) => bench.namespace(name))
    const [near, entry] = bench.join(a!, router!, { a: '10.0.1.2/24', b: '10.0.1.1/24' })
    const ends = { name: 'eth1', a: '10.0.2.1/24', b: '10.0.2.2/24', mtu }
    const [, far] = bench.join(router!, b!, ends)
    new Commands(router!).sysctl('net.ipv4.ip_forward', 1)
    bench.ping(router!, '10.0.2.2')
    bench.ping(router!, '10.0.1.2')
    return { bench, near, entry, back: bench.record(near), seen: bench.record(far) }
  }

  it('sends a unit on whole when its segments fit', () => {
    const { bench, near, entry, seen } = routed(1500)
    sendTo(bench, near, entry, unit('10.0.1.2', '10.0.2.2', 10))
    expect(arrivals(seen)).toEqual(['14640 x 10'])
    expect(seen[0]!.frame.ttl).toBe(63)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('answers one whose segments do not, and quotes the first of them', () => {
    const { bench, near, entry, back, seen } = routed(1400)
    sendTo(bench, near, entry, unit('10.0.1.2', '10.0.2.2', 10))
    expect(arrivals(seen)).toEqual([])
    const error = back.find(({ frame }) => frame.protocol === PROTOCOL_ICMP)!.frame
    expect((error.header as IcmpMessage).sequence).toBe(1400)
    expect([error.inner!.l3Length, error.inner!.gsoSegments, error.l3Length]).toEqual([
      1500, 0, 576,
    ])
    expect(bench.drops()['mtu_exceeded_df']).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('without DF cuts it into its segments, and these into fragments', () => {
    const { bench, near, entry, seen } = routed(1400)
    const frame = unit('10.0.1.2', '10.0.2.2', 3)
    frame.dontFragment = false
    sendTo(bench, near, entry, frame)
    expect(arrivals(seen)).toEqual(Array(3).fill(['1396 x 0', '124 x 0']).flat())
    const ids = seen.filter(({ frame }) => frame.isFragment).map(({ frame }) => frame.ipId)
    expect(ids).toEqual([100, 100, 101, 101, 102, 102])
    expect(bench.ledger.segments).toBe(3)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})

describe('a bridge', () => {
  it.each([false, true])('passes units whatever the MTU of a port, with br_netfilter %s', (on) => {
    const bench = new DeviceBench()
    const sw = bench.namespace('sw')
    const bridge = made(linkAdd(sw, { type: 'bridge', name: 'br0' }))
    bridge.setUp(true)
    const ends = [1500, 1400].map((mtu, i) => {
      const member = bench.namespace(`m${i}`)
      const [port, end] = bench.join(sw, member, { name: `p${i}`, mtu })
      made(bridge.addPort(port))
      return end
    })
    if (on) {
      new Commands(sw).sysctl('net.bridge.bridge-nf-call-iptables', 1)
      const rule = '-A FORWARD -s 1.2.3.4/32 -j DROP'
      const table = ['*filter', ':FORWARD ACCEPT [0:0]', rule, 'COMMIT', '']
      new Commands(sw).iptables.restore(table.join('\n'))
    }
    const seen = bench.record(ends[1]!)
    sendTo(bench, ends[0]!, ends[1]!, unit('10.0.0.1', '10.0.0.2', 20))
    expect(arrivals(seen)).toEqual(['29240 x 20'])
    const single = unit('10.0.0.1', '10.0.0.2', 1)
    Object.assign(single, { gsoSize: 0, gsoSegments: 0, gsoExcess: 0 })
    sendTo(bench, ends[0]!, ends[1]!, single)
    expect(arrivals(seen)).toHaveLength(1)
    expect(bench.drops()['packet_too_big']).toBe(1)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})

/** Two hosts on a veth cable of MTU 1500. */
function underlay() {
  const bench = new DeviceBench()
  const hosts = [bench.namespace('h1'), bench.namespace('h2')] as const
  const [, far] = bench.join(hosts[0], hosts[1], { a: '192.168.0.1/24', b: '192.168.0.2/24' })
  bench.ping(hosts[0], '192.168.0.2')
  return { bench, hosts, outer: bench.record(far) }
}

describe('a VXLAN device', () => {
  function overlay(spec: Partial<VxlanSpec> = {}) {
    const { bench, hosts, outer } = underlay()
    const devices = hosts.map((host, i) => {
      const remote = ipv4(`192.168.0.${2 - i}`)
      const lower = hostDevice(host, 'eth0')
      const device = made(
        linkAdd(host, { type: 'vxlan', name: 'vx', vni: 7, lower, remote, ...spec }),
      )
      device.setUp(true)
      new Commands(host).addr.add(`10.9.0.${i + 1}/24`, 'vx')
      return device
    })
    return { bench, hosts, outer, devices, inner: bench.record(devices[1]!) }
  }

  it('carries a unit in an outer unit, whose headers count once', () => {
    const { bench, outer, devices, inner } = overlay()
    const frame = unit('10.9.0.1', '10.9.0.2', 10, 1450)
    bench.kernel.enter()
    sendTo(bench, devices[0]!, devices[1]!, frame)
    sendTo(bench, devices[0]!, devices[1]!, unit('10.9.0.1', '10.9.0.2', 2, 1450))
    bench.kernel.leave()
    const [first, second] = outer
      .filter(({ direction, frame }) => direction === 'in' && frame.gsoSegments > 0)
      .map((seen) => seen.frame) as [Frame, Frame]
    expect([first.l3Length, first.gsoSize, first.gsoSegments]).toEqual([14190, 1410, 10])
    expect([first.l3Length - first.gsoExcess, second.l3Length - second.gsoExcess]).toEqual([
      1500, 1500,
    ])
    // The identifications of ten outer packets are used up.
    expect((second.ipId - first.ipId) & 0xffff).toBe(10)
    expect(arrivals(inner)).toEqual(['14140 x 10', '2860 x 2'])
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('draws the outer source port from the hash of the socket, if it has one', () => {
    const { bench, outer, devices, inner } = overlay()
    const portWith = (flowHash: number) => {
      const frame = unit('10.9.0.1', '10.9.0.2', 2, 1450)
      frame.flowHash = flowHash
      const before = outer.length
      sendTo(bench, devices[0]!, devices[1]!, frame)
      return outer[before]!.frame.sourcePort
    }
    const ports = [0, 0, 0x12345678, 0x12345678, 0x7654321].map(portWith)
    expect(ports[0]).toBe(ports[1])
    expect(ports[2]).toBe(ports[3])
    expect(new Set(ports).size).toBe(3)
    // The stack behind the tunnel does not know it.
    expect(inner.every(({ frame }) => frame.flowHash === 0)).toBe(true)
  })

  it('sends what does not fit in segments, and these in fragments, as its outer packets may be cut', () => {
    const { bench, hosts, outer, devices } = overlay({ mtu: 1500 })
    sendTo(bench, devices[0]!, devices[1]!, unit('10.9.0.1', '10.9.0.2', 2, 1500))
    const lengths = outer
      .filter(({ direction, frame }) => direction === 'in' && frame.isFragment)
      .map(({ frame }) => frame.l3Length)
    expect(lengths).toEqual([1500, 70, 1500, 70])
    // Its own stack knows the path's MTU from now on.
    expect(hosts[0].ipv4.pathMtu(ipv4('10.9.0.2'))).toBe(1450)
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('in a bridge answers a unit that is too long itself', () => {
    const { bench, hosts, outer, devices } = overlay({ mtu: 1500 })
    const bridge = made(linkAdd(hosts[0], { type: 'bridge', name: 'br0' }))
    bridge.setUp(true)
    made(bridge.addPort(devices[0]!))
    const container = bench.namespace('c')
    const [port, eth0] = bench.join(hosts[0], container, { name: 'vc', b: '10.9.0.5/24' })
    made(bridge.addPort(port))
    const back = bench.record(eth0)
    sendTo(bench, eth0, devices[1]!, unit('10.9.0.5', '10.9.0.2', 4, 1500))
    const [answer] = back.filter(({ frame }) => frame.protocol === PROTOCOL_ICMP)
    expect((answer!.frame.header as IcmpMessage).sequence).toBe(1450)
    expect([answer!.frame.inner!.l3Length, answer!.frame.inner!.gsoSize]).toEqual([1500, 0])
    expect(outer.filter(({ frame }) => frame.protocol === 17)).toEqual([])
    expect(bench.ledger.imbalance()).toBe(0)
  })
})

describe('an IPIP tunnel', () => {
  function tunnel(pmtuDiscovery: boolean) {
    const { bench, hosts, outer } = underlay()
    const devices = hosts.map((host: NetNamespace, i) => {
      const ends = { local: ipv4(`192.168.0.${i + 1}`), remote: ipv4(`192.168.0.${2 - i}`) }
      const device = made(linkAdd(host, { type: 'ipip', name: 'tun', ...ends, pmtuDiscovery }))
      device.setUp(true)
      new Commands(host).addr.add(`10.9.0.${i + 1}/24`, 'tun')
      return device
    })
    return { bench, hosts, outer, devices, inner: bench.record(devices[1]!) }
  }

  it('carries a unit in an outer unit', () => {
    const { bench, outer, devices, inner } = tunnel(true)
    bench.send(devices[0]!, unit('10.9.0.1', '10.9.0.2', 10, 1480))
    bench.run()
    const [carrier] = outer.filter(({ frame }) => frame.protocol === 4)
    expect([carrier!.frame.gsoSegments, carrier!.frame.gsoSize]).toEqual([10, 1440])
    expect(carrier!.frame.l3Length - carrier!.frame.gsoExcess).toBe(1500)
    expect(arrivals(inner)).toEqual(['14440 x 10'])
    expect(bench.ledger.imbalance()).toBe(0)
  })

  it('does not refuse a unit that is too long: whoever cuts it does', () => {
    const { bench, hosts, outer, devices } = tunnel(true)
    bench.send(devices[0]!, unit('10.9.0.1', '10.9.0.2', 3, 1500))
    bench.run()
    expect(outer.filter(({ frame }) => frame.protocol === 4)).toEqual([])
    expect(bench.drops()['mtu_exceeded_df']).toBe(3)
    expect(hosts[0].ipv4.pathMtu(ipv4('10.9.0.2'))).toBe(1480)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})

describe('a route with an MTU', () => {
  it('is what the segments of a unit are held against', () => {
    const bench = new DeviceBench()
    const [a, b] = [bench.namespace('a'), bench.namespace('b')]
    const [, far] = bench.join(a, b, { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    const [near] = a.devices
    expect(
      a.routes.add({ destination: prefix('10.0.0.2/32'), device: near!, mtu: 1000 }),
    ).toBeNull()
    const seen = bench.record(far)
    const send = (frame: Frame) => {
      bench.kernel.enter()
      expect(a.ipv4.sendLocal(frame)).toBeNull()
      bench.kernel.leave()
      bench.run()
    }
    send(unit('10.0.0.1', '10.0.0.2', 5, 1000))
    expect(arrivals(seen)).toEqual(['4840 x 5'])
    send(unit('10.0.0.1', '10.0.0.2', 5, 1001))
    expect(arrivals(seen)).toHaveLength(1)
    expect(bench.drops()['mtu_exceeded_df']).toBe(5)
    expect(bench.ledger.imbalance()).toBe(0)
  })
})
