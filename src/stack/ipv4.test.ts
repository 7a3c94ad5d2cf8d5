/** Receiving, forwarding and sending of IPv4. What Linux 6.18 did with the same packets is what is expected. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  echo,
  fragNeeded,
  packet,
  piece,
  pieces,
  udp,
  type Wire,
  WireBench,
} from '../../test/wire-bench.ts'
import { ipv4, prefix } from '../wire/ipv4-address.ts'
import type { NetNamespace } from './namespace.ts'
import type { RouteType } from './route-table.ts'

const THEM = '10.0.0.2'
const US = '10.0.0.1'
/** Behind the second port. */
const FAR = '10.0.1.2'
const BROADCAST = { dstHi: 0xffffff, dstLo: 0xffffff }

let bench: WireBench
let host: NetNamespace
let wire: Wire
let other: Wire

beforeEach(() => {
  bench = new WireBench()
  host = bench.host()
  host.sysctls.ipForward = true
  wire = bench.wire(host, 'eth0', `${US}/24`)
  other = bench.wire(host, 'eth1', '10.0.1.1/24', 1400)
  bench.permanent(wire, THEM)
  bench.permanent(other, FAR)
})
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

function addRoute(destination: string, type: RouteType): void {
  host.routes.add({ destination: prefix(destination), type })
}

