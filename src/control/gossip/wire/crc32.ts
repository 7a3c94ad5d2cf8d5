/** CRC-32 of IEEE 802.3, as a number of 32 bits without sign. */
export function crc32(bytes: Uint8Array, from = 0): number {
  let crc = -1
  for (let i = from; i < bytes.length; i++) {
    crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

const REVERSED_POLYNOMIAL = 0xedb88320

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? REVERSED_POLYNOMIAL ^ (crc >>> 1) : crc >>> 1
  return crc
})
