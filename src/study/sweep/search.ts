import { holds } from './condition.ts'
import type { Condition, Estimate, Knee } from './result.ts'

/** What bisection found along one dimension, without where that was. */
export type Sides = Pick<Knee, 'below' | 'above'> & { readonly evaluations: number }

/**
 * The least of `count` values for which the condition holds, by bisection: it takes for granted that
 * from some value on it holds. Asks for no more than ceil(log2(count + 1)) values, both sides among them.
 */
export async function bisect(
  count: number,
  condition: Condition,
  estimateAt: (value: number) => Promise<Estimate>,
): Promise<Sides> {
  let below: Knee['below'] = null
  let above: Knee['above'] = null
  let evaluations = 0
  for (let low = 0, high = count; low < high; evaluations++) {
    const value = (low + high) >>> 1
    const estimate = await estimateAt(value)
    if (holds(condition, estimate.mean)) {
      above = { value, estimate }
      high = value
    } else {
      below = { value, estimate }
      low = value + 1
    }
  }
  return { below, above, evaluations }
}
