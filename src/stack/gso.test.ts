import { describe, expect, it } from 'vitest'
import {
  numbered,
  type SegmentSpec,
  tcpSegment,
  tcpUnit,
  type Wrapping,
} from '../../test/tcp-units.ts'
import { encode } from '../wire/encode.ts'
import { Frame, type FrameOwner } from '../wire/frame.ts'
import { TCP_ACK, TCP_CWR, TCP_FIN, TCP_PSH } from '../wire/tcp.ts'
import { isChecksumPending, markChecksummed, segment } from './gso.ts'

/** What a sender would have sent that makes every segment itself. */
function singles(spec: SegmentSpec, size: number, wrapping: Wrapping): Frame[] {
  const { content = new Uint8Array(0), sequence = 0, flags = TCP_ACK } = spec
  const frames: Frame[] = []
  for (let from = 0; from < content.length; from += size) {
    const isLast = from + size >= content.length
    const index = from / size
    frames.push(
      tcpSegment(
        {
          ...spec,
          content: content.slice(from, from + size),
          sequence: (sequence + from) | 0,
          flags: flags & ~(isLast ? 0 : TCP_FIN | TCP_PSH) & ~(index === 0 ? 0 : TCP_CWR),
          ipId: ((spec.ipId ?? 0) + index) & 0xffff,
          outerId: ((spec.outerId ?? 0) + index) & 0xffff,
        },
        wrapping,
      ),
    )
  }
  return frames
}

describe('segment', () => {
  it.each<Wrapping>(['plain', 'vxlan', 'ipip', 'header'])(
    'cuts a unit into the bytes of single segments, %s',
    (wrapping) => {
      const spec = {
        content: numbered(3500),
        sequence: 0x7ffffb00,
        flags: TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR,
        ipId: 0xfffe,
        outerId: 0xffff,
      }
      const segments = segment(tcpUnit(spec, 1000, wrapping))
      const wanted = singles(spec, 1000, wrapping)
      expect(segments.map((each) => each.length)).toEqual(wanted.map((each) => each.length))
      expect(segments.map(encode)).toEqual(wanted.map(encode))
    },
  )

  it('leaves no trace of the unit in its segments, and zeros are zeros', () => {
    const unit = tcpUnit({ bytes: 2500 }, 1000, 'vxlan')
    unit.trace = 4
    const segments = segment(unit)
    expect(segments.map(({ inner }) => inner!.payload)).toEqual([null, null, null])
    for (const each of segments) {
      expect([each.gsoSize, each.gsoSegments, each.gsoExcess, each.trace]).toEqual([0, 0, 0, 4])
      expect([each.inner!.gsoSize, each.inner!.gsoExcess, each.inner!.shared]).toEqual([
        0,
        0,
        false,
      ])
    }
  })

  it('charges the last segment with the memory of the unit', () => {
    const freed: number[] = []
    const owner: FrameOwner = {
      isBlocked: false,
      transmitter: null,
      frameFreed: (truesize) => freed.push(truesize),
    }
    const unit = tcpUnit({ bytes: 2000 }, 1000)
    unit.owner = owner
    unit.truesize = 4096
    const [first, last] = segment(unit)
    expect([unit.owner, first!.owner]).toEqual([null, null])
    last!.orphan()
    expect(freed).toEqual([4096])
  })

  it('refuses what is no unit', () => {
    expect(() => segment(tcpSegment())).toThrow('only a unit')
    expect(() => segment(new Frame())).toThrow('only a unit')
  })
})

describe('isChecksumPending', () => {
  it('looks into tunnels, for the inner checksum and for the outer one', () => {
    const tunnelled = tcpSegment({}, 'vxlan')
    expect([isChecksumPending(tcpSegment()), isChecksumPending(tunnelled)]).toEqual([true, true])
    markChecksummed(tunnelled.inner!)
    expect(isChecksumPending(tunnelled)).toBe(true)
    tunnelled.udpChecksum = false
    expect(isChecksumPending(tunnelled)).toBe(false)
    expect(isChecksumPending(new Frame())).toBe(false)
  })
})
