/** Every protocol of the codec, read by Wireshark's dissectors: they must name the same fields. */
import { describe, expect, it } from 'vitest'
import { Capture } from '../../src/measure/capture.ts'
import { ARP_REPLY, ARP_REQUEST, ArpPacket } from '../../src/wire/arp.ts'
import type { Frame } from '../../src/wire/frame.ts'
import {
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAG_NEEDED,
  ICMP_TIME_EXCEEDED,
  IcmpMessage,
} from '../../src/wire/icmp.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { mac } from '../../src/wire/mac-address.ts'
import { TCP_ACK, TCP_ECE, TCP_PSH, TCP_SYN, TcpHeader } from '../../src/wire/tcp.ts'
import { emitTcpOptions, TcpOptions } from '../../src/wire/tcp-options.ts'
import { frameOf } from '../fuzz/frames.ts'
import { expectCleanCapture, peerAvailable } from './tshark.ts'

const MACS = { srcHi: 0x525400, srcLo: 1, dstHi: 0x525400, dstLo: 2 }
const PAYLOAD = Uint8Array.from({ length: 101 }, (_, i) => i * 3 + 1)

function packet(fields: object): Frame {
  const [ipSrc, ipDst] = [ipv4('10.0.0.1'), ipv4('192.168.0.2')]
  return frameOf(MACS, { etherType: 0x0800, ttl: 63, tos: 0xb8, ipId: 777, ipSrc, ipDst }, fields)
}

function udp(fields: object = {}): Frame {
  const length = { l3Length: 129, payload: PAYLOAD }
  return packet({ protocol: 17, sourcePort: 40000, destinationPort: 5002, ...length, ...fields })
}

function tcp(header: TcpHeader, fields: object = {}): Frame {
  const ports = { sourcePort: 40000, destinationPort: 5001 }
  return packet({ protocol: 6, ...ports, header, l3Length: 20 + header.bytes, ...fields })
}

function icmp(header: IcmpMessage, fields: object): Frame {
  return packet({ protocol: 1, header, l3Length: 129, ...fields })
}

function arp(operation: number): Frame {
  const [sender, target] = [ipv4('10.0.0.1'), ipv4('10.0.0.2')]
  const [from, to] = [mac('52:54:00:00:00:01'), mac('52:54:00:00:00:02')]
  const header = new ArpPacket(operation, from, sender, to, target)
  return frameOf(MACS, { etherType: 0x0806, l3Length: 28, header })
}

function vxlan(inner: Frame, fields: object = {}): Frame {
  const l3Length = 36 + inner.length
  const tunnel = { sourcePort: 50000, destinationPort: 4789, vni: 0xabcdef, inner, l3Length }
  return packet({ protocol: 17, dontFragment: true, ...tunnel, ...fields })
}

function optionsOf(fields: Partial<TcpOptions>, edges: readonly number[] = []): Uint8Array {
  const options = Object.assign(new TcpOptions(), fields)
  options.sackEdges.set(edges)
  options.sackBlocks = edges.length / 2
  return emitTcpOptions(options)
}

function fragmentOf(datagram: Frame, offset: number, bytes: number, more: boolean): Frame {
  const fragment = { fragmentOf: datagram, fragmentOffset: offset, moreFragments: more }
  return Object.assign(datagram.clone(), fragment, { l3Length: 20 + bytes })
}

const SYN_OPTIONS = optionsOf({
  mss: 1410,
  sackPermitted: true,
  hasTimestamps: true,
  tsValue: -2,
  windowScale: 10,
})
const SACK_OPTIONS = optionsOf({ hasTimestamps: true, tsEcho: 5 }, [100, 200, 300, 400])
const LARGE = udp({ ipId: 4242, l3Length: 3028, payload: new Uint8Array(3000).fill(0x5a) })

type Fields = Readonly<Record<string, string>>

/**
 * Fields of every header from the outside in, joined by commas; absent ones are not compared.
 * tshark 4 gives a fragment's offset in units of eight bytes.
 */
