/**
 * Many hosts with many containers of each scheme: all come up, and pairs by chance talk. ENCAP_DEEP=1 runs
 * the sizes of a data centre; how long those take `node scripts/scale.mjs` measures.
 */
import { expect, it } from 'vitest'
import { DEEP } from '../seeds.ts'
import { runScale, SCALE_CASES } from './data-centre.ts'

const size = DEEP ? { hosts: 200, perHost: 20, pairs: 500 } : { hosts: 5, perHost: 4, pairs: 20 }
const total = size.hosts * size.perHost

it.each(SCALE_CASES)(`${size.hosts} hosts: %s`, { timeout: DEEP ? 3_600_000 : 60_000 }, (name) => {
  const result = runScale(name, size)
  expect(result).toMatchObject({ up: total, addresses: total, imbalance: 0 })
  const { answered, refused, wrong } = result.talk
  expect(wrong).toEqual([])
  expect(answered + refused).toBe(size.pairs)
})
