/** Who is answered and what is learned. Tried packet by packet with a namespace of Linux 6.18. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { udp, type Wire, WireBench } from '../../test/wire-bench.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import type { NetNamespace } from './namespace.ts'

const THEM = '10.0.0.2'
const US = '10.0.0.1'
const STRANGER = 0x020000000033

let bench: WireBench
let host: NetNamespace
let wire: Wire
let other: Wire

beforeEach(() => {
  bench = new WireBench()
  host = bench.host()
  wire = bench.wire(host, 'eth0', `${US}/24`)
  other = bench.wire(host, 'eth1', '10.0.1.1/24')
})
afterEach(() => expect(bench.ledger.imbalance()).toBe(0))

function rows(): string[] {
  return [...host.neighbours.entries()].map((neighbour) => `${neighbour}`)
}

const ANSWER =
  '02:00:00:00:01:01 > 02:00:00:00:0a:01, ARP, Reply 10.0.0.1 is-at 02:00:00:00:01:01, length 42'

describe('a request', () => {
  it('for our address is answered, and its sender known but in doubt', () => {
    expect(wire.say(wire.whoHas(US, THEM))).toEqual([ANSWER])
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 STALE'])
  })

  it('by unicast is answered as well', () => {
    expect(wire.say(wire.whoHas(US, THEM, { to: wire.nic.mac }))).toEqual([ANSWER])
  })

  it('for the address of another device of ours is answered (arp_ignore 0)', () => {
    expect(wire.say(wire.whoHas('10.0.1.1', THEM))[0]).toContain('10.0.1.1 is-at 02:00:00:00:01:01')
  })

  it('from another subnet is answered, unless the reverse path filter is on', () => {
    expect(wire.say(wire.whoHas(US, '10.0.1.77'))).toHaveLength(1)
    wire.nic.rpFilter = 1
    expect(wire.say(wire.whoHas(US, '10.0.1.78'))).toEqual([])
    expect(bench.drops()).toEqual({ arp_ignored: 1 })
  })

  it.each([
    ['somebody else', '10.0.0.9'],
    ['a group', '224.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['the broadcast address', '10.0.0.255'],
  ])('for %s is ignored, and creates no entry', (_, address) => {
    expect(wire.say(wire.whoHas(address, THEM))).toEqual([])
    expect(rows()).toEqual([])
    expect(bench.drops()).toEqual({ arp_ignored: 1 })
  })

  it('of one who claims our own address is not answered', () => {
    expect(wire.say(wire.whoHas(US, US, { sender: STRANGER }))).toEqual([])
    expect(rows()).toEqual([])
  })

  it('from 0.0.0.0, a probe for duplicates, is answered but not learned', () => {
    expect(wire.say(wire.whoHas(US, '0.0.0.0'))).toEqual([ANSWER])
    expect(rows()).toEqual([])
  })

  it('is ignored on a device without ARP', () => {
    wire.nic.noArp = true
    expect(wire.say(wire.whoHas(US, THEM))).toEqual([])
    expect(bench.drops()).toEqual({ arp_ignored: 1 })
  })

  it('changes at once the address of one who was known', () => {
    wire.say(wire.whoHas(US, THEM))
    wire.say(wire.whoHas(US, THEM, { sender: STRANGER }))
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:00:33 STALE'])
  })

  it('from one who is reachable with this address is no reason for doubt', () => {
    resolve()
    wire.say(wire.whoHas(US, THEM))
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 REACHABLE'])
  })
})

describe('proxy_arp', () => {
  const asked = () => wire.say(wire.whoHas('10.0.1.99', THEM))

  beforeEach(() => {
    wire.nic.proxyArp = true
    host.sysctls.ipForward = true
  })

  it('answers for what is reached by another device', () => {
    expect(asked()[0]).toContain('10.0.1.99 is-at 02:00:00:00:01:01')
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 STALE'])
  })

  it('needs forwarding', () => {
    host.sysctls.ipForward = false
    expect(asked()).toEqual([])
  })

  it.each([
    ['what is on the same device', '10.0.0.99', THEM],
    ['what has no route', '10.9.9.9', THEM],
    ['a probe for duplicates', '10.0.1.99', '0.0.0.0'],
  ])('does not answer for %s', (_, address, from) => {
    expect(wire.say(wire.whoHas(address, from))).toEqual([])
  })
})

/** Lets the host ask for THEM, and answers. */
function resolve(): void {
  host.sockets.openUdp()!.sendTo(ipv4(THEM), 9, 8)
  bench.settle()
  wire.take()
  wire.say(wire.isAt(THEM, US))
}