describe('forwarding', () => {
  it('lowers the TTL and sends to the neighbour of the next hop', () => {
    expect(wire.say(udp(THEM, FAR, 100, { ttl: 2 }))).toEqual([])
    const [passed] = other.frames()
    expect(passed).toMatchObject({ ttl: 1, ipSrc: ipv4(THEM), ipDst: ipv4(FAR), l3Length: 128 })
    expect(passed).toMatchObject({ srcLo: other.nic.lo, dstLo: other.mac & 0xffffff })
  })

  it.each([0, 1])('of a TTL of %i ends with "time exceeded"', (ttl) => {
    expect(wire.say(udp(THEM, FAR, 8, { ttl }))).toEqual([
      'IP 10.0.0.1 > 10.0.0.2: ICMP time exceeded in-transit, length 44',
    ])
    expect(bench.drops()).toEqual({ ttl_exceeded: 1 })
    // What is for us needs no TTL.
    expect(wire.say(echo(THEM, US, 8, { ttl }))).toHaveLength(1)
  })

  it('is off by default: what is not for us is dropped without a word', () => {
    host.sysctls.ipForward = false
    expect(
      wire.say(udp(THEM, FAR, 8), udp(THEM, '10.9.9.9', 8), udp(THEM, FAR, 8, { ttl: 1 })),
    ).toEqual([])
    expect(bench.drops()).toEqual({ forwarding_disabled: 3 })
    expect(wire.say(echo(THEM, '10.0.1.1', 8))).toHaveLength(1)
  })

  it('takes no packet that came in a broadcast frame', () => {
    expect(wire.say(udp(THEM, FAR, 8, BROADCAST))).toEqual([])
    expect(bench.drops()).toEqual({ forwarding_disabled: 1 })
  })

  it.each([
    ['unreachable', 'host 10.1.0.9 unreachable', 'no_route_in'],
    ['prohibit', 'host 10.1.0.9 unreachable - admin prohibited filter', 'no_route_in'],
    ['blackhole', null, 'blackhole_route'],
  ] as const)('by a route of type %s', (type, told, reason) => {
    addRoute('10.1.0.0/16', type)
    const errors = told === null ? [] : [`IP 10.0.0.1 > 10.0.0.2: ICMP ${told}, length 44`]
    expect(wire.say(udp(THEM, '10.1.0.9', 8))).toEqual(errors)
    expect(bench.drops()).toEqual({ [reason]: 1 })
  })

  it('without a route says so, whatever the TTL', () => {
    const told = ['IP 10.0.0.1 > 10.0.0.2: ICMP net 10.9.9.9 unreachable, length 44']
    expect(wire.say(udp(THEM, '10.9.9.9', 8))).toEqual(told)
    expect(wire.say(udp(THEM, '10.9.9.9', 8, { ttl: 1 }))).toEqual(told)
    expect(bench.drops()).toEqual({ no_route_in: 2 })
  })

  it('asks the sender to cut what has DF and is larger than the MTU; cuts the rest itself', () => {
    expect(wire.say(udp(THEM, FAR, 1373, { dontFragment: true }))).toEqual([
      'IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.1.2 unreachable - need to frag (mtu 1400), length 556',
    ])
    expect(bench.drops()).toEqual({ mtu_exceeded_df: 1 })
    expect(wire.say(udp(THEM, FAR, 1372, { dontFragment: true }))).toEqual([])
    wire.say(udp(THEM, FAR, 1373, { ipId: 7 }))
    expect(other.take()).toEqual([
      'IP 10.0.0.2.4000 > 10.0.1.2.5000: UDP, length 1372',
      'IP 10.0.0.2 > 10.0.1.2: UDP fragment, id 7, flags [+], offset 0, length 1376',
      'IP 10.0.0.2 > 10.0.1.2: UDP fragment, id 7, flags [none], offset 1376, length 5',
    ])
  })

  it('goes by the MTU of the route where that has one', () => {
    host.routes.add({ destination: prefix('10.0.1.2/32'), device: other.nic, mtu: 1000 })
    expect(wire.say(udp(THEM, FAR, 1100, { dontFragment: true }))[0]).toContain('(mtu 1000)')
    wire.say(udp(THEM, FAR, 1100))
    expect(other.take()).toHaveLength(2)
  })

  it('goes not by what ICMP taught of the path (ip_forward_use_pmtu)', () => {
    other.say(fragNeeded(FAR, udp('10.0.1.1', FAR, 1300, { dontFragment: true }), 600))
    expect(host.ipv4.pathMtu(ipv4(FAR))).toBe(600)
    expect(wire.say(udp(THEM, FAR, 1300, { dontFragment: true }))).toEqual([])
    expect(other.take()).toHaveLength(1)
  })

  it('cuts a datagram that a filter has put together, also if its fragments were larger than the MTU', () => {
    host.filter = {
      run: (_hook, frame) => (frame.isFragment ? host.fragments.assemble(frame, wire.nic) : frame),
      save: () => '',
      referencesTo: () => 0,
    }
    expect(wire.say(...pieces(udp(THEM, FAR, 3000, { ipId: 5 }), 1500))).toEqual([])
    expect(other.frames().map((frame) => frame.l3Length)).toEqual([1396, 1396, 276])
    // Fragments that were smaller keep their size.
    wire.say(...pieces(udp(THEM, FAR, 2000, { ipId: 6 }), 1000))
    expect(other.frames().map((frame) => frame.l3Length)).toEqual([996, 996, 76])
    expect(bench.drops()).toEqual({})
  })

  it('cuts fragments again, which still belong to the same datagram', () => {
    const socket = host.sockets.openUdp(5000)!
    let whole = 0
    socket.onReceive = (frame) => {
      whole += frame.badChecksum ? 0 : frame.l3Length
    }
    wire.say(...pieces(udp(THEM, FAR, 3000, { ipId: 5 }), 1500))
    const cut = other.frames()
    expect(cut.map(({ fragmentOffset }) => fragmentOffset)).toEqual([0, 1376, 1480, 2856, 2960])
    expect(cut.map(({ moreFragments }) => moreFragments)).toEqual([true, true, true, true, false])
    for (const frame of cut) frame.ipDst = ipv4(US)
    for (const frame of cut) Object.assign(frame, { srcHi: 0, srcLo: 0, dstHi: 0, dstLo: 0 })
    wire.say(...cut)
    expect(whole).toBe(3028)
  })
})

