const encoder = new TextEncoder()

const FIRST_SIZE = 256
const ASCII_END = 0x80

/** Bytes written one after the other, into memory that grows and is used again after `finish`. */
export class ByteWriter {
  private out = new Uint8Array(FIRST_SIZE)
  private at = 0

  private reserve(count: number): void {
    const needed = this.at + count
    if (needed <= this.out.length) return
    const larger = new Uint8Array(2 * needed)
    larger.set(this.out.subarray(0, this.at))
    this.out = larger
  }

  byte(value: number): void {
    if (this.at === this.out.length) this.reserve(1)
    this.out[this.at++] = value
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length)
    this.out.set(value, this.at)
    this.at += value.length
  }

  /** `value` as UTF-8. @param head told its length before the first byte is written. */
  text(value: string, head: (length: number) => void): void {
    if (!isAscii(value)) {
      const bytes = encoder.encode(value)
      head(bytes.length)
      return this.bytes(bytes)
    }
    head(value.length)
    this.reserve(value.length)
    const { out } = this
    for (let i = 0; i < value.length; i++) out[this.at++] = value.charCodeAt(i)
  }

  /** @param size 1, 2 or 4 bytes; the value has no sign. */
  bigEndian(value: number, size: number): void {
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8) this.byte((value >>> shift) & 0xff)
  }

  /** @returns what was written since the last time, in memory of its own. */
  finish(): Uint8Array {
    const bytes = this.out.slice(0, this.at)
    this.at = 0
    return bytes
  }
}

function isAscii(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) >= ASCII_END) return false
  return true
}