describe('a reply', () => {
  it('that was asked for proves that the neighbour is reachable', () => {
    host.sockets.openUdp(4000)!.sendTo(ipv4(THEM), 9, 8)
    bench.settle()
    expect(wire.take()).toEqual([
      '02:00:00:00:01:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 42',
    ])
    expect(wire.say(wire.isAt(THEM, US))).toEqual(['IP 10.0.0.1.4000 > 10.0.0.2.9: UDP, length 8'])
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 REACHABLE'])
  })

  it('that nobody asked for is ignored (arp_accept 0)', () => {
    expect(wire.say(wire.isAt(THEM, US))).toEqual([])
    expect(rows()).toEqual([])
    expect(bench.drops()).toEqual({ arp_ignored: 1 })
  })

  it('the first of several wins for a second (locktime)', () => {
    resolve()
    wire.say(wire.isAt(THEM, US, { sender: STRANGER }))
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 REACHABLE'])
    bench.run(0.9)
    wire.say(wire.isAt(THEM, US, { sender: STRANGER }))
    expect(rows()[0]).toContain('0a:01 REACHABLE')
    bench.run(0.2)
    wire.say(wire.isAt(THEM, US, { sender: STRANGER }))
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:00:33 REACHABLE'])
  })

  it('to all proves nothing: what it changes is in doubt', () => {
    resolve()
    bench.run(1.1)
    wire.say(wire.isAt(THEM, US, { to: 0xffffffffffff }))
    expect(rows()[0]).toContain('0a:01 REACHABLE')
    wire.say(wire.isAt(THEM, US, { sender: STRANGER, to: 0xffffffffffff }))
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:00:33 STALE'])
  })
})

describe('a gratuitous announcement', () => {
  beforeEach(() => resolve())

  it.each([
    ['request', () => wire.whoHas(THEM, THEM, { sender: STRANGER })],
    ['reply', () => announcement(STRANGER)],
  ])('by %s is believed at once', (_, announce) => {
    wire.say(announce())
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:00:33 STALE'])
  })

  it('by a reply that names another as its target is an ordinary reply', () => {
    wire.say(announcement(0))
    expect(rows()).toEqual(['10.0.0.2 dev eth0 lladdr 02:00:00:00:0a:01 REACHABLE'])
  })

  it('of one who is not known makes no entry', () => {
    wire.say(wire.whoHas('10.0.0.9', '10.0.0.9'))
    expect(rows()).toHaveLength(1)
  })

  it('is what `arping -A` sends', () => {
    host.arp.announce(wire.nic, ipv4(US))
    bench.settle()
    expect(wire.take()).toEqual([
      '02:00:00:00:01:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.1 tell 10.0.0.1, length 42',
    ])
  })
})

function announcement(target: number) {
  return wire.isAt(THEM, THEM, { sender: STRANGER, target, to: 0xffffffffffff })
}

describe('a request of ours', () => {
  it('names the address with which the waiting packet goes (arp_announce 0)', () => {
    host.addAddress(wire.nic, { address: ipv4('10.5.0.1'), length: 24 })
    for (const [to, as] of [
      ['10.0.0.7', US],
      ['10.5.0.7', '10.5.0.1'],
    ] as const) {
      host.sockets.openUdp()!.sendTo(ipv4(to), 9, 8)
      bench.settle()
      expect(wire.take()[0]).toContain(`who-has ${to} tell ${as}`)
    }
    bench.run(4)
  })

  it('names the address of the device for packets that are only passed on', () => {
    host.sysctls.ipForward = true
    bench.permanent(wire, THEM)
    expect(wire.say(udp(THEM, '10.0.1.50', 8))).toEqual([])
    expect(other.take()).toEqual([expect.stringContaining('who-has 10.0.1.50 tell 10.0.1.1')])
    bench.run(4)
    expect(wire.take()).toEqual([
      'IP 10.0.0.1 > 10.0.0.2: ICMP host 10.0.1.50 unreachable, length 44',
    ])
  })
})
