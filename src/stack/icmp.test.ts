/** What ICMP answers, what it never does, and how often. Bursts and their limits as on Linux 6.18. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { echo, packet, piece, udp, type Wire, WireBench } from '../../test/wire-bench.ts'
import { MILLISECOND } from '../sim/units.ts'
import { type Frame, PROTOCOL_ICMP } from '../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IcmpMessage } from '../wire/icmp.ts'
import { formatIpv4, ipv4, prefix } from '../wire/ipv4-address.ts'
import { KERNEL_PROFILES } from './kernel-profile.ts'
import type { NetNamespace } from './namespace.ts'

const THEM = '10.0.0.2'
const US = '10.0.0.1'
/** Behind the router's second port. */
const FAR = '10.0.1.2'
const NOWHERE = '10.9.9.9'

let bench: WireBench
let router: NetNamespace
let wire: Wire
let other: Wire

function setUp(changes: ConstructorParameters<typeof WireBench>[0] = {}): void {
  bench = new WireBench(changes)
  router = bench.host('router')
  router.sysctls.ipForward = true
  wire = bench.wire(router, 'eth0', `${US}/24`)
  other = bench.wire(router, 'eth1', '10.0.1.1/24', 1000)
  bench.permanent(wire, THEM)
  bench.permanent(other, FAR)
}

beforeEach(() => setUp())
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

/** `count` packets at one instant. @returns how many were answered. */
function burst(count: number, make: () => Frame): number {
  return wire.say(...Array.from({ length: count }, make)).length
}

const expired = (from = THEM) => udp(from, FAR, 8, { ttl: 1 })
const lost = (from = THEM) => udp(from, NOWHERE, 8)

describe('an echo request', () => {
  it('is answered from the address that was asked, with its content, TTL 64 and no DF', () => {
    const payload = Uint8Array.of(1, 2, 3, 4)
    const asked = echo(THEM, '10.0.1.1', 4, { payload, ttl: 9, dontFragment: true, tos: 0x10 })
    const [reply] = wire.exchange(asked)
    expect(reply).toMatchObject({
      ...{ ipSrc: ipv4('10.0.1.1'), ipDst: ipv4(THEM), payload, ttl: 64, tos: 0x10 },
      ...{ dontFragment: false, l3Length: 32, header: { type: 0, identifier: 77, sequence: 1 } },
    })
  })

  it('to a broadcast address is not answered (icmp_echo_ignore_broadcasts)', () => {
    const to = { dstHi: 0xffffff, dstLo: 0xffffff }
    expect(wire.say(echo(THEM, '10.0.0.255', 8, to), echo(THEM, '255.255.255.255', 8, to))).toEqual(
      [],
    )
    expect(bench.drops()).toEqual({ icmp_ignored: 2 })
  })

  it('in a broadcast frame, but to our address, is answered', () => {
    expect(wire.say(echo(THEM, US, 8, { dstHi: 0xffffff, dstLo: 0xffffff }))).toHaveLength(1)
  })

  it('is not answered with icmp_echo_ignore_all, nor when it is damaged', () => {
    expect(wire.say(echo(THEM, US, 8, { badChecksum: true }))).toEqual([])
    router.sysctls.icmpEchoIgnoreAll = true
    expect(wire.say(echo(THEM, US, 8))).toEqual([])
    expect(bench.drops()).toEqual({ icmp_checksum: 1, icmp_ignored: 1 })
  })
})

