import { describe, expect, it } from 'vitest'
import { frameOf } from '../../test/fuzz/frames.ts'
import { encode } from '../wire/encode.ts'
import type { Frame } from '../wire/frame.ts'
import { ipv4 } from '../wire/ipv4-address.ts'
import { Capture } from './capture.ts'

function datagram(contentBytes: number): Frame {
  return frameOf({
    etherType: 0x0800,
    protocol: 17,
    ttl: 64,
    l3Length: 28 + contentBytes,
    ipSrc: ipv4('10.0.0.1'),
    ipDst: ipv4('10.0.0.2'),
    payload: new Uint8Array(contentBytes).fill(5),
  })
}

interface Block {
  readonly type: number
  readonly view: DataView
}

/** Blocks of the file; both of a block's lengths must lead to the next. */
function blocksOf(file: Uint8Array): Block[] {
  const whole = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const blocks: Block[] = []
  for (let at = 0; at < file.length; ) {
    const length = whole.getUint32(at + 4, true)
    expect(length % 4).toBe(0)
    expect(whole.getUint32(at + length - 4, true)).toBe(length)
    const view = new DataView(file.buffer, file.byteOffset + at + 8, length - 12)
    blocks.push({ type: whole.getUint32(at, true), view })
    at += length
  }
  return blocks
}

const [SECTION, INTERFACE, STATISTICS, PACKET] = [0x0a0d0d0a, 1, 5, 6]

function packetsOf(file: Uint8Array): Block[] {
  return blocksOf(file).filter(({ type }) => type === PACKET)
}

function bytesOf({ view }: Block): Uint8Array {
  const captured = view.getUint32(12, true)
  return new Uint8Array(view.buffer, view.byteOffset + 20, captured).slice()
}

describe('Capture', () => {
  it('writes each frame as it was when it passed, with interface and time', () => {
    const capture = new Capture()
    const [a, b] = [capture.interface('h1/eth0'), capture.interface('h2/eth0')]
    const frame = datagram(5)
    const before = encode(frame)
    a.frame(5_000_000_000_000_999, frame, 'out')
    frame.ttl--
    b.frame(5_000_000_000_001_000, frame, 'in')
    const file = capture.bytes()
    expect(blocksOf(file).map(({ type }) => type)).toEqual([
      SECTION,
      INTERFACE,
      INTERFACE,
      PACKET,
      PACKET,
      STATISTICS,
      STATISTICS,
    ])
    const packets = packetsOf(file)
    expect(packets.map(bytesOf)).toEqual([before, encode(frame)])
    const nanoseconds = ({ view }: Block) =>
      view.getUint32(4, true) * 2 ** 32 + view.getUint32(8, true)
    expect(packets.map(nanoseconds)).toEqual([5_000_000_000_000, 5_000_000_000_001])
    expect(packets.map(({ view }) => view.getUint32(0, true))).toEqual([0, 1])
    expect(capture.interface('h1/eth0')).toBe(a)
  })

  it('keeps no more of a frame than the snap length, and says how long it was', () => {
    const capture = new Capture({ snapLength: 96 })
    capture.interface('eth0').frame(0, datagram(1472), 'in')
    const [packet] = packetsOf(capture.bytes())
    expect(bytesOf(packet!)).toEqual(encode(datagram(1472)).slice(0, 96))
    expect(packet!.view.getUint32(16, true)).toBe(1514)
  })

  it('grows over many chunks without losing a byte', () => {
    const capture = new Capture()
    const tap = capture.interface('eth0')
    const sizes = Array.from({ length: 400 }, (_, i) => (i * 997) % 9000)
    for (const size of sizes) tap.frame(0, datagram(size), 'out')
    const written = packetsOf(capture.bytes()).map(bytesOf)
    expect(written.map((bytes) => bytes.length - 42)).toEqual(sizes)
    sizes.forEach((size, i) => {
      expect(Buffer.compare(written[i]!, encode(datagram(size)))).toBe(0)
    })
  })

  it('stops at its limit and reports what is missing', () => {
    const capture = new Capture({ limitBytes: 1000 })
    const tap = capture.interface('eth0')
    for (const size of [100, 100, 2000, 1, 1]) tap.frame(0, datagram(size), 'out')
    expect([capture.captured, capture.notCaptured]).toEqual([2, 3])
    const blocks = blocksOf(capture.bytes())
    expect(blocks.filter(({ type }) => type === PACKET)).toHaveLength(2)
    const { view } = blocks.at(-1)!
    const counts = [view.getUint32(16, true), view.getUint32(28, true)]
    expect(counts).toEqual([5, 3])
  })
})
