const INITIAL_224 = [
  0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4,
] as const
const INITIAL_256 = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const

const ROUNDS = 64
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const CONSTANTS = Int32Array.from(primes(ROUNDS), cubeRootFraction)

function primes(count: number): number[] {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n)
  return found
}

/** floor(cbrt(prime) * 2^32), less its whole part: by bisection, for cbrt may differ between engines. */
function cubeRootFraction(prime: number): number {
  const target = BigInt(prime) << 96n
  let low = 0n
  let high = 1n << 36n
  while (low < high) {
    const middle = (low + high + 1n) >> 1n
    if (middle * middle * middle <= target) low = middle
    else high = middle - 1n
  }
  return Number(BigInt.asIntN(32, low))
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

/** The message with its bit 1, its zeros and its length, as big-endian words (FIPS 180-4, 5.1.1). */
function padded(message: Uint8Array): Int32Array {
  const words = new Int32Array(((message.length + 8) >> 6) * 16 + 16)
  for (let i = 0; i <= message.length; i++) {
    const byte = i === message.length ? 0x80 : message[i]!
    words[i >> 2]! |= byte << (24 - (i & 3) * 8)
  }
  words[words.length - 1] = message.length * 8
  return words
}

const schedule = new Int32Array(ROUNDS)

function addBlock(state: Int32Array, block: Int32Array): void {
  schedule.set(block)
  for (let t = 16; t < ROUNDS; t++) {
    const early = schedule[t - 15]!
    const late = schedule[t - 2]!
    const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
    const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
    schedule[t] = schedule[t - 16]! + s0 + schedule[t - 7]! + s1
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let t = 0; t < ROUNDS; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const first = (h + s1 + ((e & f) ^ (~e & g)) + CONSTANTS[t]! + schedule[t]!) | 0
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const second = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
  state[4]! += e
  state[5]! += f
  state[6]! += g
  state[7]! += h
}

function digest(initial: readonly number[], message: Uint8Array, words: number): Uint8Array {
  const blocks = padded(message)
  const state = Int32Array.from(initial)
  for (let at = 0; at < blocks.length; at += 16) addBlock(state, blocks.subarray(at, at + 16))
  const bytes = new Uint8Array(words * 4)
  for (let i = 0; i < bytes.length; i++) bytes[i] = state[i >> 2]! >>> (24 - (i & 3) * 8)
  return bytes
}

/** SHA-224: 28 bytes (FIPS 180-4). */
export function sha224(message: Uint8Array): Uint8Array {
  return digest(INITIAL_224, message, 7)
}

/** SHA-256: 32 bytes (FIPS 180-4). */
export function sha256(message: Uint8Array): Uint8Array {
  return digest(INITIAL_256, message, 8)
}
