import { decodeBase64, encodeBase64 } from '../../control/etcd/v3/base64.ts'

/** 32 bits, the first of them the highest, so many times over. */
interface Run {
  readonly block: number
  readonly count: number
}

const BLOCK_BITS = 32
const FULL = 0xffffffff
/** Of the header: all bits, then those that are free, each in 64 bits. */
const HEADER_BYTES = 16
/** A block of 32 bits and its count of 64. */
const RUN_BYTES = 12

/** A long bit mask as libnetwork stores it (bitseq): runs of equal blocks. */
export class BitSequence {
  readonly bits: number
  private free: number
  private runs: readonly Run[]

  private constructor(bits: number, free: number, runs: readonly Run[]) {
    this.bits = bits
    this.free = free
    this.runs = runs
  }

  static empty(bits: number): BitSequence {
    return new BitSequence(bits, bits, [{ block: 0, count: Math.ceil(bits / BLOCK_BITS) }])
  }

  /** @returns null when the text is no sequence. */
  static decode(text: string): BitSequence | null {
    const bytes = decodeBase64(text)
    if (typeof bytes !== 'string' || bytes.length < HEADER_BYTES) return null
    if ((bytes.length - HEADER_BYTES) % RUN_BYTES !== 0) return null
    const runs: Run[] = []
    for (let at = HEADER_BYTES; at < bytes.length; at += RUN_BYTES) {
      runs.push({ block: word(bytes, at), count: long(bytes, at + 4) })
    }
    return new BitSequence(long(bytes, 0), long(bytes, 8), runs)
  }

  encode(): string {
    const runs = this.runs.map(({ block, count }) => wordBytes(block) + longBytes(count))
    return encodeBase64(longBytes(this.bits) + longBytes(this.free) + runs.join(''))
  }

  has(ordinal: number): boolean {
    const wanted = Math.floor(ordinal / BLOCK_BITS)
    let first = 0
    for (const { block, count } of this.runs) {
      if (wanted < first + count) return (block & bitOf(ordinal)) !== 0
      first += count
    }
    return true
  }

  /** The lowest bit from `start` to `end`, both included, that is not set; null = there is none. */
  firstFree(start: number, end: number): number | null {
    let first = 0
    for (const { block, count } of this.runs) {
      const after = first + count
      const begin = Math.max(first, Math.floor(start / BLOCK_BITS))
      for (let at = begin; block !== FULL && at < after && at * BLOCK_BITS <= end; at++) {
        const bit = freeBit(block, Math.max(0, start - at * BLOCK_BITS))
        if (bit === null) continue
        const ordinal = at * BLOCK_BITS + bit
        return ordinal <= end ? ordinal : null
      }
      first = after
    }
    return null
  }

  /** @returns the sequence with the bit changed; itself where it was so already. */
  with(ordinal: number, isSet: boolean): BitSequence {
    if (this.has(ordinal) === isSet) return this
    const wanted = Math.floor(ordinal / BLOCK_BITS)
    const runs: Run[] = []
    let first = 0
    for (const { block, count } of this.runs) {
      if (wanted < first || wanted >= first + count) append(runs, block, count)
      else {
        append(runs, block, wanted - first)
        append(runs, (block ^ bitOf(ordinal)) >>> 0, 1)
        append(runs, block, first + count - wanted - 1)
      }
      first += count
    }
    return new BitSequence(this.bits, this.free + (isSet ? -1 : 1), runs)
  }
}

function bitOf(ordinal: number): number {
  return 1 << (BLOCK_BITS - 1 - (ordinal % BLOCK_BITS))
}

function freeBit(block: number, from: number): number | null {
  for (let bit = from; bit < BLOCK_BITS; bit++) if ((block & bitOf(bit)) === 0) return bit
  return null
}

/** Equal neighbours are one run. */
function append(runs: Run[], block: number, count: number): void {
  if (count === 0) return
  const last = runs.at(-1)
  if (last?.block === block) runs[runs.length - 1] = { block, count: last.count + count }
  else runs.push({ block, count })
}

function word(bytes: string, at: number): number {
  const code = (i: number) => bytes.charCodeAt(at + i)
  return ((code(0) << 24) | (code(1) << 16) | (code(2) << 8) | code(3)) >>> 0
}

function long(bytes: string, at: number): number {
  return word(bytes, at) * 2 ** 32 + word(bytes, at + 4)
}

function wordBytes(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}

function longBytes(value: number): string {
  return wordBytes(Math.floor(value / 2 ** 32)) + wordBytes(value >>> 0)
}
