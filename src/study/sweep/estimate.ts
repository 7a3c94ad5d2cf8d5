import { mean, sampleStandardDeviation } from 'simple-statistics'
import type { Estimate } from './result.ts'

/** Student's t, 0.975 quantile, of 1 to 30 degrees of freedom. */
const T_975 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788,
  2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639,
  2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
]
const Z_975 = 1.959964

/** Mean, deviation and 95 % interval of a sample that holds at least one value. */
export function estimateOf(sample: readonly number[]): Estimate {
  const values = [...sample]
  const n = values.length
  const [min, max] = [Math.min(...values), Math.max(...values)]
  // The mean of equal values need not be theirs to the last digit, and then they would deviate from it.
  if (n > 1 && min === max) return { n, mean: min, sd: 0, halfWidth: 0, min, max }
  const sd = n > 1 ? sampleStandardDeviation(values) : null
  return {
    n,
    mean: mean(values),
    sd,
    halfWidth: sd === null ? null : (studentT(n - 1) * sd) / Math.sqrt(n),
    min,
    max,
  }
}

/** Beyond the table the first terms of Fisher's expansion, right to four places. */
export function studentT(freedom: number): number {
  const known = T_975[freedom - 1]
  if (known !== undefined) return known
  const z = Z_975
  const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7]
  const first = (z3 + z) / 4
  const second = (5 * z5 + 16 * z3 + 3 * z) / 96
  const third = (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384
  return z + (first + (second + third / freedom) / freedom) / freedom
}
