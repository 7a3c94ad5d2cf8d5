/**
 * Frames of every kind that the codec knows, for property tests: typed as the model makes them, with
 * lengths that agree, so that decoding their bytes gives them back field by field.
 */
import fc from 'fast-check'
import { ArpPacket } from '../../src/wire/arp.ts'
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_VLAN,
  Frame,
  PROTOCOL_ICMP,
  PROTOCOL_IPIP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  UNTAGGED,
  VXLAN_OVERHEAD_BYTES,
} from '../../src/wire/frame.ts'
import { IcmpMessage } from '../../src/wire/icmp.ts'
import { TcpHeader } from '../../src/wire/tcp.ts'
import { VXLAN_PORT, VXLAN_PORT_LINUX } from '../../src/wire/vxlan.ts'

type Fields = Partial<Omit<Frame, 'length' | 'isFragment' | 'isBroadcast' | 'isGroup'>>

export function frameOf(...parts: readonly Fields[]): Frame {
  return Object.assign(new Frame(), ...parts) as Frame
}

const bits8 = fc.integer({ min: 0, max: 0xff })
const bits16 = fc.integer({ min: 0, max: 0xffff })
const bits24 = fc.integer({ min: 0, max: 0xffffff })
const bits32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const mac = fc.integer({ min: 0, max: 0xffffffffffff })

/** Bytes, or a number of zeros: null, as the model has them. */
interface Content {
  readonly payload: Uint8Array | null
  readonly length: number
}

const content: fc.Arbitrary<Content> = fc.oneof(
  fc.integer({ min: 0, max: 300 }).map((length) => ({ payload: null, length })),
  fc
    .tuple(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 255 }))
    .map(([bytes, last]) => ({
      payload: Uint8Array.of(...bytes, last),
      length: bytes.length + 1,
    })),
)

const ethernet: fc.Arbitrary<Fields> = fc.record({
  dstHi: bits24,
  dstLo: bits24,
  srcHi: bits24,
  srcLo: bits24,
  vlan: fc.oneof(fc.constant(UNTAGGED), bits16),
})

const ipv4: fc.Arbitrary<Fields> = fc.record({
  etherType: fc.constant(ETHERTYPE_IPV4),
  ipSrc: bits32,
  ipDst: bits32,
  ttl: bits8,
  tos: bits8,
  ipId: bits16,
  dontFragment: fc.boolean(),
})

const udp: fc.Arbitrary<Fields> = fc
  .record({
    sourcePort: bits16,
    destinationPort: bits16.filter((p) => p !== VXLAN_PORT && p !== VXLAN_PORT_LINUX),
    udpChecksum: fc.boolean(),
    bad: fc.boolean(),
    content,
  })
  .map(({ content: { payload, length }, bad, ...rest }) => ({
    ...rest,
    protocol: PROTOCOL_UDP,
    badChecksum: bad && rest.udpChecksum,
    payload,
    l3Length: 28 + length,
  }))

const tcpHeader: fc.Arbitrary<TcpHeader> = fc
  .tuple(
    bits32,
    bits32,
    fc.integer({ min: 0, max: 0xfff }),
    bits16,
    fc
      .integer({ min: 0, max: 10 })
      .chain((n) => fc.uint8Array({ minLength: 4 * n, maxLength: 4 * n })),
    bits16,
  )
  .map((values) => new TcpHeader(...values))

const tcp: fc.Arbitrary<Fields> = fc
  .record({
    sourcePort: bits16,
    destinationPort: bits16,
    header: tcpHeader,
    badChecksum: fc.boolean(),
    content,
  })
  .map(({ content: { payload, length }, ...rest }) => ({
    ...rest,
    protocol: PROTOCOL_TCP,
    payload,
    l3Length: 20 + rest.header.bytes + length,
  }))

const icmp: fc.Arbitrary<Fields> = fc
  .record({
    header: fc
      .tuple(fc.constantFrom(0, 8, 13, 14, 200), bits8, bits16, bits16)
      .map((values) => new IcmpMessage(...values)),
    badChecksum: fc.boolean(),
    content,
  })
  .map(({ content: { payload, length }, ...rest }) => ({
    ...rest,
    protocol: PROTOCOL_ICMP,
    payload,
    l3Length: 28 + length,
  }))