const CASES: readonly (readonly [string, Frame, Fields])[] = [
  [
    'ARP request',
    arp(ARP_REQUEST),
    {
      'eth.src': '52:54:00:00:00:01',
      'eth.dst': '52:54:00:00:00:02',
      'arp.opcode': '1',
      'arp.src.proto_ipv4': '10.0.0.1',
      'arp.dst.hw_mac': '52:54:00:00:00:02',
    },
  ],
  ['ARP reply', arp(ARP_REPLY), { 'arp.opcode': '2', 'arp.src.hw_mac': '52:54:00:00:00:01' }],
  [
    'UDP',
    udp(),
    {
      'ip.src': '10.0.0.1',
      'ip.dst': '192.168.0.2',
      'ip.ttl': '63',
      'ip.dsfield': '0xb8',
      'ip.id': '0x0309',
      'ip.flags.df': '0',
      'ip.len': '129',
      'udp.srcport': '40000',
      'udp.dstport': '5002',
      'udp.length': '109',
      'udp.checksum.status': '1',
      'data.data': Buffer.from(PAYLOAD).toString('hex'),
    },
  ],
  [
    'UDP of zeros, without checksum, tagged',
    udp({ udpChecksum: false, payload: null, dontFragment: true, vlan: 0x6000 | 42 }),
    {
      'vlan.id': '42',
      'vlan.priority': '3',
      'ip.flags.df': '1',
      'udp.checksum': '0x0000',
      'udp.checksum.status': '3',
    },
  ],
  [
    'TCP SYN',
    tcp(new TcpHeader(-5, 0, TCP_SYN | TCP_ECE, 64240, SYN_OPTIONS)),
    {
      'tcp.srcport': '40000',
      'tcp.dstport': '5001',
      'tcp.seq_raw': '4294967291',
      'tcp.flags': '0x0042',
      'tcp.window_size_value': '64240',
      'tcp.options.mss_val': '1410',
      'tcp.options': Buffer.from(SYN_OPTIONS).toString('hex'),
      'tcp.options.timestamp.tsval': '4294967294',
      'tcp.options.wscale.shift': '10',
      'tcp.checksum.status': '1',
    },
  ],
  [
    'TCP data with SACK',
    tcp(new TcpHeader(-4, 77, TCP_ACK | TCP_PSH, 502, SACK_OPTIONS, 3), {
      l3Length: 40 + SACK_OPTIONS.length + PAYLOAD.length,
      payload: PAYLOAD,
    }),
    {
      'tcp.ack_raw': '77',
      'tcp.len': '101',
      'tcp.options.sack_le': '100,300',
      'tcp.options.sack_re': '200,400',
      'tcp.options.timestamp.tsecr': '5',
      'tcp.checksum.status': '1',
    },
  ],
  [
    'echo request',
    icmp(new IcmpMessage(ICMP_ECHO, 0, 646, 9), { payload: PAYLOAD }),
    { 'icmp.type': '8', 'icmp.ident': '646', 'icmp.seq': '9', 'icmp.checksum.status': '1' },
  ],
  [
    'echo reply',
    icmp(new IcmpMessage(ICMP_ECHO_REPLY, 0, 646, 9), { payload: PAYLOAD }),
    { 'icmp.type': '0', 'icmp.checksum.status': '1' },
  ],
  [
    'fragmentation needed, its quote cut',
    icmp(new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, 1450), {
      l3Length: 576,
      inner: LARGE,
    }),
    {
      'icmp.type': '3',
      'icmp.code': '4',
      'icmp.mtu': '1450',
      'ip.len': '576,3028',
      'udp.dstport': '5002',
      'icmp.checksum.status': '1',
    },
  ],
  [
    'time exceeded',
    icmp(new IcmpMessage(ICMP_TIME_EXCEEDED, 0, 0, 0), { l3Length: 157, inner: udp({ ttl: 1 }) }),
    { 'icmp.type': '11', 'ip.ttl': '63,1', 'udp.srcport': '40000' },
  ],
  [
    'first fragment',
    fragmentOf(LARGE, 0, 1480, true),
    { 'ip.flags.mf': '1', 'ip.frag_offset': '0', 'ip.len': '1500' },
  ],
  [
    'middle fragment',
    fragmentOf(LARGE, 1480, 1480, true),
    { 'ip.flags.mf': '1', 'ip.frag_offset': `${1480 / 8}` },
  ],
  [
    'last fragment, with which tshark checks the whole datagram',
    fragmentOf(LARGE, 2960, 48, false),
    {
      'ip.flags.mf': '0',
      'ip.frag_offset': `${2960 / 8}`,
      'ip.len': '68',
      'udp.length': '3008',
      'udp.checksum.status': '1',
    },
  ],
  [
    'VXLAN with an outer checksum',
    vxlan(udp({ ttl: 5 })),
    {
      'vxlan.vni': '11259375',
      'vxlan.flags': '0x0800',
      'ip.ttl': '63,5',
      'ip.flags.df': '1,0',
      'udp.dstport': '4789,5002',
      'udp.checksum.status': '1,1',
      'eth.src': '52:54:00:00:00:01,52:54:00:00:00:01',
    },
  ],
  [
    'VXLAN without, on 8472, ARP within',
    vxlan(arp(ARP_REQUEST), { udpChecksum: false, destinationPort: 8472, vni: 1 }),
    { 'vxlan.vni': '1', 'arp.opcode': '1', 'udp.checksum.status': '3' },
  ],
  [
    'VXLAN on 6784 of a tagged frame of IPIP',
    vxlan(packet({ protocol: 4, vlan: 7, inner: udp({ ttl: 9 }), l3Length: 149 }), {
      destinationPort: 6784,
    }),
    {
      'vlan.id': '7',
      'ip.proto': '17,4,17',
      'ip.ttl': '63,63,9',
      'udp.dstport': '6784,5002',
      'udp.checksum.status': '1,1',
    },
  ],
  [
    'IPIP',
    packet({ protocol: 4, l3Length: 149, inner: udp() }),
    { 'ip.proto': '4,17', 'ip.len': '149,129', 'udp.checksum.status': '1' },
  ],
  [
    'another IP protocol',
    packet({ protocol: 253, l3Length: 121, payload: PAYLOAD }),
    { 'ip.proto': '253', 'data.len': '101' },
  ],
  [
    'another EtherType',
    frameOf(MACS, { etherType: 0x88b5, l3Length: 101, payload: PAYLOAD }),
    { 'eth.type': '0x88b5', 'data.len': '101' },
  ],
]

