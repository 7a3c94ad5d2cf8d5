import { holds } from './condition.ts'
import type { Condition, Estimate, Knee } from './result.ts'

/** What bisection found along one dimension, without where that was. */
export type Sides = Pick<Knee, 'below' | 'above'> & { readonly evaluations: number }

/** A search may ask for one in so many values: a full sweep asks for all of them. */
const SHARE = 5

/**
 * The least of `count` values for which the condition holds, by bisection: it takes for granted that
 * from some value on it holds. Asks for no more than ceil(log2(count + 1)) values, both sides among them,
 * and for the first and the last one too where that stays within a fifth of all: they tell whether what
 * was taken for granted is wrong.
 */
export async function bisect(
  count: number,
  condition: Condition,
  estimateAt: (value: number) => Promise<Estimate>,
): Promise<Sides> {
  const begun = new Map<number, Promise<Estimate>>()
  const estimate = (value: number) => {
    const known = begun.get(value) ?? estimateAt(value)
    begun.set(value, known)
    return known
  }
  const sides: { below: Knee['below']; above: Knee['above'] } = { below: null, above: null }
  const isAt = async (value: number) => {
    const side = { value, estimate: await estimate(value) }
    const isAbove = holds(condition, side.estimate.mean)
    sides[isAbove ? 'above' : 'below'] = side
    return isAbove
  }
  const ends = canAskForEnds(count) ? [0, count - 1] : []
  // At once, with the first value of the bisection: they keep several threads busy.
  await Promise.all([...ends, count >>> 1].map(estimate))
  let [low, high] = [0, count]
  if (ends.length > 0 && (await isAt(0))) high = 0
  while (low < high) {
    const value = (low + high) >>> 1
    if (await isAt(value)) high = value
    else low = value + 1
  }
  return { ...sides, evaluations: begun.size }
}

/** The most values that a search along `count` of them asks for. */
export function evaluationsMax(count: number): number {
  return steps(count) + (canAskForEnds(count) ? 2 : 0)
}

function canAskForEnds(count: number): boolean {
  return (steps(count) + 2) * SHARE <= count
}

function steps(count: number): number {
  return Math.ceil(Math.log2(count + 1))
}
