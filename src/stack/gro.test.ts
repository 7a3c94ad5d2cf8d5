import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  numbered,
  type SegmentSpec,
  tcpSegment,
  tcpUnit,
  type Wrapping,
} from '../../test/tcp-units.ts'
import { Ledger } from '../measure/ledger.ts'
import { encode } from '../wire/encode.ts'
import type { Frame } from '../wire/frame.ts'
import {
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_SYN,
  type TcpHeader,
} from '../wire/tcp.ts'
import { Gro } from './gro.ts'
import { segment } from './gso.ts'

class Bench {
  readonly ledger = new Ledger()
  readonly out: Frame[] = []
  readonly gro = new Gro(this.ledger, {
    receiveUnit: (frame) => {
      this.out.push(frame)
    },
  })

  /** Whatever goes in comes out or is merged. */
  give(frames: readonly Frame[], mergesTunnels = true): Frame[] {
    for (const frame of frames) this.gro.receive(frame, mergesTunnels)
    expect(frames.length).toBe(this.out.length + this.ledger.merged + this.gro.held)
    this.gro.flush()
    expect(this.gro.held).toBe(0)
    return this.out
  }
}

/** Segments per unit that came of it. */
function sizes(specs: readonly SegmentSpec[], wrapping: Wrapping = 'plain'): number[] {
  const out = new Bench().give(specs.map((spec) => tcpSegment(spec, wrapping)))
  return out.map((frame) => frame.gsoSegments || 1)
}

const line = (count: number, from = 0): SegmentSpec[] =>
  Array.from({ length: count }, (_, i) => ({
    sequence: (from + i) * 1448,
    ipId: from + i,
    outerId: from + i,
  }))

const STEP = fc.record({
  port: fc.constantFrom(1, 2),
  bytes: fc.oneof({ weight: 8, arbitrary: fc.constant(1000) }, fc.constantFrom(0, 400)),
  flags: fc.oneof(
    { weight: 12, arbitrary: fc.constant(TCP_ACK) },
    fc.constantFrom(TCP_ACK | TCP_PSH, TCP_ACK | TCP_CWR, TCP_SYN, TCP_ACK | TCP_FIN),
  ),
  window: fc.oneof({ weight: 12, arbitrary: fc.constant(501) }, fc.constant(502)),
  /** Segments that are missing before this one; one that is sent again is -1. */
  gap: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1)),
  hasContent: fc.boolean(),
})

/** What two flows send, one after the other: mostly in line. */
function stream(
  steps: readonly (typeof STEP extends fc.Arbitrary<infer T> ? T : never)[],
): Frame[] {
  const next = [0, 0, 0]
  return steps.map(({ port, gap, bytes, hasContent, ...rest }, i) => {
    const sequence = next[port]! + gap * 1000
    next[port] = sequence + bytes
    const content = hasContent ? { content: numbered(bytes + i).slice(i) } : { bytes }
    return tcpSegment({
      port,
      sequence,
      ipId: Math.ceil(sequence / 1000) & 0xffff,
      ...content,
      ...rest,
    })
  })
}

