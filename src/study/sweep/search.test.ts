import { describe, expect, it } from 'vitest'
import { parseCondition } from './condition.ts'
import { estimateOf } from './estimate.ts'
import { bisect, evaluationsMax } from './search.ts'

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
        expect(evaluations).toBeLessThanOrEqual(evaluationsMax(count))
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

  it('looks at both ends where a fifth of the runs allows it', async () => {
    const { asked, below, above } = await kneeOf(40, 'macEntries >= 30')
    expect(asked.slice(0, 3)).toEqual([0, 39, 20])
    expect([below?.value, above?.value]).toEqual([29, 30])
    expect((await kneeOf(39, 'macEntries >= 30')).asked).not.toContain(0)
  })

  it('is done when it holds at the first value already', async () => {
    const { evaluations, below, above } = await kneeOf(64, 'macEntries >= 0')
    expect([evaluations, below, above?.value]).toEqual([3, null, 0])
  })
})
