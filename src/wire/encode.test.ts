import { describe, expect, it } from 'vitest'
import { frameOf } from '../../test/fuzz/frames.ts'
import { ArpPacket } from './arp.ts'
import { internetChecksum } from './checksum.ts'
import { decode } from './decode.ts'
import { encode, encodePacket, encodeTransport } from './encode.ts'
import { Frame } from './frame.ts'
import { IcmpMessage } from './icmp.ts'
import { ipv4 } from './ipv4-address.ts'
import { mac, macHi, macLo } from './mac-address.ts'
import { TCP_ACK, TCP_SYN, TcpHeader } from './tcp.ts'
import { emitTcpOptions, TcpOptions } from './tcp-options.ts'

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replace(/..../g, '$& ').trim()
}

function between(source: string, destination: string): Frame {
  const [from, to] = [mac(source), mac(destination)]
  return frameOf({ srcHi: macHi(from), srcLo: macLo(from), dstHi: macHi(to), dstLo: macLo(to) })
}

function ip(frame: Frame, source: string, destination: string): Frame {
  return Object.assign(frame, {
    etherType: 0x0800,
    ttl: 64,
    ipSrc: ipv4(source),
    ipDst: ipv4(destination),
  })
}

/** UDP 4000 bytes of zeros, as a lab's container sent it at an MTU of 1450. */
function largeDatagram(): Frame {
  const frame = between('02:42:0a:f4:00:02', '32:d0:fe:7e:2a:55')
  return Object.assign(ip(frame, '10.244.0.2', '10.244.1.2'), {
    protocol: 17,
    ipId: 0x7905,
    sourcePort: 40000,
    destinationPort: 5002,
    l3Length: 4028,
  })
}

function fragmentOf(datagram: Frame, offset: number, bytes: number, more: boolean): Frame {
  const fragment = datagram.clone()
  fragment.fragmentOf = datagram
  fragment.fragmentOffset = offset
  fragment.moreFragments = more
  fragment.l3Length = 20 + bytes
  return fragment
}

