import { describe, expect, it } from 'vitest'
import { frameOf } from '../../test/fuzz/frames.ts'
import { flowHash, rssHash, sourcePortOf } from './flow-hash.ts'
import type { Frame } from './frame.ts'
import { IcmpMessage } from './icmp.ts'
import { ipv4 } from './ipv4-address.ts'

const SECRET = -123456789

function datagram(fields: Partial<Frame> = {}): Frame {
  return frameOf(
    {
      etherType: 0x0800,
      protocol: 17,
      l3Length: 128,
      ipSrc: ipv4('10.0.0.1'),
      ipDst: ipv4('192.168.0.2'),
      sourcePort: 40000,
      destinationPort: 5002,
    },
    fields as object,
  )
}

function reversed(frame: Frame): Frame {
  const { ipSrc, ipDst, sourcePort, destinationPort } = frame
  return Object.assign(frame.clone(), {
    ipSrc: ipDst,
    ipDst: ipSrc,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  })
}

const hash = (fields: Partial<Frame>) => flowHash(datagram(fields), SECRET)

describe('flowHash', () => {
  it('is the same in both directions and differs by every part of the flow and by secret', () => {
    const frame = datagram()
    expect(flowHash(reversed(frame), SECRET)).toBe(flowHash(frame, SECRET))
    const hashes = [
      flowHash(frame, SECRET),
      flowHash(frame, SECRET + 1),
      hash({ protocol: 6 }),
      hash({ sourcePort: 40001 }),
      hash({ destinationPort: 5003 }),
      hash({ ipSrc: ipv4('10.0.0.3') }),
      hash({ ipDst: ipv4('192.168.0.3') }),
    ]
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it('leaves out the ports of every fragment, the first too', () => {
    const fragments = [
      hash({ moreFragments: true }),
      hash({ moreFragments: true, sourcePort: 1, destinationPort: 2 }),
      hash({ fragmentOffset: 1480, sourcePort: 0, destinationPort: 0 }),
    ]
    expect(new Set(fragments).size).toBe(1)
    expect(fragments[0]).not.toBe(hash({}))
  })

  it('does not tell echoes apart by their identifier, nor by their direction', () => {
    const echo = (type: number, id: number) =>
      datagram({ protocol: 1, header: new IcmpMessage(type, 0, id, 3) })
    const request = flowHash(echo(8, 7), SECRET)
    expect(flowHash(reversed(echo(0, 7)), SECRET)).toBe(request)
    expect(flowHash(echo(8, 8), SECRET)).toBe(request)
  })

  it('looks into IPIP, and only at the EtherType of what is not IP', () => {
    const outer = datagram({ protocol: 4, inner: datagram(), ipSrc: 1, ipDst: 2 })
    expect(flowHash(outer, SECRET)).toBe(hash({}))
    const arp = frameOf({ etherType: 0x0806, srcLo: 1, dstLo: 2 })
    const other = frameOf({ etherType: 0x0806, srcLo: 3, dstLo: 2 })
    expect(flowHash(arp, SECRET)).toBe(flowHash(other, SECRET))
    const rarp = frameOf({ etherType: 0x8035, srcLo: 1, dstLo: 2 })
    expect(flowHash(rarp, SECRET)).not.toBe(flowHash(arp, SECRET))
  })

  it('spreads flows that differ by one port evenly over buckets', () => {
    const buckets = new Float64Array(16)
    for (let port = 0; port < 16000; port++) {
      const bucket = hash({ sourcePort: 40000 + port }) & 15
      buckets[bucket] = buckets[bucket]! + 1
    }
    // 1000 expected; the standard deviation is 31.
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(125)
  })
})

describe('sourcePortOf', () => {
  it('scales as the kernel does, in 64 bits', () => {
    for (const value of [1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xdeadbeef, 0xffffffff]) {
      const folded = BigInt.asUintN(32, BigInt(value) ^ (BigInt(value) << 16n))
      const expected = Number((folded * BigInt(60999 - 32768)) >> 32n) + 32768
      expect(sourcePortOf(value, 32768, 60999)).toBe(expected)
    }
  })

  it('reaches the whole range but its upper end', () => {
    const ports = new Set<number>()
    for (let i = 1; i < 2000; i++) ports.add(sourcePortOf(hash({ sourcePort: i }), 100, 110))
    expect([...ports].sort((a, b) => a - b)).toEqual([...Array(10).keys()].map((n) => n + 100))
  })
})

describe('rssHash', () => {
  const of = (fields: Partial<Frame>, hashesUdpPorts = true) =>
    rssHash(datagram(fields), SECRET, hashesUdpPorts)

  it('reads ports of TCP always, of UDP where the card does, and of fragments never', () => {
    const other = { sourcePort: 40001 }
    expect(of(other)).not.toBe(of({}))
    expect(of(other, false)).toBe(of({}, false))
    expect(of({ ...other, protocol: 6 }, false)).not.toBe(of({ protocol: 6 }, false))
    expect(of({ ...other, moreFragments: true })).toBe(of({ moreFragments: true }))
    expect(of({ ipSrc: ipv4('10.0.0.9') }, false)).not.toBe(of({}, false))
  })

  it('sees nothing of what a tunnel carries', () => {
    const inners = [1, 2].map((sourcePort) => datagram({ sourcePort }))
    const [a, b] = inners.map((inner) => of({ protocol: 4, sourcePort: 0, inner }))
    expect(a).toBe(b)
    expect(flowHash(datagram({ protocol: 4, inner: inners[0]! }), SECRET)).not.toBe(
      flowHash(datagram({ protocol: 4, inner: inners[1]! }), SECRET),
    )
  })

  it('spreads flows evenly over queues', () => {
    const counts = new Array<number>(8).fill(0)
    for (let i = 0; i < 4000; i++) counts[of({ sourcePort: i }) % 8]!++
    expect(Math.min(...counts)).toBeGreaterThan(430)
    expect(Math.max(...counts)).toBeLessThan(570)
  })
})
