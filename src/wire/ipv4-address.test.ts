import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  contains,
  formatIpv4,
  formatPrefix,
  ipv4,
  lastOf,
  maskOf,
  overlaps,
  parseInterfaceAddress,
  parseIpv4,
  parsePrefix,
  prefix,
} from './ipv4-address.ts'

const SEED = { seed: 20261122 }
const address = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const length = fc.integer({ min: 0, max: 32 })

describe('IPv4 addresses', () => {
  it('read back what they print', () => {
    fc.assert(
      fc.property(address, (value) => {
        expect(ipv4(formatIpv4(value))).toBe(value)
      }),
      SEED,
    )
  })

  it('take canonical dotted quads only', () => {
    for (const text of [
      '010.0.0.1',
      '0x0a.0.0.1',
      '1',
      '10.0.0',
      '10.0.0.256',
      ' 10.0.0.1',
      '10.0.0.1/8',
    ]) {
      expect(parseIpv4(text), text).toBeNull()
    }
    expect(() => ipv4('10.0.0')).toThrow(TypeError)
  })
})

describe('prefixes', () => {
  it('keep no host bits, at every length', () => {
    fc.assert(
      fc.property(address, length, (value, bits) => {
        const block = prefix(`${formatIpv4(value)}/${bits}`)
        expect(block).toEqual({ base: value & maskOf(bits), length: bits })
        expect(parsePrefix(formatPrefix(block))).toEqual(block)
        expect(contains(block, value)).toBe(true)
        expect(contains(block, lastOf(block))).toBe(true)
        if (bits > 0) expect(contains(block, (lastOf(block) + 1) | 0)).toBe(false)
      }),
      SEED,
    )
  })

  it('take the default route and a bare address', () => {
    expect(parsePrefix('0.0.0.0/0')).toEqual({ base: 0, length: 0 })
    expect(parsePrefix('10.1.2.3')).toEqual({ base: ipv4('10.1.2.3'), length: 32 })
    for (const text of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '/8']) {
      expect(parsePrefix(text), text).toBeNull()
    }
  })

  it('overlap when one holds the other', () => {
    fc.assert(
      fc.property(address, length, length, (value, a, b) => {
        const one = { base: value & maskOf(a), length: a }
        const two = { base: value & maskOf(b), length: b }
        expect(overlaps(one, two)).toBe(true)
      }),
      SEED,
    )
    expect(overlaps(prefix('10.0.0.0/9'), prefix('10.128.0.0/9'))).toBe(false)
  })

  it('of interfaces keep the host part', () => {
    expect(parseInterfaceAddress('10.0.0.5/24')).toEqual({ address: ipv4('10.0.0.5'), length: 24 })
  })
})
