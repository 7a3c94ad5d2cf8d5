import { describe, expect, it } from 'vitest'
import { Simulator } from '../sim/simulator.ts'
import type { BucketOptions } from './bucket-occupancy.ts'
import { type MacHash, macHash } from './mac-hash.ts'
import { MacTable } from './mac-table.ts'

const CAPACITY = 32768

type Numbering = (i: number) => [hi: number, lo: number]

/** Share of `count` addresses that a table of 32,768 entries refuses. */
function refusedShare(buckets: BucketOptions, count: number, numbering: Numbering): number {
  const table = new MacTable({ capacity: CAPACITY, ageing: Infinity, buckets })
  for (let i = 0; i < count; i++) {
    const [hi, lo] = numbering(i)
    table.learn(1, hi, lo, 0, i)
  }
  expect(table.learned + table.refused).toBe(count)
  return table.refused / count
}

function randomNumbering(): Numbering {
  const stream = new Simulator('macs').random.stream('macs')
  return () => [stream.integer(0, 0xffffff) & 0xfeffff, stream.integer(0, 0xffffff)]
}

/** 02:42 and an IPv4 address: hosts number their containers 10.x.y.2 onwards, `perHost` in a /24 each. */
const perHost =
  (count: number): Numbering =>
  (i) => [0x02420a, (Math.floor(i / count) << 8) + 2 + (i % count)]
const contiguous: Numbering = (i) => [0x02420a, i + 2]

describe('macHash', () => {
  // Check values of the CRC catalogue are over the nine bytes "123456789"; a key has eight. These are
  // of 00 00 00 00 00 00 00 01, which is the polynomial itself, and of one bit further to the left.
  it('is the CRC of VLAN and MAC, most significant bit first', () => {
    expect(macHash('crc16', 0)(0, 0, 1)).toBe(0x1021)
    expect(macHash('crc16', 0)(0, 0, 2)).toBe(0x2042)
    expect(macHash('crc32', 0)(0, 0, 1)).toBe(0x04c11db7)
    expect(macHash('crc32', 0)(0, 0, 0x200)).not.toBe(macHash('crc32', 0)(0, 2, 0))
    expect(macHash('crc32', 0)(1, 0, 0)).not.toBe(macHash('crc32', 0)(2, 0, 0))
  })

  it('gives each bank and each seed a hash of its own', () => {
    for (const kind of ['crc16', 'crc32', 'random'] as const) {
      expect(macHash(kind, 0)(1, 2, 3)).not.toBe(macHash(kind, 1)(1, 2, 3))
    }
    expect(macHash('random', 0, 1)(1, 2, 3)).not.toBe(macHash('random', 0, 2)(1, 2, 3))
  })
})

describe('refusals of a hashed table', () => {
  // From the Poisson distribution of a bucket's load.
  const loads = [
    [0.5, 4, 0.038],
    [0.5, 8, 0.0084],
    [0.75, 4, 0.106],
    [1, 4, 0.195],
    [1, 8, 0.14],
    [2, 4, 0.507],
  ] as const
  it.each(loads)('random MACs at load %f, %i ways: share %f', (load, ways, share) => {
    for (const hash of ['random', 'crc16', 'crc32'] as MacHash[]) {
      const refused = refusedShare({ hash, ways }, load * CAPACITY, randomNumbering())
      expect(Math.abs(refused - share)).toBeLessThan(0.006)
    }
  })

  /*
   * Addresses made from container IPs, at half load, 4 ways. The reference (README.md, correction 5)
   * has 0 % for crc32, 18.6 % for crc16, 3.6 % for random and 0 % for two banks, and says neither which
   * polynomial nor how the addresses were numbered. No standard CRC-16 over a plain numbering gives
   * 18.6 %. What holds: a CRC spreads a contiguous range evenly, and CRC-16 clashes where hosts leave
   * gaps, by a share that changes with the number of containers a host.
   */
  it.each([
    ['crc32', 1, contiguous, 0],
    ['crc32', 1, perHost(100), 0],
    ['crc32', 1, perHost(110), 0],
    ['crc32', 2, perHost(100), 0],
    ['crc16', 1, contiguous, 0],
    ['crc16', 1, perHost(100), 0.1903],
    ['crc16', 1, perHost(110), 0.1102],
    ['crc16', 2, perHost(100), 0.1957],
    ['random', 1, contiguous, 0.038],
    ['random', 1, perHost(100), 0.038],
    ['random', 2, perHost(100), 0],
  ] as const)('%s, %i bank(s), sequential MACs (%#)', (hash, banks, numbering, share) => {
    const refused = refusedShare({ hash, ways: 4, banks }, CAPACITY / 2, numbering)
    expect(Math.abs(refused - share)).toBeLessThan(hash === 'random' ? 0.004 : 0.0001)
  })

  it('refuses a table that is no whole number of buckets or beyond its hash', () => {
    const make = (capacity: number, buckets: BucketOptions) => () =>
      new MacTable({ capacity, ageing: 1, buckets })
    expect(make(8190, { hash: 'crc32', ways: 4 })).toThrow(RangeError)
    expect(make(Infinity, { hash: 'crc32', ways: 4 })).toThrow(RangeError)
    expect(make(2 ** 19, { hash: 'crc16', ways: 4 })).toThrow(RangeError)
    expect(make(8000, { hash: 'crc16', ways: 4, banks: 2 })).not.toThrow()
  })
})
