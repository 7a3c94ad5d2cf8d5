const encoder = new TextEncoder()
const decoder = new TextDecoder()

export const NO_BYTES = new Uint8Array(0)

/** UTF-8 of `text`. */
export function bytesOf(text: string): Uint8Array {
  return text === '' ? NO_BYTES : encoder.encode(text)
}

/** The text of UTF-8; what is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
