import { describe, expect, it } from 'vitest'
import { parseCondition } from './condition.ts'
import { estimateOf } from './estimate.ts'
import { bisect } from './search.ts'

/** Values 0, 1, 2, ... of a metric that equals them. */
async function kneeOf(count: number, condition: string) {
  const asked: number[] = []
  const sides = await bisect(count, parseCondition(condition), async (value) => {
    asked.push(value)
    return estimateOf([value])
  })
  return { ...sides, asked }
}

describe('bisection', () => {
  it('finds every knee of every range, both sides of it measured', async () => {
    for (let count = 1; count <= 40; count++) {
      for (let knee = 0; knee <= count; knee++) {
        const { below, above, evaluations, asked } = await kneeOf(count, `macEntries >= ${knee}`)
        expect(above?.value ?? null).toBe(knee < count ? knee : null)
        expect(below?.value ?? null).toBe(knee > 0 ? knee - 1 : null)
        expect(evaluations).toBe(asked.length)
        expect(evaluations).toBeLessThanOrEqual(Math.ceil(Math.log2(count + 1)))
        expect(new Set(asked).size).toBe(asked.length)
      }
    }
  })

  it('needs at most a fifth of the runs from 25 values on', async () => {
    for (let count = 25; count < 300; count += 7) {
      const { evaluations } = await kneeOf(count, `macEntries >= ${count >> 2}`)
      expect(evaluations * 5).toBeLessThanOrEqual(count)
    }
  })
})