// Frames that Linux 6.18 sent, captured with offloads off.
describe('encode makes what Linux sent', () => {
  it('an ARP request', () => {
    const frame = between('52:54:00:00:00:01', 'ff:ff:ff:ff:ff:ff')
    const [sender, target] = [ipv4('192.168.50.11'), ipv4('192.168.50.12')]
    Object.assign(frame, {
      etherType: 0x0806,
      l3Length: 28,
      header: new ArpPacket(1, mac('52:54:00:00:00:01'), sender, 0, target),
    })
    expect(hex(encode(frame))).toBe(
      'ffff ffff ffff 5254 0000 0001 0806 0001 0800 0604 0001 5254 0000 0001 c0a8 320b ' +
        '0000 0000 0000 c0a8 320c',
    )
  })

  it('a TCP SYN with its options', () => {
    const options = new TcpOptions()
    Object.assign(options, { mss: 1410, sackPermitted: true, hasTimestamps: true, windowScale: 10 })
    options.tsValue = 1595655666
    const frame = between('02:42:0a:f4:00:02', '32:d0:fe:7e:2a:55')
    Object.assign(ip(frame, '10.244.0.2', '10.244.1.2'), {
      protocol: 6,
      ipId: 0xafab,
      dontFragment: true,
      l3Length: 60,
      sourcePort: 58620,
      destinationPort: 5001,
      header: new TcpHeader(1979848224, 0, TCP_SYN, 64860, emitTcpOptions(options)),
    })
    expect(hex(encode(frame))).toBe(
      '32d0 fe7e 2a55 0242 0af4 0002 0800 4500 003c afab 4000 4006 7425 0af4 0002 0af4 ' +
        '0102 e4fc 1389 7602 1620 0000 0000 a002 fd5c 8a30 0000 0204 0582 0402 080a 5f1b ' +
        'c5f2 0000 0000 0103 030a',
    )
  })

  it('VXLAN without and with an outer checksum', () => {
    const inner = ip(between('e6:42:f7:6e:e3:57', '3a:d7:1c:ea:56:b8'), '10.32.0.1', '10.32.0.2')
    Object.assign(inner, { protocol: 17, ipId: 0xecfc, dontFragment: true, l3Length: 128 })
    Object.assign(inner, { sourcePort: 40000, destinationPort: 5002 })
    const outer = ip(
      between('52:54:00:00:00:01', '52:54:00:00:00:02'),
      '192.168.50.11',
      '192.168.50.12',
    )
    Object.assign(outer, { protocol: 17, ipId: 0x4946, dontFragment: true, l3Length: 178, inner })
    Object.assign(outer, { sourcePort: 49988, destinationPort: 6784, udpChecksum: false })
    outer.vni = 0x102101
    expect(hex(encode(outer))).toBe(
      `${
        '5254 0000 0002 5254 0000 0001 0800 4500 00b2 4946 4000 4011 0b8d c0a8 320b c0a8 ' +
        '320c c344 1a80 009e 0000 0800 0000 1021 0100 3ad7 1cea 56b8 e642 f76e e357 0800 ' +
        '4500 0080 ecfc 4000 4011 392e 0a20 0001 0a20 0002 9c40 138a 006c 3b09'
      }${' 0000'.repeat(50)}`,
    )
    const bytes = Buffer.from(
      '525400000002525400000001080045000086' +
        '17ce00004011' +
        '7d31c0a8320bc0a8320c914a12b5007249f7080000000010010002420a00010c02420a00010b0800' +
        '45000054f6f2400040012da00a00010b0a00010c08005e3b0286000197f8026b000000003d070100' +
        '00000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637',
      'hex',
    )
    const echo = decode(bytes)
    expect(echo).toMatchObject({ vni: 4097, ipId: 0x17ce, udpChecksum: true, payload: null })
    expect(echo.inner?.header).toStrictEqual(new IcmpMessage(8, 0, 646, 1))
    expect(hex(encode(echo))).toBe(hex(bytes))
  })

  it('the fragments of a datagram, the checksum of the whole in the first', () => {
    const datagram = largeDatagram()
    const heads = [
      [0, 1424, '05a4 7905 2000 4011 c558 0af4 0002 0af4 0102 9c40 138a 0fa8 19e8 0000'],
      [1424, 1424, '05a4 7905 20b2 4011 c4a6 0af4 0002 0af4 0102 0000 0000 0000 0000 0000'],
      [2848, 1160, '049c 7905 0164 4011 e4fc 0af4 0002 0af4 0102 0000 0000 0000 0000 0000'],
    ] as const
    for (const [offset, length, head] of heads) {
      const bytes = encode(fragmentOf(datagram, offset, length, offset < 2848))
      expect(bytes.length).toBe(34 + length)
      expect(hex(bytes.subarray(16, 44))).toBe(head)
    }
  })

  it('"host unreachable" with its quote', () => {
    const quoted = decode(
      Buffer.from(
        '6a616a30c9160242ac12000208004500005486a440003f01fce4ac1200020a00020c0800' +
          '40c706ab000173fd026b000000007551060000000000' +
          '101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637',
        'hex',
      ),
    )
    const frame = between('6a:61:6a:30:c9:16', '02:42:ac:12:00:02')
    Object.assign(ip(frame, '192.168.50.11', '172.18.0.2'), { protocol: 1, tos: 0xc0 })
    Object.assign(frame, { ipId: 0x7002, l3Length: 112, inner: quoted })
    frame.header = new IcmpMessage(3, 1, 0, 0)
    expect(hex(encode(frame).subarray(0, 64))).toBe(
      '0242 ac12 0002 6a61 6a30 c916 0800 45c0 0070 7002 0000 4001 6b03 c0a8 320b ac12 ' +
        '0002 0301 fcfe 0000 0000 4500 0054 86a4 4000 3f01 fce4 ac12 0002 0a00 020c 0800',
    )
  })
})

