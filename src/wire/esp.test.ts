import { describe, expect, it } from 'vitest'
import { type Aead, EspHeader, emitEsp, espContent, espLength } from './esp.ts'

const aead = (icvBits: number): Aead => ({
  name: 'rfc4106(gcm(aes))',
  key: 'ab'.repeat(20),
  icvBits,
})

/** Inner Ethernet, VXLAN and UDP headers. */
const VXLAN_AND_UDP = 14 + 8 + 8

describe('the length of ESP', () => {
  it('of an overlay: 1424 bytes with an ICV of 64 bits are the most in 1500', () => {
    expect(20 + espLength(1424 + VXLAN_AND_UDP, aead(64))).toBe(1500)
    expect(20 + espLength(1425 + VXLAN_AND_UDP, aead(64))).toBe(1504)
  })

  it('of a fast datapath: 84 to 87 bytes with an ICV of 128 bits', () => {
    const overheads = [1376, 1377, 1378, 1379, 1380].map(
      (mtu) => 20 + espLength(mtu + VXLAN_AND_UDP, aead(128)) - mtu,
    )
    expect(overheads).toEqual([84, 87, 86, 85, 84])
    // Of a cloud's 1460.
    expect(20 + espLength(1376 + VXLAN_AND_UDP, aead(128))).toBe(1460)
    expect(20 + espLength(1416 + VXLAN_AND_UDP, aead(128))).toBe(1500)
  })

  it('and what fits into one are the reverse of each other', () => {
    for (const icv of [64, 96, 128]) {
      for (let bytes = 100; bytes < 200; bytes++) {
        const content = espContent(bytes, aead(icv))
        expect(espLength(content, aead(icv))).toBeLessThanOrEqual(bytes)
        expect(espLength(content + 1, aead(icv))).toBeGreaterThan(bytes)
      }
    }
  })
})

it('stands on the wire with header, vector, content, padding 1 2 3, its length and the protocol', () => {
  const header = new EspHeader(0x01020304, 5, aead(64))
  const content = new Uint8Array([0xaa, 0xbb, 0xcc])
  const out = new Uint8Array(espLength(3, aead(64)))
  emitEsp(header, content, 17, out, 0)
  const hex = Buffer.from(out).toString('hex')
  expect(hex).toBe('01020304000000050000000000000005aabbcc0102030311'.concat('00'.repeat(8)))
})
