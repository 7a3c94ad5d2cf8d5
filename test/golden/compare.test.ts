/** The comparer must be able to fail: every kind of difference is planted and found. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { encode } from '../../src/wire/encode.ts'
import { ETHERTYPE_IPV4, Frame, PROTOCOL_ICMP } from '../../src/wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, IcmpMessage } from '../../src/wire/icmp.ts'
import { ipv4 } from '../../src/wire/ipv4-address.ts'
import { compareRun } from './compare.ts'
import { formatFrame, parseGolden, type TextFrame, textOf } from './text.ts'

const MACS = ['52:54:00:00:00:01', '52:54:00:00:00:02', '0e:00:00:00:00:01', '0e:00:00:00:00:02']
const pingText = golden('ping-underlay')
const ping = parseGolden(pingText)
const fragments = parseGolden(golden('udp4000-underlay'))
const container = parseGolden(golden('ping-ctr'))

function golden(name: string): string {
  return readFileSync(new URL(`flannel-vxlan/${name}.txt`, import.meta.url), 'utf8')
}

/** The ping's frames with `from` replaced by `to` in the text of frame `index`, or of all. */
function altered(from: string | RegExp, to: string, index?: number): TextFrame[] {
  const frames = ping.map((frame, at) => {
    const text = formatFrame(frame)
    if (index !== undefined && index !== at) return text
    const changed = text.replaceAll(from instanceof RegExp ? new RegExp(from, 'g') : from, to)
    if (index !== undefined && changed === text) throw new Error(`nothing to alter in:\n${text}`)
    return changed
  })
  return parseGolden(frames.join('\n\n'))
}

function comparePing(ours: readonly TextFrame[], kernel: readonly TextFrame[] = ping) {
  return compareRun([{ name: 'ping', kernel, ours }], MACS)
}

describe('the golden text', () => {
  it('is read and written without loss', () => {
    const written = ping.map((frame) => formatFrame(frame)).join('\n\n')
    expect(`${written}\n`).toBe(pingText.slice(pingText.indexOf('frame ')))
  })

  it('is what our own decoder makes of the same frame', () => {
    const frame = new Frame()
    frame.dstLo = 0x000002
    frame.dstHi = 0x525400
    frame.srcHi = 0x525400
    frame.srcLo = 0x000001
    frame.etherType = ETHERTYPE_IPV4
    frame.l3Length = 84
    frame.ipSrc = ipv4('10.0.0.1')
    frame.ipDst = ipv4('10.0.0.2')
    frame.protocol = PROTOCOL_ICMP
    frame.ttl = 63
    frame.ipId = 0x77
    frame.dontFragment = true
    frame.header = new IcmpMessage(8, 0, 0x1234, 5)
    expect(formatFrame(textOf(encode(frame), 1.5))).toBe(
      [
        'frame t=1.500000 len=98',
        '  eth src=52:54:00:00:00:01 dst=52:54:00:00:00:02 type=0x0800',
        '  ip src=10.0.0.1 dst=10.0.0.2 ttl=63 tos=0x00 id=0x0077 df=1 mf=0 off=0 proto=1 len=84 csum=good',
        '  icmp type=8 code=0 id=0x1234 seq=5 csum=good',
      ].join('\n'),
    )
    const error = frame.clone()
    error.header = new IcmpMessage(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 0, 1450)
    error.inner = frame
    const text = formatFrame(textOf(encode(error), 0))
    expect(text).toContain('icmp type=3 code=4 mtu=1450 csum=good\n  ip src=10.0.0.1')
    frame.badChecksum = true
    expect(formatFrame(textOf(encode(frame), 0))).toContain('seq=5 csum=bad')
  })

  it('says of a broken IPv4 header that its checksum is bad', () => {
    const frame = new Frame()
    frame.etherType = ETHERTYPE_IPV4
    frame.l3Length = 28
    frame.protocol = PROTOCOL_ICMP
    frame.header = new IcmpMessage(8, 0, 1, 1)
    const bytes = encode(frame)
    bytes[22]! ^= 1
    expect(formatFrame(textOf(bytes, 0))).toMatch(/ip .* csum=bad/)
  })
})

describe('what is the same', () => {
  it('holds for a capture and itself', () => {
    for (const frames of [ping, fragments, container]) {
      expect(comparePing(frames, frames)).toBeNull()
    }
  })

  it('holds when random values are others, one to one', () => {
    let id = 0
    const ours = ping.map((frame) => {
      const renamed = formatFrame(frame)
        .replaceAll('50058', '40001')
        .replaceAll('0x07e6', '0x1111')
        .replace(
          /id=0x(?!1111)[0-9a-f]{4} df/g,
          () => `id=0x${(++id).toString(16).padStart(4, '0')} df`,
        )
      return parseGolden(renamed)[0]!
    })
    expect(comparePing(ours)).toBeNull()
  })

  it('holds for a generated MAC by another name, in every place', () => {
    const ours = container.map(
      (frame) =>
        parseGolden(formatFrame(frame).replaceAll('32:d0:fe:7e:2a:55', '5a:00:00:00:00:09'))[0]!,
    )
    expect(compareRun([{ name: 'ctr', kernel: container, ours }], ['02:42:0a:f4:00:02'])).toBeNull()
  })

  it('takes a checksum that the kernel capture could not verify, if ours is right', () => {
    const good = fragments.map(
      (frame) => parseGolden(formatFrame(frame).replaceAll('unverified', 'good'))[0]!,
    )
    expect(comparePing(good, fragments)).toBeNull()
    const bad = fragments.map(
      (frame) => parseGolden(formatFrame(frame).replaceAll('unverified', 'bad'))[0]!,
    )
    expect(comparePing(bad, fragments)).toContain('csum: unverified, ours bad')
    expect(comparePing(fragments, good)).toContain('csum: good, ours unverified')
    const unfinished = parseGolden(
      golden('ping-underlay').replaceAll('csum=good', 'csum=unfinished'),
    )
    expect(comparePing(ping, unfinished)).toBeNull()
    expect(comparePing(altered('csum=good', 'csum=bad'), unfinished)).toContain('ours bad')
    expect(comparePing(unfinished, ping)).toContain('csum: good, ours unfinished')
  })
})

