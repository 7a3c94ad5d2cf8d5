/** Every byte on a cable belongs to one layer. The expected numbers are sums of header sizes, by hand. */
import { describe, expect, it } from 'vitest'
import { CabledHosts } from '../../test/cabled-hosts.ts'
import { tcpSegment } from '../../test/tcp-units.ts'
import { echo, packet, piece, udp, type Wire, WireBench } from '../../test/wire-bench.ts'
import { SECOND } from '../sim/units.ts'
import { type Frame, PROTOCOL_ICMP, PROTOCOL_IPIP, PROTOCOL_TCP } from '../wire/frame.ts'
import { ICMP_TIME_EXCEEDED, IcmpMessage } from '../wire/icmp.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { TcpHeader } from '../wire/tcp.ts'
import { EgressCounter, type LayerBytes, LayerCounter } from './layers.ts'
import { addTap } from './tap.ts'

const [A, B] = ['10.244.0.2', '10.244.1.2']
const [HOST_A, HOST_B] = ['192.168.0.1', '192.168.0.2']

function count(...frames: readonly Frame[]): LayerBytes {
  const counter = new LayerCounter('in', 0, 1)
  for (const frame of frames) counter.frame(0, frame, 'in')
  return counter.bytes
}

function total(bytes: LayerBytes): number {
  return Object.values(bytes).reduce((sum, each) => sum + each, 0)
}

/** Bytes for which a frame occupies its cable: with padding, FCS, preamble and gap. */
function onWire(...frames: readonly Frame[]): number {
  return frames.reduce((sum, { length }) => sum + Math.max(60, length) + 24, 0)
}

function vxlan(inner: Frame): Frame {
  const l3Length = 20 + 8 + 8 + inner.length
  return udp(HOST_A, HOST_B, 0, { l3Length, inner, vni: 1, destinationPort: 8472 })
}

function ipip(inner: Frame): Frame {
  return packet(HOST_A, HOST_B, { protocol: PROTOCOL_IPIP, l3Length: 20 + inner.l3Length, inner })
}

function tcp(content: number): Frame {
  const header = new TcpHeader(1, 1, 0x10, 1000, new Uint8Array(12))
  return packet(A, B, { protocol: PROTOCOL_TCP, l3Length: 20 + header.bytes + content, header })
}

function arp(): Frame {
  const bench = new WireBench()
  return (bench.wire(bench.host(), 'eth0') satisfies Wire).whoHas(B, A)
}

const NONE = { payload: 0, headers: 0, encapsulation: 0, ethernet: 14, framing: 24, other: 0 }

describe('one frame', () => {
  const whole = udp(A, B, 3000)
  const tunnelled = vxlan(udp(A, B, 1472))

  it.each([
    ['UDP', udp(A, B, 100), { payload: 100, headers: 28 }],
    ['UDP of 4 bytes, which is padded', udp(A, B, 4), { payload: 4, headers: 28, framing: 38 }],
    ['UDP of no bytes', udp(A, B, 0), { headers: 28, framing: 42 }],
    ['an echo request', echo(A, B, 56), { payload: 56, headers: 28 }],
    ['TCP with timestamps', tcp(1448), { payload: 1448, headers: 52 }],
    [
      'UDP with a VLAN tag',
      udp(A, B, 100, { vlan: 5 }),
      { payload: 100, headers: 28, ethernet: 18 },
    ],
    ['ARP', arp(), { other: 28, framing: 42 }],
    [
      'another protocol',
      packet(A, B, { protocol: 47, l3Length: 120 }),
      { payload: 100, headers: 20 },
    ],
    ['UDP in VXLAN', vxlan(udp(A, B, 100)), { payload: 100, headers: 28, encapsulation: 50 }],
    [
      'UDP with a VLAN tag in VXLAN',
      vxlan(udp(A, B, 100, { vlan: 5 })),
      { payload: 100, headers: 28, encapsulation: 54 },
    ],
    ['UDP in IPIP', ipip(udp(A, B, 100)), { payload: 100, headers: 28, encapsulation: 20 }],
    [
      'TCP in a tunnel with a header of 4 bytes',
      tcpSegment({ bytes: 100 }, 'header'),
      { payload: 100, headers: 52, encapsulation: 24 },
    ],
    ['ARP in VXLAN', vxlan(arp()), { other: 28, encapsulation: 50 }],
    ['a first fragment', piece(whole, 0, 1480), { payload: 1472, headers: 28 }],
    ['a further fragment', piece(whole, 1480, 2960), { payload: 1480, headers: 20 }],
    [
      'a fragment in VXLAN',
      vxlan(piece(whole, 1480, 2960)),
      { payload: 1480, headers: 20, encapsulation: 50 },
    ],
    [
      'the first fragment of a tunnel',
      piece(tunnelled, 0, 1480),
      { payload: 1500 - 50 - 28, headers: 28, encapsulation: 50 },
    ],
    [
      'a further fragment of a tunnel',
      piece(tunnelled, 1480, 1530),
      { payload: 50, encapsulation: 20 },
    ],
  ])('%s', (_, frame, expected) => {
    const bytes = count(frame)
    expect(bytes).toEqual({ ...NONE, ...expected })
    expect(total(bytes)).toBe(onWire(frame))
  })

  it('an ICMP error: what it quotes is its content, not a tunnel', () => {
    const header = new IcmpMessage(ICMP_TIME_EXCEEDED, 0, 0, 0)
    const inner = udp(A, B, 100)
    const error = packet(B, A, { protocol: PROTOCOL_ICMP, l3Length: 156, header, inner })
    expect(count(error)).toEqual({ ...NONE, headers: 28, payload: 128 })
  })
})

