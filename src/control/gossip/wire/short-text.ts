const decoder = new TextDecoder()

const SHORT = 64
const SLOTS = 4096
const MULTIPLIER = 31
const ASCII_END = 0x80

/**
 * Texts that were read, by a hash of their bytes. Names of fields, nodes and networks come again and again:
 * to compare one with its bytes costs less than to decode it, and all who know it have the same string.
 * A new text takes the place of the one in its slot. All are ASCII, whose units are its bytes.
 */
const known: (string | undefined)[] = Array.from({ length: SLOTS })

/** The text of `length` bytes of UTF-8 from `at` on; what is not UTF-8 becomes U+FFFD. */
export function shortText(bytes: Uint8Array, at: number, length: number): string {
  const end = at + length
  if (length > SHORT) return decoder.decode(bytes.subarray(at, end))
  let [hash, units] = [length, 0]
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!
    hash = Math.imul(hash, MULTIPLIER) + byte
    units |= byte
  }
  if (units >= ASCII_END) return decoder.decode(bytes.subarray(at, end))
  const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1)
  const text = known[slot]
  if (text !== undefined && isEqual(text, bytes, at, length)) return text
  const fresh = decoder.decode(bytes.subarray(at, end))
  known[slot] = fresh
  return fresh
}

function isEqual(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
