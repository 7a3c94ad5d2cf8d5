import { expect, it, describe as suite } from 'vitest'
import { tcpSegment } from '../../test/tcp-units.ts'
import { describe } from './describe.ts'
import { encode, encodePacket } from './encode.ts'
import { flowHash } from './flow-hash.ts'
import type { Frame } from './frame.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A packet of 152 bytes in a tunnel whose header has four. */
function tunnelled(): Frame {
  return tcpSegment({ bytes: 100 }, 'header')
}

suite('a header of a tunnel', () => {
  it('stands between the two IP headers', () => {
    const frame = tunnelled()
    const bytes = encodePacket(frame)
    expect(bytes.length).toBe(20 + 4 + 152)
    expect(hex(bytes.subarray(20, 24))).toBe('01020304')
    expect(hex(bytes.subarray(24))).toBe(hex(encodePacket(frame.inner!)))
  })

  it('is cut with its packet, as an ICMP error quotes it', () => {
    const frame = tunnelled()
    const whole = encodePacket(frame)
    for (const length of [20, 22, 24, 30, 175]) {
      frame.l3Length = length
      // Beside the length and checksum of the IP header.
      expect(hex(encodePacket(frame).subarray(12))).toBe(hex(whole.subarray(12, length)))
    }
  })

  it('hides damage, which a checksum further in finds', () => {
    const frame = tunnelled()
    const sound = encode(frame)
    frame.badChecksum = true
    const damaged = encode(frame)
    expect(damaged.at(-1)! ^ sound.at(-1)!).toBe(1)
    expect(hex(damaged.subarray(0, -1))).toBe(hex(sound.subarray(0, -1)))
  })

  it('is named before what it carries', () => {
    expect(describe(tunnelled())).toMatch(
      /^IP 192\.168\.0\.1 > 192\.168\.0\.2: four bytes, length 156: IP 10\.0\.0\.1\.40000 > /,
    )
  })

  it('does not hide the flow from hashes, but for a fragment', () => {
    const frame = tunnelled()
    expect(flowHash(frame, 7)).toBe(flowHash(frame.inner!, 7))
    frame.moreFragments = true
    expect(flowHash(frame, 7)).not.toBe(flowHash(frame.inner!, 7))
  })
})
