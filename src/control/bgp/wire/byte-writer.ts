/** Collects octets in network order. */
export class ByteWriter {
  private bytes = new Uint8Array(64)
  private used = 0

  get length(): number {
    return this.used
  }

  private grow(by: number): void {
    if (this.used + by <= this.bytes.length) return
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.used + by))
    larger.set(this.bytes.subarray(0, this.used))
    this.bytes = larger
  }

  u8(value: number): void {
    this.grow(1)
    this.bytes[this.used++] = value
  }

  u16(value: number): void {
    this.u8(value >>> 8)
    this.u8(value)
  }

  u32(value: number): void {
    this.u16(value >>> 16)
    this.u16(value)
  }

  put(content: Uint8Array): void {
    this.grow(content.length)
    this.bytes.set(content, this.used)
    this.used += content.length
  }

  /** Overwrites two octets that were written before. */
  setU16(at: number, value: number): void {
    this.bytes[at] = value >>> 8
    this.bytes[at + 1] = value
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.used)
  }
}
