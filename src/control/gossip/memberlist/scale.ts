import { MILLISECOND } from '../../../sim/units.ts'
import type { MemberlistConfig } from './config.ts'

/** Beyond 2^-44 the doubling below would only repeat its own rounding. */
const FRACTION_BITS = 44

/** Binary logarithm of a number from 1 on, within 1e-12: by multiplications only, the same on all machines. */
function log2(value: number): number {
  let [mantissa, exponent] = [value, 0]
  for (; mantissa >= 2; mantissa /= 2) exponent++
  let weight = 1
  for (let bit = 0; bit < FRACTION_BITS; bit++) {
    mantissa *= mantissa
    weight /= 2
    if (mantissa < 2) continue
    mantissa /= 2
    exponent += weight
  }
  return exponent
}

const LOG2_OF_10 = log2(10)

/** More than the error of `log2`, less than any difference that counts in thousandths. */
const ROUNDING = 1e-9

/** Thousandths, cut off: 1000 * log10(n). */
function log10Thousandths(n: number): number {
  return Math.floor((1000 * log2(n)) / LOG2_OF_10 + ROUNDING)
}

/** How often a message is passed on in a cluster of `n` nodes: mult * ceil(log10(n + 1)). */
export function retransmitLimit(mult: number, n: number): number {
  let digits = 0
  for (let power = 1; power < n + 1; power *= 10) digits++
  return mult * digits
}

/** Of a suspicion in a cluster of `n` nodes that all suspect too: mult * max(1, log10(n)) * interval. */
export function suspicionTimeout(mult: number, n: number, interval: number): number {
  return (mult * Math.max(1000, log10Thousandths(Math.max(1, n))) * interval) / 1000
}

/** Clusters up to this size push and pull at the plain interval. */
const PUSH_PULL_THRESHOLD = 32

/** Each doubling beyond 32 nodes adds one interval: the load of one node stays the same. */
export function pushPullInterval(interval: number, n: number): number {
  let multiple = 1
  for (let size = PUSH_PULL_THRESHOLD; size < n; size *= 2) multiple++
  return multiple * interval
}

/** Confirmations that cut a suspicion to its shortest: none where the cluster has too few nodes to give them. */
export function confirmationsExpected(config: MemberlistConfig, n: number): number {
  const expected = config.suspicionMult - 2
  return n - 2 < expected ? 0 : expected
}

/**
 * How long a suspicion lasts in all when `confirmations` of the `expected` have come, in whole
 * milliseconds: from `most` down to `least`, by the logarithm of their number.
 */
export function confirmedTimeout(
  confirmations: number,
  expected: number,
  least: number,
  most: number,
): number {
  const share = log2(confirmations + 1) / log2(expected + 1)
  const raw = (most - share * (most - least)) / MILLISECOND
  return Math.max(least, Math.floor(raw + ROUNDING) * MILLISECOND)
}