describe('an error', () => {
  it('quotes as much as fits 576 bytes, with TOS 0xc0 beside that of the packet', () => {
    const long = udp(THEM, FAR, 1472, { ttl: 1, tos: 0x28 })
    const [error] = wire.exchange(long)
    expect(error).toMatchObject({
      l3Length: 576,
      tos: 0xc8,
      ttl: 64,
      header: { type: 11, code: 0 },
    })
    expect(error!.inner).toMatchObject({ l3Length: 1500, ttl: 1, ipSrc: ipv4(THEM) })
  })

  it('quotes less where the way back is narrower', () => {
    router.routes.replace({
      ...{ destination: prefix('10.0.0.0/24'), device: wire.nic, mtu: 300, source: ipv4(US) },
    })
    expect(wire.say(udp(THEM, FAR, 1472, { ttl: 1 }))).toEqual([
      'IP 10.0.0.1 > 10.0.0.2: ICMP time exceeded in-transit, length 280',
    ])
  })

  it('comes from the address that was asked, if that is ours', () => {
    expect(wire.say(udp(THEM, '10.0.1.1', 8))).toEqual([
      'IP 10.0.1.1 > 10.0.0.2: ICMP 10.0.1.1 udp port 5000 unreachable, length 44',
    ])
  })

  it('comes else from the address of the port by which it leaves', () => {
    expect(wire.say(expired())).toEqual([
      'IP 10.0.0.1 > 10.0.0.2: ICMP time exceeded in-transit, length 44',
    ])
  })

  it('comes from the address in the subnet of the gateway by which it leaves', () => {
    router.addAddress(wire.nic, { address: ipv4('10.5.0.1'), length: 24 })
    router.routes.add({ destination: prefix('172.16.0.0/16'), via: ipv4('10.5.0.2') })
    bench.permanent(wire, '10.5.0.2')
    expect(wire.say(expired('172.16.0.9'))).toEqual([
      'IP 10.5.0.1 > 172.16.0.9: ICMP time exceeded in-transit, length 44',
    ])
  })

  it('about a protocol that nobody handles', () => {
    const strange = packet(THEM, US, { protocol: 47, l3Length: 40 })
    expect(wire.say(strange)).toEqual([
      'IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.0.1 protocol 47 unreachable, length 48',
    ])
    expect(bench.drops()).toEqual({ unhandled_l4: 1 })
  })
})

describe('no error is sent about', () => {
  const broadcast = { dstHi: 0xffffff, dstLo: 0xffffff }
  const anError = () => {
    const header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 0)
    const inner = udp(FAR, THEM, 8)
    return packet(THEM, FAR, { protocol: PROTOCOL_ICMP, l3Length: 56, header, inner, ttl: 1 })
  }

  it.each([
    ['an ICMP error', anError, 'ttl_exceeded'],
    ['a fragment other than the first', () => piece(expired(), 8, 16), 'ttl_exceeded'],
    ['a broadcast', () => udp(THEM, '255.255.255.255', 8, broadcast), 'no_socket'],
    ['a directed broadcast', () => udp(THEM, '10.0.0.255', 8), 'no_socket'],
    ['a multicast packet', () => udp(THEM, '224.0.0.5', 8), 'no_socket'],
    ['a packet in a broadcast frame', () => udp(THEM, US, 8, broadcast), 'no_socket'],
    ['a packet from 0.0.0.0', () => udp('0.0.0.0', '255.255.255.255', 8), 'no_socket'],
  ])('%s', (_, make, reason) => {
    expect(wire.say(make())).toEqual([])
    expect(bench.drops()).toEqual({ [reason]: 1 })
  })

  it('but about an echo request and a first fragment there is one', () => {
    expect(wire.say(echo(THEM, FAR, 8, { ttl: 1 }))).toHaveLength(1)
    expect(wire.say(piece(udp(THEM, FAR, 3000, { ttl: 1 }), 0, 1480))).toHaveLength(1)
  })
})

