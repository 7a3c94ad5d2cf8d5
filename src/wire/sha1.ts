const INITIAL = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0] as const
const CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6] as const

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

/** The message with its bit 1, its zeros and its length, as big-endian words (FIPS 180-4, 5.1.1). */
function padded(message: Uint8Array): Uint32Array {
  const words = new Uint32Array(((message.length + 8) >> 6) * 16 + 16)
  for (let i = 0; i <= message.length; i++) {
    const byte = i === message.length ? 0x80 : message[i]!
    words[i >> 2]! |= byte << (24 - (i & 3) * 8)
  }
  words[words.length - 1] = message.length * 8
  return words
}

/** Functions of 20 rounds each (FIPS 180-4, 4.1.1). */
function mix(round: number, b: number, c: number, d: number): number {
  if (round < 20) return (b & c) | (~b & d)
  if (round >= 40 && round < 60) return (b & c) | (b & d) | (c & d)
  return b ^ c ^ d
}

function addBlock(state: Int32Array, block: Uint32Array): void {
  const schedule = new Int32Array(80)
  schedule.set(block)
  for (let t = 16; t < 80; t++) {
    const word = schedule[t - 3]! ^ schedule[t - 8]! ^ schedule[t - 14]! ^ schedule[t - 16]!
    schedule[t] = rotate(word, 1)
  }
  // The state always has five words; the type of an array does not say so.
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number]
  for (let t = 0; t < 80; t++) {
    const constant = CONSTANTS[Math.floor(t / 20)]!
    const next = (rotate(a, 5) + mix(t, b, c, d) + e + constant + schedule[t]!) | 0
    e = d
    d = c
    c = rotate(b, 30)
    b = a
    a = next
  }
  const sums = [a, b, c, d, e]
  for (let i = 0; i < 5; i++) state[i] = state[i]! + sums[i]!
}

/** SHA-1 of ASCII text, hexadecimal (FIPS 180-4): daemons name devices by it. */
export function sha1(text: string): string {
  const words = padded(Uint8Array.from(text, (character) => character.charCodeAt(0)))
  const state = Int32Array.from(INITIAL)
  for (let at = 0; at < words.length; at += 16) addBlock(state, words.subarray(at, at + 16))
  return [...state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}
