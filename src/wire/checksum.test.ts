import { describe, expect, it } from 'vitest'
import { damagedChecksum, internetChecksum, transportChecksum } from './checksum.ts'
import { ipv4 } from './ipv4-address.ts'

describe('internetChecksum', () => {
  it('gives the sum of RFC 1071, section 3, complemented', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    expect(internetChecksum(bytes, 0, 8)).toBe(0xffff - 0xddf2)
  })

  it('pads an odd last byte with zero', () => {
    const odd = Uint8Array.of(9, 0x12, 0x34, 0x56, 9)
    const even = Uint8Array.of(0x12, 0x34, 0x56, 0)
    expect(internetChecksum(odd, 1, 4)).toBe(internetChecksum(even, 0, 4))
  })

  it('folds the carries of a long packet', () => {
    expect(internetChecksum(new Uint8Array(65535).fill(0xff), 0, 65535)).toBe(0x00ff)
  })
})

describe('transportChecksum', () => {
  it('covers the pseudo header, whichever sign an address has', () => {
    const bytes = new Uint8Array(8)
    // The same words in other places: ones' complement addition does not care.
    const [a, b] = [ipv4('192.168.50.11'), ipv4('50.11.192.168')]
    const sum = transportChecksum(bytes, 0, 8, a, b, 17)
    expect(sum).toBe(0xffff - (((0xc0a8 + 0x320b) * 2 + 17 + 8) % 0xffff))
  })
})

describe('damagedChecksum', () => {
  it('is never the same sum and never zero', () => {
    for (let sum = 0; sum <= 0xffff; sum++) {
      const damaged = damagedChecksum(sum)
      if (damaged === 0 || damaged % 0xffff === sum % 0xffff) expect.fail(`${sum} -> ${damaged}`)
    }
    expect(damagedChecksum(1)).toBe(3)
  })
})
