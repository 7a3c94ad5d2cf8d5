import { hashRange, type MacHash, macHash } from './mac-hash.ts'

/** How the slots of a hardware table are arranged. */
export interface BucketOptions {
  readonly hash: MacHash
  /** Slots of a bucket. */
  readonly ways: number
  /** With two banks each has half of the slots and a hash of its own. */
  readonly banks?: 1 | 2
  /** Of the hash 'random'. */
  readonly seed?: number
}

export const NO_BANK = -1

/**
 * How full the buckets of a hardware table are. Where an entry would stand decides only whether it is
 * admitted, never whether it is found, so a table may keep its rows in any other order for look-up.
 */
export class BucketOccupancy {
  private readonly ways: number
  private readonly banks: number
  /** Buckets of one bank. */
  private readonly buckets: number
  private readonly hashes: ReturnType<typeof macHash>[]
  private readonly used: Uint16Array

  /** Throws RangeError where the capacity is not a whole number of buckets. */
  constructor(capacity: number, options: BucketOptions) {
    const { hash, ways, banks = 1, seed = 0 } = options
    const buckets = capacity / (ways * banks)
    if (!Number.isInteger(buckets) || buckets < 1) {
      throw new RangeError(
        `${capacity} entries are no whole number of ${banks} x ${ways}-way buckets`,
      )
    }
    if (buckets > hashRange(hash)) {
      throw new RangeError(`${hash} cannot tell ${buckets} buckets apart`)
    }
    this.ways = ways
    this.banks = banks
    this.buckets = buckets
    this.hashes = Array.from({ length: banks }, (_, bank) => macHash(hash, bank, seed))
    this.used = new Uint16Array(buckets * banks)
  }

  /** Takes a slot; of two banks the one whose bucket has more room, the first on a tie. */
  take(vlan: number, hi: number, lo: number): number {
    let bank = 0
    let slot = this.slot(0, vlan, hi, lo)
    if (this.banks === 2) {
      const other = this.slot(1, vlan, hi, lo)
      if (this.used[other]! < this.used[slot]!) {
        bank = 1
        slot = other
      }
    }
    if (this.used[slot]! >= this.ways) return NO_BANK
    this.used[slot] = this.used[slot]! + 1
    return bank
  }

  release(bank: number, vlan: number, hi: number, lo: number): void {
    const slot = this.slot(bank, vlan, hi, lo)
    this.used[slot] = this.used[slot]! - 1
  }

  private slot(bank: number, vlan: number, hi: number, lo: number): number {
    return bank * this.buckets + (this.hashes[bank]!(vlan, hi, lo) % this.buckets)
  }
}
