import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { OrderedKeys } from './ordered-keys.ts'

function listed(keys: OrderedKeys, from = '', end: string | null = null): string[] {
  const found: string[] = []
  keys.visit(from, end, (key) => found.push(key))
  return found
}

describe('OrderedKeys', () => {
  it('is empty at first', () => {
    expect(listed(new OrderedKeys())).toEqual([])
  })

  it('agrees with a sorted array through many additions and removals', () => {
    const random = new RandomStreams('ordered-keys').stream('keys')
    const keys = new OrderedKeys()
    const model = new Set<string>()
    for (let i = 0; i < 6000; i++) {
      const key = `k${random.integer(0, 4000)}`
      if (!model.has(key)) {
        keys.add(key)
        model.add(key)
      } else if (random.next() < 0.5) {
        keys.delete(key)
        model.delete(key)
      }
    }
    const sorted = [...model].sort()
    expect(sorted.length).toBeGreaterThan(2000)
    expect(listed(keys)).toEqual(sorted)
    expect(listed(keys, 'k2', 'k3')).toEqual(sorted.filter((key) => key >= 'k2' && key < 'k3'))
    expect(listed(keys, 'k3', 'k2')).toEqual([])
    for (const key of sorted) keys.delete(key)
    expect(listed(keys)).toEqual([])
    keys.add('again')
    expect(listed(keys, 'zz')).toEqual([])
    expect(listed(keys, 'a', 'b')).toEqual(['again'])
  })
})