describe('icmp_ratelimit', () => {
  it('lets six go at once, then one a second to each target', () => {
    expect(burst(20, expired)).toBe(6)
    for (let i = 0; i < 4; i++) {
      bench.run(1)
      expect(burst(3, expired)).toBe(1)
    }
    bench.permanent(wire, '10.0.0.4')
    expect(burst(20, () => expired('10.0.0.4'))).toBe(6)
    bench.run(100)
    expect(burst(20, expired)).toBe(6)
    expect(router.icmp.rateLimited).toBeGreaterThan(0)
  })

  it('is another with another setting, and none with 0', () => {
    const { icmp } = KERNEL_PROFILES['6.18']!
    setUp({ icmp: { ...icmp, rateLimit: 100 * MILLISECOND } })
    expect(burst(20, expired)).toBe(6)
    bench.run(0.35)
    expect(burst(20, expired)).toBe(3)
    setUp({ icmp: { ...icmp, rateLimit: 0 } })
    expect(burst(40, expired)).toBe(40)
  })

  it('does not hold for "fragmentation needed"', () => {
    expect(burst(60, () => udp(THEM, FAR, 1200, { dontFragment: true }))).toBe(60)
    expect(burst(20, expired)).toBe(6)
  })

  it('does not hold for the sender’s own packets', () => {
    const socket = router.sockets.openUdp()!
    let errors = 0
    socket.onError = () => errors++
    for (let i = 0; i < 100; i++) socket.sendTo(ipv4(US), 9, 8)
    bench.settle()
    expect(errors).toBe(100)
  })
})

describe('icmp_msgs_per_sec', () => {
  const sources = Array.from({ length: 120 }, (_, i) => `10.0.0.${i + 10}`)
  const each = () => wire.say(...sources.map((source) => expired(source))).length

  it('lets fifty go at once to many targets, and a thousand a second', () => {
    bench.permanent(wire, ...sources)
    expect(each()).toBe(50)
    bench.run(0.01)
    expect(each()).toBe(10)
    bench.run(1)
    expect(each()).toBe(50)
  })

  it('lets none go with 0', () => {
    setUp({ icmp: { ...KERNEL_PROFILES['6.18']!.icmp, messagesPerSecond: 0 } })
    bench.permanent(wire, ...sources)
    expect(each()).toBe(0)
    bench.run(10)
    expect(each()).toBe(0)
  })
})

describe('where no route leads on', () => {
  const answers = (count: number, interval: number, make: () => Frame) =>
    Array.from({ length: count }, () => {
      const answered = burst(1, make)
      bench.run(interval)
      return answered
    })

  it('the limit of ip_error takes of the same credit: two of a burst are told', () => {
    expect(burst(12, lost)).toBe(2)
    // One token a second is gone before the error would need its own.
    expect(answers(6, 1, lost)).toEqual([0, 0, 0, 0, 0, 0])
    bench.run(60)
    expect(burst(12, lost)).toBe(2)
  })

  it('one a second is told four times', () => {
    expect(answers(8, 1, lost)).toEqual([1, 1, 1, 1, 0, 0, 0, 0])
  })

  it('one every two seconds is told always', () => {
    expect(answers(12, 2, lost)).toEqual(new Array(12).fill(1))
  })
})

describe('an error that comes in', () => {
  it('goes to the socket whose packet it quotes', () => {
    const socket = router.sockets.openUdp(4000)!
    const errors: string[] = []
    socket.onError = ({ type, code, from, mtu }) =>
      errors.push(`${type}/${code} from ${formatIpv4(from)}, mtu ${mtu}`)
    const quote = (port: number) => {
      const inner = udp(US, THEM, 8, { sourcePort: port })
      inner.shared = true
      const header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0, 0)
      return packet(THEM, US, { protocol: PROTOCOL_ICMP, l3Length: 56, header, inner })
    }
    expect(wire.say(quote(4000), quote(4001))).toEqual([])
    expect(errors).toEqual(['3/3 from 10.0.0.2, mtu 0'])
    expect(bench.drops()).toEqual({ icmp_ignored: 1 })
  })

  it('is ignored when it quotes nothing or is of no type that is known', () => {
    const message = (type: number) => {
      const header = new IcmpMessage(type, 0, 0, 0)
      return packet(THEM, US, { protocol: PROTOCOL_ICMP, l3Length: 28, header })
    }
    expect(wire.say(message(ICMP_DEST_UNREACH), message(13), message(0))).toEqual([])
    expect(bench.drops()).toEqual({ icmp_ignored: 3 })
  })
})
