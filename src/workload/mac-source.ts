import type { RandomStream } from '../sim/random.ts'
import { type MacAddress, macHi, macLo } from '../wire/mac-address.ts'

/** Where a frame generator takes an address of its frames from. */
export interface MacSource {
  /** The address that `pick` chose, in halves. */
  readonly hi: number
  readonly lo: number
  /** Chooses the address of frame `n`. */
  pick(n: number): void
}

/** The same address for every frame. */
export class FixedMac implements MacSource {
  readonly hi: number
  readonly lo: number

  constructor(mac: MacAddress) {
    this.hi = macHi(mac)
    this.lo = macLo(mac)
  }

  pick(): void {}
}

const LO_SIZE = 2 ** 24
const HI_BITS_MASK = 0x3fffff
/** The first octet's lowest bits: unicast, locally administered. */
const LOCAL_UNICAST = 0x020000

/** The 22 free bits of the high half around the two that say "local, unicast". */
function localHi(bits: number): number {
  return ((bits & 0x3f0000) << 2) | LOCAL_UNICAST | (bits & 0xffff)
}

/** `count` addresses in turn, numbered from 02:00:00:00:00:00 + `first`. */
export class SequentialMacs implements MacSource {
  hi = 0
  lo = 0
  private readonly first: number
  private readonly count: number

  constructor(first: number, count: number) {
    this.first = first
    this.count = count
  }

  pick(n: number): void {
    const number = this.first + (n % this.count)
    this.lo = number % LO_SIZE
    this.hi = localHi(Math.floor(number / LO_SIZE))
  }
}

/**
 * `count` random addresses in turn, all different: number i through a four-round Feistel network with
 * random keys, so that a hundred million of them need neither a draw nor memory each.
 */
export class RandomMacs implements MacSource {
  hi = 0
  lo = 0
  private readonly count: number
  private readonly keys: Int32Array

  constructor(random: RandomStream, count: number) {
    this.count = count
    this.keys = Int32Array.from({ length: 4 }, () => random.int32())
  }

  pick(n: number): void {
    const number = n % this.count
    const { keys } = this
    let right = number % LO_SIZE
    let left = Math.floor(number / LO_SIZE)
    left ^= scramble(right ^ keys[0]!) & HI_BITS_MASK
    right ^= scramble(left ^ keys[1]!) & 0xffffff
    left ^= scramble(right ^ keys[2]!) & HI_BITS_MASK
    right ^= scramble(left ^ keys[3]!) & 0xffffff
    this.lo = right
    this.hi = localHi(left)
  }
}

/** Mixes 32 bits so that each depends on all (multiply and xor-shift). */
function scramble(value: number): number {
  let x = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return x ^ (x >>> 15)
}