describe('a planted difference', () => {
  it('in the order of two frames is found', () => {
    const [first, second, ...rest] = ping
    expect(comparePing([second!, first!, ...rest])).toContain('frame 1 differs: layer 1, eth src')
  })

  it('of a missing or an additional frame is found', () => {
    expect(comparePing(ping.slice(0, -1))).toContain('the simulator lacks this frame')
    expect(comparePing([...ping, ping[7]!])).toContain('the kernel sent no such frame')
    expect(comparePing([], ping)).toContain('frame 1 differs')
    expect(comparePing(ping, [])).toContain('frame 1 differs')
  })

  it.each([
    ['the inner TTL', 'ttl=63', 'ttl=62', 'layer 6, ip ttl: 63, ours 62'],
    ['DF', 'df=1', 'df=0', 'layer 6, ip df: 1, ours 0'],
    ['the outer destination port', 'dport=8472', 'dport=4789', 'udp dport'],
    [
      'the outer checksum',
      'sport=50058 dport=8472 len=114 csum=good',
      'sport=50058 dport=8472 len=114 csum=zero',
      'udp csum',
    ],
    ['the VNI', 'vni=1', 'vni=2', 'vxlan vni'],
    ['the VXLAN flags', 'flags=0x08', 'flags=0x0c', 'vxlan flags'],
    ['an address', '10.244.0.2', '10.244.0.3', 'ip src'],
    ['the TOS', 'tos=0x00', 'tos=0x02', 'ip tos'],
    ['a configured MAC', '0e:00:00:00:00:02', '0e:00:00:00:00:03', 'eth dst'],
    ['the length', 'len=148', 'len=147', 'length 148, ours 147'],
    ['the echo sequence', 'seq=1', 'seq=2', 'icmp seq'],
    ['a field that is not there', ' seq=1', '', 'icmp has the fields'],
    ['a layer that is not there', /\n {2}icmp.*/, '', 'layers eth ip udp vxlan eth ip icmp, ours'],
  ])('in %s is found', (_what, from, to, message) => {
    const found = comparePing(altered(from, to, 2))
    expect(found).toContain('frame 3 differs')
    expect(found).toContain(message)
  })

  it('between a random value and zero is found', () => {
    expect(comparePing(altered('id=0x6897', 'id=0x0000', 2))).toContain('ip id')
  })
})

describe('a mapping that is not one to one', () => {
  it('is found when one value of the kernel becomes two', () => {
    const found = comparePing(altered('sport=50058', 'sport=50059', 4))
    expect(found).toContain("the kernel's VXLAN port 50058 stood for our VXLAN port 50058")
  })

  it('is found when two values of the kernel become one', () => {
    const ours = altered('id=0xb816', 'id=0xb803', 4)
    expect(comparePing(ours)).toContain(
      "our IP id 10.244.0.2>10.244.1.2/1 0xb803 stood for the kernel's",
    )
  })

  it('is found across points of a run', () => {
    const renamed = container.map(
      (frame) => parseGolden(formatFrame(frame).replaceAll('0x07e6', '0x2222'))[0]!,
    )
    const parts = [
      { name: 'ping-underlay', kernel: ping, ours: ping },
      { name: 'ping-ctr', kernel: container, ours: renamed },
    ]
    expect(compareRun(parts, MACS)).toMatch(
      /^ping-ctr: frame 4 differs: .*ICMP id 0x07e6 stood for/,
    )
  })

  it('is found when a generated MAC takes the place of a configured one', () => {
    const ours = altered('52:54:00:00:00:02', '5a:00:00:00:00:01')
    expect(comparePing(ours)).toContain('frame 2 differs: layer 1, eth src')
  })
})

it('shows both sequences side by side and marks the first difference', () => {
  const lines = comparePing(altered('ttl=63', 'ttl=62', 3))!.split('\n')
  const marked = lines.filter((line) => line.startsWith('>>'))
  expect(marked).toHaveLength(1)
  expect(marked[0]).toMatch(/^>> +4 .*ttl 63 .* \| .*ttl 62/)
  expect(lines.filter((line) => / \| 0\.\d{3} /.test(line))).toHaveLength(ping.length)
})