describe('martians are dropped:', () => {
  it.each([
    ['to 127.0.0.1', THEM, '127.0.0.1', 'invalid_destination'],
    ['to 0.0.0.0', THEM, '0.0.0.0', 'invalid_destination'],
    ['from 127.0.0.1', '127.0.0.1', US, 'invalid_source'],
    ['from an address of our own', US, US, 'invalid_source'],
    ['from our own on the other port', '10.0.1.1', US, 'invalid_source'],
    ['from 0.0.0.0', '0.0.0.0', US, 'invalid_source'],
    ['from a group', '224.0.0.9', US, 'invalid_source'],
    ['from the broadcast address', '255.255.255.255', US, 'invalid_source'],
    ['from a group, to be passed on', '224.0.0.9', FAR, 'invalid_source'],
    ['our own broadcast coming back', US, '10.0.0.255', 'invalid_source'],
  ])('%s', (_, from, to, reason) => {
    expect(wire.say(echo(from, to, 8))).toEqual([])
    expect(other.take()).toEqual([])
    expect(bench.drops()).toEqual({ [reason]: 1 })
  })

  it('but 127.0.0.1 reaches itself', () => {
    const socket = host.sockets.openEcho()
    let replies = 0
    socket.onReply = () => replies++
    expect(socket.request(ipv4('127.0.0.1'), 1, 8)).toBeNull()
    bench.settle()
    expect(replies).toBe(1)
  })
})

describe('rp_filter', () => {
  const probes = () => [
    echo(THEM, US, 8),
    // Routed back by the other port, and not at all.
    echo(FAR, US, 8),
    echo('172.16.0.1', US, 8),
  ]
  const passed = () => {
    wire.say(...probes())
    return 3 - (bench.drops()['reverse_path'] ?? 0)
  }

  it.each([
    [0, 3],
    [1, 1],
    [2, 2],
  ])('%i lets %i of three pass', (rpFilter, count) => {
    wire.nic.rpFilter = rpFilter
    expect(passed()).toBe(count)
  })

  it('1 is content with any one of several ways back', () => {
    wire.nic.rpFilter = 1
    other.nic.rpFilter = 1
    host.routes.add({
      destination: prefix('172.16.0.0/16'),
      nexthops: [{ via: ipv4(FAR) }, { via: ipv4(THEM) }],
    })
    for (const port of [wire, other]) port.say(echo('172.16.0.1', US, 8))
    expect(bench.drops()).toEqual({})
  })

  it('does not stand before the answer that there is no route', () => {
    wire.nic.rpFilter = 1
    expect(wire.say(udp('172.16.0.1', '10.9.9.9', 8))).toEqual([])
    expect(bench.drops()).toEqual({ no_route_in: 1 })
    expect(wire.say(udp('172.16.0.1', FAR, 8))).toEqual([])
    expect(bench.drops()).toEqual({ no_route_in: 1, reverse_path: 1 })
  })

  it('does not hold for a question from 0.0.0.0 to all', () => {
    wire.nic.rpFilter = 1
    host.sockets.openUdp(5000)
    wire.say(udp('0.0.0.0', '255.255.255.255', 8, BROADCAST))
    expect(bench.ledger.delivered).toBe(1)
  })
})

describe('broadcasts', () => {
  it.each(['10.0.0.255', '10.0.1.255', '255.255.255.255'])('to %s are delivered', (to) => {
    const socket = host.sockets.openUdp(5000)!
    let received = 0
    socket.onReceive = () => received++
    expect(wire.say(udp(THEM, to, 8, BROADCAST))).toEqual([])
    expect(received).toBe(1)
    expect(other.take()).toEqual([])
  })

  it('to a subnet of ours leave in a broadcast frame', () => {
    const socket = host.sockets.openUdp()!
    expect(socket.sendTo(ipv4('10.0.1.255'), 9, 8)).toBeNull()
    bench.settle()
    const [sent] = other.frames()
    expect(sent).toMatchObject({ isBroadcast: true, ipSrc: ipv4('10.0.1.1') })
  })

  it('of a subnet that is gone are so no more', () => {
    host.removeAddress(other.nic, other.nic.addresses[0]!)
    wire.say(udp(THEM, '10.0.1.255', 8))
    expect(bench.drops()).toEqual({ no_route_in: 1 })
  })
})

