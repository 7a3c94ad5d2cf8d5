const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const NO_BYTES = new Uint8Array(0)

/** Texts share memory of so many bytes: an allocation for each costs more than its encoding. */
const SLAB_BYTES = 1 << 16
const TEXT_MAX = SLAB_BYTES / 8
/** UTF-8 of a UTF-16 unit. */
const BYTES_PER_UNIT = 3
let slab = new Uint8Array(SLAB_BYTES)
let used = 0

/** UTF-8 of `text`, not to be changed. */
export function bytesOf(text: string): Uint8Array {
  if (text === '') return NO_BYTES
  const most = text.length * BYTES_PER_UNIT
  if (most > TEXT_MAX) return encoder.encode(text)
  if (used + most > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES)
    used = 0
  }
  const { written } = encoder.encodeInto(text, slab.subarray(used))
  const bytes = slab.subarray(used, used + written)
  used += written
  return bytes
}

/** The text of UTF-8; what is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Parts that follow each other in memory, as the segments of one write do, are put together without a copy. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  if (parts.length > 0 && areOneStretch(parts)) {
    const { buffer, byteOffset } = parts[0]!
    const last = parts[parts.length - 1]!
    return new Uint8Array(buffer, byteOffset, last.byteOffset + last.length - byteOffset)
  }
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function areOneStretch(parts: readonly Uint8Array[]): boolean {
  for (let i = 1; i < parts.length; i++) {
    const before = parts[i - 1]!
    const part = parts[i]!
    if (part.byteOffset !== before.byteOffset + before.length) return false
    if (part.buffer !== before.buffer) return false
  }
  return true
}
