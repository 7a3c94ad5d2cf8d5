import { describe, expect, it } from 'vitest'
import { ETHERTYPE_IPV4, Frame, PROTOCOL_UDP } from '../../wire/frame.ts'
import { ipv4 } from '../../wire/ipv4-address.ts'
import { fitsU32, parseU32, u32Text } from './u32.ts'
import { IptablesError } from './words.ts'

function datagram(): Frame {
  const frame = new Frame()
  frame.etherType = ETHERTYPE_IPV4
  frame.protocol = PROTOCOL_UDP
  frame.ipSrc = ipv4('10.1.2.3')
  frame.ipDst = ipv4('10.4.5.6')
  frame.ttl = 64
  frame.l3Length = 100
  frame.sourcePort = 40000
  frame.destinationPort = 4789
  return frame
}

function vxlan(vni: number): Frame {
  const frame = datagram()
  frame.vni = vni
  frame.inner = datagram()
  frame.l3Length = 150
  return frame
}

const fits = (text: string, frame: Frame) => fitsU32(parseU32(text), frame)
/** Behind the IP header, whose length is looked up, and 12 bytes: the VNI. */
const vniIs = (vni: number) => `0>>22&0x3C@12&0xFFFFFF00=${vni << 8}`

describe('u32', () => {
  it('finds the VNI of VXLAN behind an IP header of any length', () => {
    expect(fits(vniIs(4097), vxlan(4097))).toBe(true)
    expect(fits(vniIs(4097), vxlan(4098))).toBe(false)
    // The bytes of the frame say the same as its fields.
    expect(fits('32=0x00100100', vxlan(4097))).toBe(true)
    expect(fits('28=0x08000000&&32=0x100100', vxlan(4097))).toBe(true)
  })

  it('reads what no field tells, and finds nothing beyond the end', () => {
    const frame = datagram()
    expect(fits('12=0x0a010203', frame)).toBe(true)
    expect(fits('20&0xffff=4789', frame)).toBe(true)
    expect(fits('6&0xFF=0x11:0x12', frame)).toBe(true)
    expect(fits('96=0', frame)).toBe(true)
    expect(fits('97=0', frame)).toBe(false)
    expect(fits('2&0xffff=1,2,5', frame)).toBe(false)
  })

  it('prints numbers as iptables-save does', () => {
    expect(u32Text(parseU32(vniIs(1)))).toBe('0x0>>0x16&0x3c@0xc&0xffffff00=0x100')
    expect(u32Text(parseU32('6 & 0xFF = 1:2,7 && 4<<1=0'))).toBe(
      '0x6&0xff=0x1:0x2,0x7&&0x4<<0x1=0x0',
    )
  })

  it.each(['', '0', '0=', 'x=1', '0>>=1', '0=1-2'])('refuses "%s"', (text) => {
    expect(() => parseU32(text)).toThrow(IptablesError)
  })
})
