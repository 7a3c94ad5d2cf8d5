/** Values of one power of two share an octave of this many buckets. */
const BUCKETS_BITS = 7
const BUCKETS = 1 << BUCKETS_BITS
/** Values must stay below 2^52 ps, 75 minutes, so that their sum can be kept exactly. */
const LIMIT_BITS = 52
const LIMIT = 2 ** LIMIT_BITS
/** Octave 0 holds 0..127 exactly, octave n the values from 2^(n+6) up to 2^(n+7). */
const OCTAVES = LIMIT_BITS - BUCKETS_BITS + 1

/** What a bucket of octave n is wide is 2^(n-1); scaling by its inverse is exact. */
const INVERSE_WIDTHS = Float64Array.from({ length: OCTAVES }, (_, octave) =>
  octave === 0 ? 1 : 2 ** (1 - octave),
)

/**
 * A log-linear histogram of durations: 128 buckets for each power of two, so that a percentile is
 * at most 0.4 % off the recorded value, at a kilobyte for each octave that occurs. Count, minimum,
 * maximum and mean are exact, and the order of records and merges does not matter.
 */
export class Histogram {
  count = 0
  private least = Infinity
  private greatest = -Infinity
  /** The sum is `sumLimits` * 2^52 + `sumRest`. */
  private sumLimits = 0
  private sumRest = 0
  private readonly octaves: (Float64Array | null)[] = new Array(OCTAVES).fill(null)

  /**
   * @param value picoseconds; a fraction is cut off.
   * @throws RangeError when it is not in [0, 2^52).
   */
  record(value: number): void {
    if (!(value >= 0 && value < LIMIT)) throw new RangeError(`cannot record ${value} ps`)
    const whole = Math.floor(value)
    const octave = octaveOf(whole)
    // In octaves above 0 the scaled value lies in [128, 256).
    const bucket = (whole * INVERSE_WIDTHS[octave]!) & (BUCKETS - 1)
    const counts = this.countsOf(octave)
    counts[bucket] = counts[bucket]! + 1
    this.count++
    if (whole < this.least) this.least = whole
    if (whole > this.greatest) this.greatest = whole
    this.addToSum(whole)
  }

  /** Smallest value, NaN of an empty histogram. */
  get min(): number {
    return this.count === 0 ? Number.NaN : this.least
  }

  /** Largest value, NaN of an empty histogram. */
  get max(): number {
    return this.count === 0 ? Number.NaN : this.greatest
  }

  /** NaN of an empty histogram. */
  get mean(): number {
    return (this.sumLimits * LIMIT + this.sumRest) / this.count
  }

  /**
   * The smallest value that at least `p` percent of all values do not exceed (nearest rank), to
   * within half a bucket; exact for 0 and 100. NaN of an empty histogram.
   */
  percentile(p: number): number {
    if (!(p >= 0 && p <= 100)) throw new RangeError(`${p} is not a percentage`)
    const rank = Math.ceil((p * this.count) / 100)
    if (rank <= 1) return this.min
    if (rank >= this.count) return this.max
    let seen = 0
    for (let octave = 0; octave < OCTAVES; octave++) {
      const counts = this.octaves[octave]
      if (counts === null || counts === undefined) continue
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        seen += counts[bucket]!
        if (seen >= rank) return this.within(middleOf(octave, bucket))
      }
    }
    throw new Error('histogram: fewer values in buckets than counted')
  }

  /** Adds all that `other` holds. */
  merge(other: Histogram): void {
    other.octaves.forEach((theirs, octave) => {
      if (theirs === null) return
      const ours = this.countsOf(octave)
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        ours[bucket] = ours[bucket]! + theirs[bucket]!
      }
    })
    this.count += other.count
    this.least = Math.min(this.least, other.least)
    this.greatest = Math.max(this.greatest, other.greatest)
    this.sumLimits += other.sumLimits
    this.addToSum(other.sumRest)
  }

  private countsOf(octave: number): Float64Array {
    return (this.octaves[octave] ??= new Float64Array(BUCKETS))
  }

  private addToSum(value: number): void {
    this.sumRest += value
    if (this.sumRest < LIMIT) return
    this.sumRest -= LIMIT
    this.sumLimits++
  }

  private within(value: number): number {
    return Math.max(this.least, Math.min(this.greatest, value))
  }
}

function octaveOf(value: number): number {
  const high = Math.floor(value / 2 ** 32)
  const bits = high === 0 ? 32 - Math.clz32(value) : 64 - Math.clz32(high)
  return bits <= BUCKETS_BITS ? 0 : bits - BUCKETS_BITS
}

function middleOf(octave: number, bucket: number): number {
  if (octave === 0) return bucket
  const width = 2 ** (octave - 1)
  return (BUCKETS + bucket) * width + Math.floor((width - 1) / 2)
}
