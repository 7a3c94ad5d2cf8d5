/** CRC-32 of IEEE 802.3, as a number of 32 bits without sign. */
export function crc32(bytes: Uint8Array, from = 0): number {
  let crc = -1
  let i = from
  // Four bytes at a time take a third of the time of one by one.
  for (const end = bytes.length - 3; i < end; i += 4) {
    const a = THIRD[(crc ^ bytes[i]!) & 0xff]! ^ SECOND[((crc >>> 8) ^ bytes[i + 1]!) & 0xff]!
    const b = FIRST[((crc >>> 16) ^ bytes[i + 2]!) & 0xff]! ^ TABLE[(crc >>> 24) ^ bytes[i + 3]!]!
    crc = a ^ b
  }
  for (; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}

const REVERSED_POLYNOMIAL = 0xedb88320

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? REVERSED_POLYNOMIAL ^ (crc >>> 1) : crc >>> 1
  return crc
})

/** What a byte does to the checksum when one, two or three more have come after it. */
const FIRST = TABLE.map(oneMore)
const SECOND = FIRST.map(oneMore)
const THIRD = SECOND.map(oneMore)

function oneMore(crc: number): number {
  return TABLE[crc & 0xff]! ^ (crc >>> 8)
}
