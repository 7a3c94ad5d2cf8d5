/** Hash over (VLAN, MAC) with which a hardware table picks a bucket. */
export type MacHash = 'crc16' | 'crc32' | 'random'

type KeyHash = (vlan: number, hi: number, lo: number) => number

/** Banks of one table differ in their polynomial, or a second bank would repeat the first's clashes. */
const CRC16_POLYNOMIALS = [0x1021, 0x8005]
const CRC32_POLYNOMIALS = [0x04c11db7, 0x1edc6f41]

/**
 * The hash of one bank: an unsigned 32-bit number (16-bit for crc16), of which the caller takes the
 * low bits, or the remainder where the number of buckets is no power of two.
 *
 * No vendor publishes the polynomial of its chips. CRC-16/CCITT and the Ethernet CRC-32 over the
 * VLAN and then the MAC, most significant bit first, stand for "crc16" and "crc32". An initial value
 * would only permute the buckets, so there is none. How many addresses a CRC refuses depends on how
 * they were numbered far more than on the polynomial: mac-hash.test.ts has figures.
 *
 * @param seed of 'random', which stands for an ideal hash: Poisson-filled buckets whatever the MACs.
 */
export function macHash(kind: MacHash, bank: number, seed = 0): KeyHash {
  if (kind === 'random') return mixer((seed ^ Math.imul(bank + 1, 0x9e3779b1)) | 0)
  if (kind === 'crc16') return crc(16, CRC16_POLYNOMIALS[bank]!)
  return crc(32, CRC32_POLYNOMIALS[bank]!)
}

/** Buckets that the hash can tell apart. */
export function hashRange(kind: MacHash): number {
  return kind === 'crc16' ? 2 ** 16 : 2 ** 32
}

/** The CRC is computed left-aligned in 32 bits, so that one loop serves both widths. */
function crc(width: 16 | 32, polynomial: number): KeyHash {
  const table = crcTable(polynomial << (32 - width))
  const shift = 32 - width
  const step = (state: number, byte: number): number =>
    (state << 8) ^ table[(state >>> 24) ^ (byte & 0xff)]!
  return (vlan, hi, lo) => {
    let state = step(step(0, vlan >>> 8), vlan)
    state = step(step(step(state, hi >>> 16), hi >>> 8), hi)
    state = step(step(step(state, lo >>> 16), lo >>> 8), lo)
    return state >>> shift
  }
}

function crcTable(aligned: number): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let state = byte << 24
    for (let bit = 0; bit < 8; bit++) state = state < 0 ? (state << 1) ^ aligned : state << 1
    table[byte] = state
  }
  return table
}

function mixer(seed: number): KeyHash {
  return (vlan, hi, lo) => {
    const first = finish(Math.imul(lo | (vlan << 24), 0x85ebca6b) ^ seed)
    return finish(first ^ Math.imul(hi | ((vlan & 0xf00) << 16), 0xc2b2ae35)) >>> 0
  }
}

/** Spreads every input bit over all 32 (the finaliser of MurmurHash3). */
function finish(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return value ^ (value >>> 16)
}
