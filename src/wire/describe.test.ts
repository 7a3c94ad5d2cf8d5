import { describe, expect, it } from 'vitest'
import { frameOf } from '../../test/fuzz/frames.ts'
import { ArpPacket } from './arp.ts'
import { decode } from './decode.ts'
import { describe as describeFrame } from './describe.ts'
import { encode } from './encode.ts'
import type { Frame } from './frame.ts'
import { IcmpMessage } from './icmp.ts'
import { ipv4 } from './ipv4-address.ts'
import { mac } from './mac-address.ts'
import { TCP_ACK, TCP_PSH, TCP_SYN, TcpHeader } from './tcp.ts'

const MACS = { srcHi: 0x525400, srcLo: 1, dstHi: 0xffffff, dstLo: 0xffffff }
const [A, B] = [ipv4('10.0.0.1'), ipv4('10.0.0.2')]

function packet(fields: Partial<Frame>): Frame {
  return frameOf(MACS, { etherType: 0x0800, ipSrc: A, ipDst: B, ttl: 64 }, fields as object)
}

const udp = { protocol: 17, sourcePort: 40000, destinationPort: 5002, l3Length: 128 }
const udpLine = 'IP 10.0.0.1.40000 > 10.0.0.2.5002: UDP, length 100'

function tcp(header: TcpHeader, contentBytes: number): Frame {
  const l3Length = 20 + header.bytes + contentBytes
  return packet({ protocol: 6, sourcePort: 40000, destinationPort: 80, header, l3Length })
}

function icmp(type: number, code: number, id: number, sequence: number, inner?: Frame): Frame {
  const header = new IcmpMessage(type, code, id, sequence)
  return packet({ protocol: 1, header, inner: inner ?? null, l3Length: 84, ipSrc: B, ipDst: A })
}

const arp = (header: ArpPacket) => frameOf(MACS, { etherType: 0x0806, l3Length: 28, header })

const LINES: readonly (readonly [Frame, string])[] = [
  [
    arp(new ArpPacket(1, mac('52:54:00:00:00:01'), A, 0, B)),
    '52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 42',
  ],
  [
    arp(new ArpPacket(2, mac('52:54:00:00:00:02'), B, mac('52:54:00:00:00:01'), A)),
    '52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP, Reply 10.0.0.2 is-at 52:54:00:00:00:02, length 42',
  ],
  [
    frameOf(MACS, { etherType: 0x88cc, vlan: 0x6007, l3Length: 46 }),
    '52:54:00:00:00:01 > ff:ff:ff:ff:ff:ff, vlan 7, p 3, ethertype 0x88cc, length 64',
  ],
  [packet(udp), udpLine],
  [packet({ ...udp, vlan: 42 }), `vlan 42, ${udpLine}`],
  [packet({ ...udp, badChecksum: true }), `${udpLine}, bad checksum`],
  [packet({ ...udp, badFcs: true }), `${udpLine}, bad FCS`],
  [
    packet({ ...udp, destinationPort: 4789, vni: 42, inner: packet(udp), l3Length: 178 }),
    `IP 10.0.0.1.40000 > 10.0.0.2.4789: VXLAN, flags [I] (0x08), vni 42: ${udpLine}`,
  ],
  [
    packet({ protocol: 4, inner: packet(udp), l3Length: 148 }),
    `IP 10.0.0.1 > 10.0.0.2: ${udpLine}`,
  ],
  [
    tcp(new TcpHeader(-1, 0, TCP_SYN, 64240, Uint8Array.of(2, 4, 5, 180)), 0),
    'IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 4294967295, win 64240, options [mss 1460], length 0',
  ],
  [
    tcp(new TcpHeader(1, 7, TCP_ACK | TCP_PSH, 502), 100),
    'IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [P.], seq 1:101, ack 7, win 502, length 100',
  ],
  [icmp(8, 0, 5, 6), 'IP 10.0.0.2 > 10.0.0.1: ICMP echo request, id 5, seq 6, length 64'],
  [icmp(0, 0, 5, 6), 'IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 5, seq 6, length 64'],
  [
    icmp(3, 4, 0, 1450, packet(udp)),
    'IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 unreachable - need to frag (mtu 1450), length 64',
  ],
  [
    icmp(3, 3, 0, 0, packet(udp)),
    'IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 udp port 5002 unreachable, length 64',
  ],
  [
    icmp(3, 13, 0, 0, packet(udp)),
    'IP 10.0.0.2 > 10.0.0.1: ICMP host 10.0.0.2 unreachable - admin prohibited filter, length 64',
  ],
  [icmp(11, 0, 0, 0), 'IP 10.0.0.2 > 10.0.0.1: ICMP time exceeded in-transit, length 64'],
  [
    packet({ protocol: 17, ipId: 9, moreFragments: true, fragmentOffset: 1480, l3Length: 1500 }),
    'IP 10.0.0.1 > 10.0.0.2: UDP fragment, id 9, flags [+], offset 1480, length 1480',
  ],
  [packet({ protocol: 50, l3Length: 120 }), 'IP 10.0.0.1 > 10.0.0.2: ip-proto-50, length 100'],
]

describe('describe', () => {
  it.each(LINES)('case %#', (frame, line) => {
    expect(describeFrame(frame)).toBe(line)
  })

  it('says what it could not read', () => {
    const bytes = encode(packet(udp))
    bytes[14] = 0x46
    expect(describeFrame(decode(bytes))).toBe(
      'IP 10.0.0.1 > 10.0.0.2: header not understood, length 128',
    )
  })
})