const FIELDS = [...new Set(CASES.flatMap(([, , fields]) => Object.keys(fields)))].sort()

function captureOf(frames: readonly Frame[]): Uint8Array {
  const capture = new Capture()
  const tap = capture.interface('h1/eth0')
  frames.forEach((frame, i) => {
    tap.frame(i * 1_000_000, frame, 'out')
  })
  return capture.bytes()
}

describe.skipIf(!peerAvailable('tshark'))('tshark', () => {
  it('names the fields that we wrote, of every protocol', () => {
    const packets = expectCleanCapture(captureOf(CASES.map(([, frame]) => frame)), FIELDS)
    expect(packets).toHaveLength(CASES.length)
    const seen = CASES.map(([name, , fields], i) => [
      name,
      ...Object.keys(fields).map((field) => `${field}=${packets[i]![field]!.join()}`),
    ])
    const expected = CASES.map(([name, , fields]) => [
      name,
      ...Object.entries(fields).map(([field, value]) => `${field}=${value}`),
    ])
    expect(seen).toEqual(expected)
  })

  it('sees interfaces, times, directions, lengths and comments', () => {
    const capture = new Capture({ snapLength: 120 })
    const a = capture.interface('h1/eth0', { description: 'rack 1', mtu: 1500 })
    const b = capture.interface('leaf1/swp1')
    a.frame(1_234_567_890_123_999, LARGE, 'out')
    b.frame(1_234_567_890_124_000, udp({ badFcs: true }), 'in')
    const fields = [
      'frame.interface_name',
      'frame.interface_description',
      'frame.time_epoch',
      'frame.len',
      'frame.cap_len',
      'frame.packet_flags_direction',
      'frame.packet_flags_crc_error',
      'frame.comment',
    ]
    const packets = expectCleanCapture(capture.bytes(), fields)
    const seen = packets.map((each) => fields.map((field) => each[field]!.join()))
    expect(seen).toEqual([
      ['h1/eth0', 'rack 1', '1234.567890123', '3042', '120', '0x00000002', '0', 'gso'],
      ['leaf1/swp1', '', '1234.567890124', '143', '120', '0x00000001', '1', ''],
    ])
  })

  it.each([
    ['UDP', udp({ badChecksum: true }), 'udp.checksum.status bad'],
    ['TCP', tcp(new TcpHeader(1, 1, TCP_ACK, 1), { badChecksum: true }), 'tcp.checksum.status bad'],
    [
      'ICMP',
      icmp(new IcmpMessage(ICMP_ECHO, 0, 1, 1), { badChecksum: true }),
      'icmp.checksum.status bad',
    ],
    [
      'UDP in VXLAN without a checksum of its own',
      vxlan(udp(), { badChecksum: true, udpChecksum: false }),
      'udp.checksum.status bad',
    ],
    [
      'a datagram, one fragment of which is damaged',
      Object.assign(fragmentOf(LARGE, 2960, 48, false), { badChecksum: true }),
      'udp.checksum.status bad',
    ],
  ])('reports damage: %s', (_name, frame, fault) => {
    const others = [fragmentOf(LARGE, 0, 1480, true), fragmentOf(LARGE, 1480, 1480, true)]
    expect(() => expectCleanCapture(captureOf([...others, frame]))).toThrow(`frame 3: ${fault}`)
  })

  it('reports a wrong IP header checksum and a malformed packet', () => {
    const file = captureOf([udp()])
    // Section header, interface, then the packet block's own 28 bytes.
    const at = Buffer.from(file).indexOf(Buffer.from('525400000002', 'hex'))
    const wrongTtl = file.slice()
    wrongTtl[at + 22] = 1
    expect(() => expectCleanCapture(wrongTtl)).toThrow('ip.checksum.status bad')
    const shortHeader = captureOf([tcp(new TcpHeader(1, 1, TCP_ACK, 1), { l3Length: 30 })])
    expect(() => expectCleanCapture(shortHeader)).toThrow('frame 1')
  })
})

describe('peerAvailable', () => {
  it('is an error where peers are required', () => {
    const before = process.env['ENCAP_REQUIRE_PEERS']
    try {
      process.env['ENCAP_REQUIRE_PEERS'] = '1'
      expect(() => peerAvailable('no-such-program')).toThrow('no-such-program is not installed')
      process.env['ENCAP_REQUIRE_PEERS'] = '0'
      expect(peerAvailable('no-such-program')).toBe(false)
    } finally {
      if (before === undefined) delete process.env['ENCAP_REQUIRE_PEERS']
      else process.env['ENCAP_REQUIRE_PEERS'] = before
    }
  })
})
