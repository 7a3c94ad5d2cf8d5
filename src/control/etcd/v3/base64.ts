/** Base64 between JSON and binary strings, strict as Go's encoding/base64 is. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const PAD = 61
const SEXTETS = new Int8Array(256).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) SEXTETS[ALPHABET.charCodeAt(i)] = i

/** The characters of the sextets, as bytes. */
const CODES = Uint8Array.from(ALPHABET, (character) => character.charCodeAt(0))

/** Within what a call takes as arguments. */
const CHUNK = 8192

/** Of three bytes: set in none that are ASCII. */
const HIGH_BITS = 0x808080

/** Most texts are worked on here: an array for each would cost more than the work. */
const SCRATCH = new Uint8Array(4096)
const ascii = new TextDecoder()

/** @param bytes a binary string. */
export function encodeBase64(bytes: string): string {
  const { length } = bytes
  const room = Math.ceil(length / 3) * 4
  const codes = room <= SCRATCH.length ? SCRATCH : new Uint8Array(room)
  let at = 0
  for (let i = 0; i < length; i += 3) {
    // Past the end the code is NaN, which counts as no bits.
    const word =
      (bytes.charCodeAt(i) << 16) | (bytes.charCodeAt(i + 1) << 8) | bytes.charCodeAt(i + 2)
    codes[at++] = CODES[word >> 18]!
    codes[at++] = CODES[(word >> 12) & 63]!
    codes[at++] = i + 1 < length ? CODES[(word >> 6) & 63]! : PAD
    codes[at++] = i + 2 < length ? CODES[word & 63]! : PAD
  }
  return ascii.decode(codes.subarray(0, at))
}

/** @returns a binary string, or where the fault is. */
export function decodeBase64(text: string): string | { readonly faultAt: number } {
  // Go leaves line ends out.
  if (text.includes('\n') || text.includes('\r')) return decodeBase64(text.replace(/[\r\n]/g, ''))
  const room = ((text.length + 3) >> 2) * 3
  const bytes = room <= SCRATCH.length ? SCRATCH : new Uint8Array(room)
  let length = 0
  let seen = 0
  for (let i = 0; i < text.length; i += 4) {
    const word = wordAt(text, i)
    if (word >= 0) {
      seen |= word
      bytes[length++] = word >> 16
      bytes[length++] = word >> 8
      bytes[length++] = word
      continue
    }
    const sextets = sextetsAt(text, i)
    if (typeof sextets === 'number') return { faultAt: sextets }
    const [a, b, c = 0] = sextets
    const rest = (a! << 18) | (b! << 12) | (c << 6)
    seen |= rest & 0xffff00
    bytes[length++] = rest >> 16
    if (sextets.length === 3) bytes[length++] = rest >> 8
  }
  return binaryOf(bytes.subarray(0, length), (seen & HIGH_BITS) === 0)
}

function binaryOf(bytes: Uint8Array, isAscii: boolean): string {
  if (isAscii) return ascii.decode(bytes)
  let text = ''
  for (let i = 0; i < bytes.length; i += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(i, i + CHUNK))
  }
  return text
}

/** Four sextets as 24 bits; negative where there are none. */
function wordAt(text: string, at: number): number {
  const a = sextetAt(text, at)
  const b = sextetAt(text, at + 1)
  const c = sextetAt(text, at + 2)
  const d = sextetAt(text, at + 3)
  return (a | b | c | d) < 0 ? -1 : (a << 18) | (b << 12) | (c << 6) | d
}

function sextetAt(text: string, at: number): number {
  // Past the end the code is NaN, which no table has.
  return SEXTETS[text.charCodeAt(at)] ?? -1
}

/** Two to four sextets, fewer than four only where padding ends the text; or where the fault is. */
function sextetsAt(text: string, at: number): number[] | number {
  const sextets: number[] = []
  for (let j = 0; j < 4; j++) {
    if (at + j >= text.length) return at
    const code = text.charCodeAt(at + j)
    if (code === PAD && j >= 2) return paddingFault(text, at, j) ?? sextets
    const sextet = code < 256 ? SEXTETS[code]! : -1
    if (sextet < 0) return at + j
    sextets.push(sextet)
  }
  return sextets
}

function paddingFault(text: string, at: number, j: number): number | undefined {
  if (j === 2) {
    if (at + 3 >= text.length) return text.length
    if (text.charCodeAt(at + 3) !== PAD) return at + 2
  }
  return text.length > at + 4 ? at + 4 : undefined
}
