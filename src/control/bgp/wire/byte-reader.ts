/** Reads octets in network order. The caller checks `left` first: past the end there are zeros. */
export class ByteReader {
  private readonly bytes: Uint8Array
  private at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  u8(): number {
    return this.bytes[this.at++] ?? 0
  }

  u16(): number {
    return (this.u8() << 8) | this.u8()
  }

  /** Unsigned. */
  u32(): number {
    return this.u16() * 65536 + this.u16()
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    const content = this.bytes.subarray(this.at, this.at + length)
    this.at += length
    return content
  }
}