describe('a counter', () => {
  it('counts one direction, from the begin to the end of its window', () => {
    const counter = new LayerCounter('out', 10, 20)
    const frame = udp(A, B, 100)
    for (const time of [9, 10, 15, 20, 21]) {
      counter.frame(time, frame, 'out')
      counter.frame(time, frame, 'in')
    }
    expect(counter.bytes.payload).toBe(300)
  })

  it('sums to what the cable was busy with, of a conversation with ARP, fragments and errors', () => {
    const hosts = new CabledHosts()
    const { port } = hosts.a.nic
    const [sent, received] = (['out', 'in'] as const).map((direction) => {
      const counter = new LayerCounter(direction, 0, Infinity)
      addTap(port, counter)
      return counter
    })
    const socket = hosts.a.namespace.sockets.openUdp()!
    for (const bytes of [0, 1, 18, 100, 1472, 1473, 9000]) {
      socket.sendTo(hosts.b.address, 9, bytes)
    }
    hosts.a.namespace.sockets.openEcho().request(hosts.b.address, 1, 4000)
    hosts.simulator.run(60 * SECOND)
    expect(total(sent!.bytes)).toBe(port.txWireBytes)
    expect(total(received!.bytes)).toBe(hosts.b.nic.port.txWireBytes)
    expect(sent!.bytes.payload).toBe(0 + 1 + 18 + 100 + 1472 + 1473 + 9000 + 4000)
    expect(sent!.bytes.other % 28).toBe(0)
    expect(hosts.ledger.imbalance()).toBe(0)
  })
})

describe('what leaves a host', () => {
  const own = new Set([ipv4(A), ipv4(B)])

  function egress(...frames: readonly Frame[]) {
    const counter = new EgressCounter(own, 64)
    for (const frame of frames) counter.frame(0, frame, 'out')
    const { packets, encapsulated, encapsulationBytes, routed } = counter
    return { packets, encapsulated, encapsulationBytes, routed }
  }

  it('is native or encapsulated, bridged or routed, by its packets', () => {
    expect(egress(udp(A, B, 8))).toEqual({
      ...{ packets: 1, encapsulated: 0, encapsulationBytes: 0, routed: 0 },
    })
    expect(egress(udp(A, B, 8, { ttl: 63 }))).toMatchObject({ packets: 1, routed: 1 })
    const inTunnels = [vxlan(udp(A, B, 8)), ipip(udp(A, B, 8, { ttl: 63 }))]
    expect(egress(...inTunnels)).toEqual({
      ...{ packets: 2, encapsulated: 2, encapsulationBytes: 70, routed: 1 },
    })
  })

  it('counts between the network’s own addresses only', () => {
    const others = [
      udp(HOST_A, HOST_B, 8),
      udp(A, HOST_B, 8),
      udp(HOST_A, B, 8),
      vxlan(arp()),
      arp(),
    ]
    expect(egress(...others).packets).toBe(0)
  })

  it('leaves out what comes in', () => {
    const counter = new EgressCounter(own, 64)
    counter.frame(0, udp(A, B, 8), 'in')
    expect(counter.packets).toBe(0)
  })
})
