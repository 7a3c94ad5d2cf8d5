import { describe, expect, it } from 'vitest'
import { RandomStreams } from '../../../sim/random.ts'
import { OrderedMap } from './ordered-map.ts'

const LETTERS = ['a', 'b', '/', 'é', '\ue000', '😀', '\0']

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

describe('OrderedMap', () => {
  it.each([
    ['ASCII', 3],
    ['all of Unicode', LETTERS.length],
  ])('walks as a sorted list of byte strings does: %s', (_name, letters) => {
    const random = new RandomStreams('ordered').stream(`keys ${letters}`)
    const word = () => {
      let text = ''
      for (let left = random.integer(0, 7); left > 0; left--) {
        text += LETTERS[random.integer(0, letters - 1)]!
      }
      return text
    }
    const map = new OrderedMap<number>()
    const model = new Map<string, number>()
    for (let step = 0; step < 6000; step++) {
      const key = word()
      if (random.next() < 0.7) {
        map.set(key, step)
        model.set(key, step)
      } else {
        expect(map.delete(key)).toBe(model.delete(key))
      }
      if (step % 60 !== 0) continue
      const probe = word()
      const sorted = [...model.keys()].sort(byBytes)
      expect(map.keysWithPrefix(probe)).toEqual(sorted.filter((each) => each.startsWith(probe)))
      expect(map.lastWithPrefix(probe)).toBe(sorted.filter((each) => each.startsWith(probe)).at(-1))
      expect(map.before(probe)).toBe(sorted.filter((each) => byBytes(each, probe) < 0).at(-1))
      expect(map.atOrAfter(probe)).toBe(sorted.find((each) => byBytes(each, probe) >= 0))
      expect(map.get(probe)).toBe(model.get(probe))
    }
  })

  it('is empty again after clear', () => {
    const map = new OrderedMap<number>()
    map.set('a', 1)
    map.clear()
    expect(map.keysWithPrefix('')).toEqual([])
    expect(map.get('a')).toBeUndefined()
  })
})
