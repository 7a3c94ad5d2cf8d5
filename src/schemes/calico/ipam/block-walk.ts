import { formatPrefix, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1 of 32 bits over ASCII text, as Go's hash/fnv.New32. */
export function fnv32(text: string): number {
  let hash = FNV_OFFSET
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash, FNV_PRIME) ^ text.charCodeAt(i)
  }
  return hash >>> 0
}

/**
 * Spreads neighbouring seeds (the finaliser of MurmurHash3): where Calico draws the first block from Go's
 * generator, seeded with the hash, hosts of similar names begin far from each other.
 */
function spread(seed: number): number {
  let hash = seed
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The blocks of a pool in the order in which a host looks at them: from one of its own upwards, and round. */
export function* blocksFor(pool: Ipv4Prefix, blockSize: number, host: string): Generator<string> {
  const count = 2 ** (blockSize - pool.length)
  const size = 2 ** (32 - blockSize)
  const first = spread(fnv32(host)) % count
  for (let i = 0; i < count; i++) {
    const base = (pool.base + ((first + i) % count) * size) | 0
    yield formatPrefix({ base, length: blockSize })
  }
}