const otherProtocol: fc.Arbitrary<Fields> = fc
  .record({ protocol: fc.constantFrom(0, 2, 47, 50, 255), content })
  .map(({ protocol, content: { payload, length } }) => ({
    protocol,
    payload,
    l3Length: 20 + length,
  }))

const fragment: fc.Arbitrary<Fields> = fc
  .record({
    protocol: fc.constantFrom(PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_IPIP, 50),
    moreFragments: fc.boolean(),
    eighths: fc.integer({ min: 0, max: 0x1fff }),
    content,
  })
  .map(({ protocol, moreFragments, eighths, content: { payload, length } }) => ({
    protocol,
    moreFragments: moreFragments || eighths === 0,
    fragmentOffset: 8 * eighths,
    payload,
    l3Length: 20 + length,
  }))

const arp: fc.Arbitrary<Frame> = fc
  .tuple(ethernet, fc.tuple(bits16, mac, bits32, mac, bits32))
  .map(([outer, values]) =>
    frameOf(outer, {
      etherType: ETHERTYPE_ARP,
      header: new ArpPacket(...values),
      l3Length: 28,
    }),
  )

const otherEtherType: fc.Arbitrary<Frame> = fc
  .record({
    outer: ethernet,
    etherType: bits16.filter(
      (t) => t !== ETHERTYPE_IPV4 && t !== ETHERTYPE_ARP && t !== ETHERTYPE_VLAN,
    ),
    content,
  })
  .map(({ outer, etherType, content: { payload, length } }) =>
    frameOf(outer, { etherType, payload, l3Length: length }),
  )

/** A packet as IPIP carries and errors quote it: no MACs. */
function packet(depth: number): fc.Arbitrary<Frame> {
  const transports: fc.Arbitrary<Fields>[] = [udp, tcp, icmp, otherProtocol, fragment]
  if (depth > 0) transports.push(ipip(depth), icmpError(depth), vxlan(depth))
  return fc.tuple(ipv4, fc.oneof(...transports)).map((parts) => frameOf(...parts))
}

function ipip(depth: number): fc.Arbitrary<Fields> {
  return packet(depth - 1).map((inner) => ({
    protocol: PROTOCOL_IPIP,
    inner,
    l3Length: 20 + inner.l3Length,
  }))
}

function icmpError(depth: number): fc.Arbitrary<Fields> {
  const header = fc
    .tuple(fc.constantFrom(3, 4, 5, 11, 12), bits8, bits16, bits16)
    .map((values) => new IcmpMessage(...values))
  return fc.tuple(header, packet(depth - 1), fc.boolean()).map(([message, inner, badChecksum]) => ({
    protocol: PROTOCOL_ICMP,
    header: message,
    badChecksum,
    inner,
    l3Length: 28 + inner.l3Length,
  }))
}

function vxlan(depth: number): fc.Arbitrary<Fields> {
  return fc
    .record({
      sourcePort: bits16,
      destinationPort: fc.constantFrom(VXLAN_PORT, VXLAN_PORT_LINUX),
      udpChecksum: fc.boolean(),
      vni: bits24,
      vxlanFlags: bits8,
      inner: frameAt(depth - 1),
    })
    .map((fields) => ({
      ...fields,
      protocol: PROTOCOL_UDP,
      l3Length: VXLAN_OVERHEAD_BYTES - 14 + fields.inner.length,
    }))
}

function frameAt(depth: number): fc.Arbitrary<Frame> {
  const overEthernet = fc
    .tuple(ethernet, packet(depth))
    .map(([outer, inner]) => Object.assign(inner, outer))
  return fc.oneof(
    { weight: 1, arbitrary: arp },
    { weight: 1, arbitrary: otherEtherType },
    { weight: 6, arbitrary: overEthernet },
  )
}

/** Frames with up to three headers of the same kind within each other. */
export const anyFrame: fc.Arbitrary<Frame> = frameAt(3)