describe('Gro', () => {
  it.each<Wrapping>(['plain', 'vxlan', 'ipip', 'header'])(
    'merges what segmentation cut, %s',
    (wrapping) => {
      const spec = {
        content: numbered(3500),
        sequence: -700,
        flags: TCP_ACK | TCP_PSH,
        ipId: 0xffff,
      }
      const unit = tcpUnit(spec, 1000, wrapping)
      const before = encode(unit)
      const [merged, ...others] = new Bench().give(segment(unit))
      expect(others).toEqual([])
      expect(encode(merged!)).toEqual(before)
      expect(merged).toMatchObject({ gsoSize: 1000, gsoSegments: 4, gsoExcess: 2500 })
    },
  )

  it('merges no packets whose tunnels have two headers', () => {
    const [first, second] = segment(tcpUnit({ bytes: 2000 }, 1000, 'header'))
    second!.header = Object.create(first!.header)
    expect(new Bench().give([first!, second!])).toHaveLength(2)
  })

  it('gives back every segment when its units are cut again, whatever it was given', () => {
    let merged = 0
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
        const frames = stream(steps)
        const before = frames.map((frame) => ({ frame, bytes: encode(frame) }))
        const bench = new Bench()
        const after = bench
          .give(frames)
          .flatMap((unit) => (unit.gsoSize > 0 ? segment(unit) : unit))
        merged += bench.ledger.merged
        for (const port of [1, 2]) {
          const wanted = before.filter(({ frame }) => frame.sourcePort === port)
          expect(after.filter(({ sourcePort }) => sourcePort === port).map(encode)).toEqual(
            wanted.map(({ bytes }) => bytes),
          )
        }
      }),
      { numRuns: 300, seed: 5 },
    )
    expect(merged).toBeGreaterThan(300)
  })

  it('ends a unit with a shorter segment, PSH or FIN, and begins none with them', () => {
    expect(sizes(line(5))).toEqual([5])
    const [a, b, c, d] = line(4)
    expect(sizes([a!, { ...b!, bytes: 1000 }, { ...c!, sequence: 2448 }, d!])).toEqual([2, 1, 1])
    expect(sizes([a!, { ...b!, flags: TCP_ACK | TCP_PSH }, c!, d!])).toEqual([2, 2])
    expect(sizes([{ ...a!, flags: TCP_ACK | TCP_PSH }, b!, c!, d!])).toEqual([1, 3])
    expect(sizes([a!, { ...b!, flags: TCP_ACK | TCP_FIN }])).toEqual([2])
  })

  it('merges nothing that differs, or is out of line', () => {
    const [a, b] = line(2)
    const differing: [string, SegmentSpec][] = [
      ['a gap', { ...b!, sequence: 1449 }],
      ['another acknowledgement', { ...b!, acknowledgement: 78 }],
      ['another window', { ...b!, window: 500 }],
      ['another flag', { ...b!, flags: TCP_ACK | TCP_ECE }],
      ['a window reduced', { ...b!, flags: TCP_ACK | TCP_CWR }],
      ['another timestamp', { ...b!, options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 8, 0, 0, 0, 9) }],
      ['fewer options', { ...b!, options: new Uint8Array(0) }],
      ['a longer segment', { ...b!, bytes: 1449 }],
      ['an identification out of line', { ...b!, ipId: 5 }],
      ['no content', { ...b!, bytes: 0 }],
    ]
    for (const [what, spec] of differing) expect([what, sizes([a!, spec])]).toEqual([what, [1, 1]])
    for (const change of [
      { ttl: 63 },
      { tos: 2 },
      { dontFragment: false },
      { badChecksum: true },
    ]) {
      const frames = [tcpSegment(a), Object.assign(tcpSegment(b), change)]
      expect(new Bench().give(frames)).toEqual(frames)
    }
  })

  it('asks the outer identification of packets that may be cut alone', () => {
    const same = line(3).map((spec) => ({ ...spec, outerId: 9 }))
    expect(sizes(same, 'vxlan')).toEqual([1, 1, 1])
    expect(
      sizes(
        same.map((spec) => ({ ...spec, outerDf: true })),
        'vxlan',
      ),
    ).toEqual([3])
  })

  it('leaves tunnels alone where the device does', () => {
    const frames = segment(tcpUnit({ bytes: 3000 }, 1000, 'vxlan'))
    expect(new Bench().give(frames, false)).toEqual(frames)
  })

  it('makes no unit of 64 KB or more', () => {
    const out = new Bench().give(line(100).map((spec) => tcpSegment(spec)))
    expect(out.map((unit) => unit.gsoSegments)).toEqual([45, 45, 10])
    expect(Math.max(...out.map((unit) => unit.l3Length))).toBe(52 + 45 * 1448)
  })

  it('keeps the order of a flow: what does not merge sends ahead what was held', () => {
    const [a, b, c] = line(3)
    const out = new Bench().give(
      [a!, b!, { ...c!, bytes: 0 }, { ...c!, port: 7 }, c!].map((spec) => tcpSegment(spec)),
    )
    const seen = out.map(({ sourcePort, gsoSegments, header }) => [
      sourcePort,
      gsoSegments,
      (header as TcpHeader).sequence,
    ])
    expect(seen.filter(([port]) => port === 40000)).toEqual([
      [40000, 2, 0],
      [40000, 0, 2896],
      [40000, 0, 2896],
    ])
  })

  it('holds eight flows a bucket, and sends the oldest ahead for a ninth', () => {
    const bench = new Bench()
    // Ports that are 8 apart share a bucket.
    for (let i = 0; i < 9; i++) bench.gro.receive(tcpSegment({ port: 40000 + 8 * i }), true)
    expect(bench.out.map(({ sourcePort }) => sourcePort)).toEqual([40000])
    expect(bench.gro.held).toBe(8)
  })

  it('changes no frame that others hold', () => {
    const frames = line(2).map((spec) => tcpSegment(spec, 'vxlan'))
    for (const frame of frames) frame.shared = true
    const [unit] = new Bench().give(frames)
    expect(unit!.gsoSegments).toBe(2)
    expect(
      frames.map(({ gsoSegments, l3Length, inner }) => [gsoSegments, l3Length, inner!.gsoSize]),
    ).toEqual([
      [0, 1550, 0],
      [0, 1550, 0],
    ])
  })
})
