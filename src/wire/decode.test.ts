import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyFrame, frameOf } from '../../test/fuzz/frames.ts'
import { decode } from './decode.ts'
import { encode } from './encode.ts'
import { Frame } from './frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, IcmpMessage } from './icmp.ts'
import { ipv4 } from './ipv4-address.ts'

const RUNS = process.env['ENCAP_DEEP'] ? 50_000 : 2_000

/** UDP 10.0.0.1:40000 > 10.0.0.2:5002 with eight bytes of content. */
function datagram(): Frame {
  return frameOf({
    dstHi: 0x525400,
    dstLo: 2,
    srcHi: 0x525400,
    srcLo: 1,
    etherType: 0x0800,
    l3Length: 36,
    ipSrc: ipv4('10.0.0.1'),
    ipDst: ipv4('10.0.0.2'),
    protocol: 17,
    ttl: 64,
    sourcePort: 40000,
    destinationPort: 5002,
    payload: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  })
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = value
  return copy
}

describe('decode', () => {
  it('gives back every field of every kind of frame', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decode(encode(frame))).toStrictEqual(frame)
      }),
      { seed: 20261122, numRuns: RUNS },
    )
  })

  it('drops padding after an IP packet and after ARP', () => {
    const bytes = encode(datagram())
    const padded = new Uint8Array(60)
    padded.set(bytes)
    padded[59] = 7
    expect(decode(padded)).toStrictEqual(datagram())
    const arp = frameOf({ etherType: 0x0806, l3Length: 46, payload: new Uint8Array(0) })
    const request = encode(arp)
    request.set([0, 1, 8, 0, 6, 4, 0, 1], 14)
    expect(decode(request).l3Length).toBe(28)
  })

  it.each([
    ['a wrong header checksum', 24, 0xff, 36],
    ['options', 14, 0x46, 36],
    ['the reserved flag', 20, 0x80, 36],
    ['another version', 14, 0x65, 36],
    ['a total length beyond the frame', 17, 200, 36],
    ['a total length below the header', 17, 19, 36],
  ])('keeps a packet with %s whole', (_what, at, value, length) => {
    const bytes = changed(encode(datagram()), at, value)
    const frame = decode(bytes)
    expect([frame.etherType, frame.l3Length]).toEqual([0x0800, length])
    expect(frame.payload).toStrictEqual(bytes.slice(14))
    expect(encode(frame)).toStrictEqual(bytes)
  })

  it('keeps a header checksum of all ones where Linux writes zero', () => {
    const original = datagram()
    original.ipId = new DataView(encode(original).buffer).getUint16(24)
    const bytes = encode(original)
    expect([bytes[24], bytes[25]]).toEqual([0, 0])
    const ones = changed(changed(bytes, 24, 0xff), 25, 0xff)
    expect(encode(decode(ones))).toStrictEqual(ones)
  })

  it('keeps a datagram with a wrong checksum, and says so', () => {
    const bytes = changed(encode(datagram()), 49, 99)
    const frame = decode(bytes)
    expect(frame).toMatchObject({ badChecksum: true, sourcePort: 40000, destinationPort: 5002 })
    expect(frame.payload).toStrictEqual(bytes.slice(34))
    expect(encode(frame)).toStrictEqual(bytes)
  })

  it('keeps a datagram whose length disagrees with the packet', () => {
    const original = datagram()
    original.udpChecksum = false
    const bytes = changed(encode(original), 39, 12)
    const frame = decode(bytes)
    expect(frame).toMatchObject({ badChecksum: false, sourcePort: 40000 })
    expect(encode(frame)).toStrictEqual(bytes)
  })

  it('reads a cut quote as far as it goes and gives its bytes back', () => {
    const original = datagram()
    original.l3Length = 1528
    original.payload = new Uint8Array(1500).fill(7)
    const error = frameOf({
      etherType: 0x0800,
      l3Length: 576,
      protocol: 1,
      ttl: 64,
      tos: 0xc0,
      header: new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, 1450),
      inner: original,
    })
    const bytes = encode(error)
    const frame = decode(bytes)
    expect(frame.header).toStrictEqual(error.header)
    expect(frame.badChecksum).toBe(false)
    expect(frame.inner).toMatchObject({
      l3Length: 1528,
      sourcePort: 40000,
      ipSrc: ipv4('10.0.0.1'),
      badChecksum: false,
    })
    expect(encode(frame)).toStrictEqual(bytes)
    // Zeros where it is cut need no bytes to say so.
    original.payload = null
    expect(decode(encode(error)).payload).toBeNull()
  })

  it('reads VXLAN only on the ports that it is told', () => {
    const inner = datagram()
    const outer = datagram()
    Object.assign(outer, { inner, payload: null, vni: 42, destinationPort: 6784, l3Length: 86 })
    const bytes = encode(outer)
    expect(decode(bytes).inner).toBeNull()
    expect(decode(bytes, { vxlanPorts: new Set([6784]) })).toStrictEqual(outer)
  })

  it('keeps reserved bits of VXLAN and an inner frame with padding that is not zero', () => {
    const outer = datagram()
    Object.assign(outer, { inner: datagram(), payload: null, destinationPort: 4789, l3Length: 90 })
    outer.udpChecksum = false
    for (const at of [43, 49, 102]) {
      const bytes = changed(encode(outer), at, 1)
      const frame = decode(bytes)
      expect(frame.inner).toStrictEqual(datagram())
      expect(encode(frame)).toStrictEqual(bytes)
    }
  })

  it('stops at a depth, with the rest as bytes', () => {
    let packet = datagram()
    for (let n = 0; n < 12; n++) {
      packet = frameOf({
        etherType: 0x0800,
        protocol: 4,
        ttl: 64,
        inner: packet,
        l3Length: packet.l3Length + 20,
      })
    }
    const bytes = encode(packet)
    let depth = 0
    for (let at: Frame | null = decode(bytes); at !== null; at = at.inner) depth++
    expect(depth).toBe(9)
    expect(encode(decode(bytes))).toStrictEqual(bytes)
  })

  it('neither changes nor holds the bytes that it is given', () => {
    const bytes = Buffer.from(encode(datagram()))
    const frame = decode(bytes)
    expect(bytes).toEqual(Buffer.from(encode(datagram())))
    bytes.fill(9)
    expect(frame).toStrictEqual(datagram())
  })

  it('reads fewer than 14 bytes as if zeros followed', () => {
    expect(decode(Uint8Array.of(0xff, 0xff))).toMatchObject({ dstHi: 0xffff00, l3Length: 0 })
    expect(decode(new Uint8Array(0))).toStrictEqual(new Frame())
  })
})