describe('delivery', () => {
  it('hands a protocol to its handler', () => {
    const seen: number[] = []
    host.ipv4.registerProtocol(47, (frame) => {
      seen.push(frame.l3Length)
      bench.ledger.consumed++
    })
    expect(wire.say(packet(THEM, US, { protocol: 47, l3Length: 30 }))).toEqual([])
    expect(seen).toEqual([30])
  })

  it('drops what is no packet', () => {
    expect(wire.say(packet(THEM, US, { l3Length: 19 }))).toEqual([])
    expect(bench.drops()).toEqual({ ip_header: 1 })
  })

  it('tells a wrong UDP checksum, except where there is none', () => {
    const socket = host.sockets.openUdp(5000)!
    let received = 0
    socket.onReceive = () => received++
    wire.say(udp(THEM, US, 8, { badChecksum: true }))
    expect(received).toBe(0)
    wire.say(udp(THEM, US, 8, { badChecksum: true, udpChecksum: false }))
    expect(received).toBe(1)
    expect(bench.drops()).toEqual({ udp_checksum: 1 })
  })

  it('is by the flow: a fragment without its ports is not mistaken for another socket’s', () => {
    const whole = udp(THEM, US, 2000, { ipId: 3 })
    wire.say(piece(whole, 1480, 2008))
    expect(bench.drops()).toEqual({})
    expect(bench.ledger.held()).toBe(1)
  })
})

describe('path MTU', () => {
  const wide = () => udp(US, THEM, 1400, { dontFragment: true })
  const known = () => host.ipv4.pathMtu(ipv4(THEM))

  it('is learned from "fragmentation needed", and kept for 600 s', () => {
    expect(known()).toBe(1500)
    wire.say(fragNeeded(THEM, wide(), 1300))
    expect(known()).toBe(1300)
    bench.run(599)
    expect(known()).toBe(1300)
    bench.run(2)
    expect(known()).toBe(1500)
    expect(host.ipv4.pathMtu(ipv4('10.0.0.3'))).toBe(1500)
  })

  it('is never raised by an error, but kept longer by one that says the same', () => {
    wire.say(fragNeeded(THEM, wide(), 1300))
    wire.say(fragNeeded(THEM, wide(), 1400))
    expect(known()).toBe(1300)
    bench.run(400)
    wire.say(fragNeeded(THEM, wide(), 1300))
    bench.run(400)
    expect(known()).toBe(1300)
  })

  it.each([551, 400, 68, 0])('of %i is not believed: it is 552, and DF is left off', (mtu) => {
    wire.say(fragNeeded(THEM, wide(), mtu))
    expect(known()).toBe(552)
    const socket = host.sockets.openUdp()!
    socket.sendTo(ipv4(THEM), 9, 100)
    socket.sendTo(ipv4(THEM), 9, 1000)
    bench.settle()
    const sent = wire.frames()
    expect(sent.map((frame) => frame.dontFragment)).toEqual([false, false, false])
    expect(sent.map((frame) => frame.l3Length)).toEqual([128, 548, 500])
  })

  it('of 552 is believed, and DF stays', () => {
    wire.say(fragNeeded(THEM, wide(), 552))
    expect(known()).toBe(552)
    host.sockets.openUdp()!.sendTo(ipv4(THEM), 9, 100)
    bench.settle()
    expect(wire.frames()[0]!.dontFragment).toBe(true)
  })

  it('is forgotten with `ip route flush cache`', () => {
    wire.say(fragNeeded(THEM, wide(), 1300))
    host.ipv4.flushCache()
    expect(known()).toBe(1500)
  })

  it('is at most that of the device: a narrow one is not widened to min_pmtu', () => {
    wire.nic.setMtu(500)
    wire.say(fragNeeded(THEM, udp(US, THEM, 400, { dontFragment: true }), 300))
    expect(known()).toBe(500)
    expect(host.ipv4.isMtuLocked(ipv4(THEM))).toBe(true)
  })
})