describe('encode', () => {
  it('puts the fragments of any datagram, and of a fragment, together to its bytes', () => {
    const datagram = largeDatagram()
    datagram.payload = Uint8Array.from({ length: 4000 }, (_, i) => i * 7)
    const second = fragmentOf(datagram, 1400, 2608, false)
    const parts = [
      fragmentOf(datagram, 0, 1400, true),
      fragmentOf(second, 1400, 1000, true),
      fragmentOf(second, 2400, 1608, false),
    ].map(encodeTransport)
    expect(Buffer.concat(parts)).toStrictEqual(Buffer.from(encodeTransport(datagram)))
  })

  it('writes a UDP checksum that comes out as zero as all ones', () => {
    const frame = largeDatagram()
    frame.l3Length = 30
    const plain = encodeTransport(frame)
    frame.payload = Uint8Array.of(plain[6]!, plain[7]!)
    expect(hex(encodeTransport(frame).subarray(6))).toBe(`ffff ${hex(plain.subarray(6, 8))}`)
    frame.udpChecksum = false
    expect(hex(encodeTransport(frame).subarray(6, 8))).toBe('0000')
  })

  it('damages what the receiver checks', () => {
    const udp = largeDatagram()
    udp.l3Length = 36
    const tcp = Object.assign(udp.clone(), { protocol: 6, l3Length: 40 })
    tcp.header = new TcpHeader(1, 2, TCP_ACK, 3)
    const echo = Object.assign(udp.clone(), { protocol: 1, header: new IcmpMessage(8, 0, 1, 1) })
    for (const [frame, at] of [
      [udp, 40],
      [tcp, 50],
      [echo, 36],
    ] as const) {
      const right = encode(frame)
      frame.badChecksum = true
      const wrong = encode(frame)
      const differing = [...right.keys()].filter((i) => right[i] !== wrong[i])
      expect(differing).toEqual([at + 1])
      expect(internetChecksum(wrong, 14, 34)).toBe(0)
      expect(decode(wrong)).toMatchObject({ badChecksum: true })
    }
  })

  it('damages the content where the outermost transport has no checksum', () => {
    const inner = Object.assign(largeDatagram(), { l3Length: 36 })
    const vxlan = Object.assign(largeDatagram(), { destinationPort: 4789, l3Length: 86, inner })
    vxlan.udpChecksum = false
    const ipip = Object.assign(largeDatagram(), { protocol: 4, l3Length: 56, inner })
    for (const frame of [vxlan, ipip]) {
      expect(decode(encode(frame)).inner?.badChecksum).toBe(false)
      frame.badChecksum = true
      expect(decode(encode(frame)).inner?.badChecksum).toBe(true)
    }
  })

  it('takes its lengths from l3Length: shorter content is filled up, longer cut', () => {
    const frame = largeDatagram()
    frame.l3Length = 32
    frame.payload = Uint8Array.of(1, 2)
    expect(hex(encodePacket(frame).subarray(28))).toBe('0102 0000')
    frame.payload = Uint8Array.of(1, 2, 3, 4, 5, 6)
    expect(hex(encodePacket(frame).subarray(28))).toBe('0102 0304')
    for (let length = 0; length < 60; length++) {
      frame.protocol = length % 2 === 0 ? 6 : 17
      frame.header = new TcpHeader(0, 0, 0, 0, new Uint8Array(8))
      frame.l3Length = length
      expect(encode(frame).length).toBe(14 + length)
    }
  })
})

it('puts a bare packet into a datagram as it is: no VXLAN, no Ethernet', () => {
  const inner = new Frame()
  inner.etherType = 0x0800
  inner.protocol = 17
  inner.ttl = 61
  inner.l3Length = 40
  inner.payload = Uint8Array.from({ length: 12 }, (_, i) => i)
  const outer = new Frame()
  outer.etherType = 0x0800
  outer.protocol = 17
  outer.ttl = 64
  outer.l3Length = 28 + inner.l3Length
  outer.inner = inner
  outer.bareInner = true
  const bytes = encode(outer)
  expect(bytes).toHaveLength(14 + 28 + 40)
  expect(bytes.subarray(14 + 28)).toEqual(encodePacket(inner))
})
