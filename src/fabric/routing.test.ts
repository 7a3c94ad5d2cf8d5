import { describe, expect, it } from 'vitest'
import { equalCostNexthops } from './routing.ts'

/** `a-b c-d` as edges. */
function edges(text: string) {
  return text.split(' ').map((edge) => {
    const [from, to] = edge.split('-') as [string, string]
    return { from, to }
  })
}

function nexthops(routers: string, links: string, from: string, to: string): string[] | undefined {
  return equalCostNexthops(routers.split(' '), edges(links)).get(to)!.get(from)
}

const FABRIC = ['s1 s2 l1 l2 l3', 'l1-s1 l1-s2 l2-s1 l2-s2 l3-s1 l3-s2'] as const

describe('equal-cost next hops', () => {
  it('from leaf to leaf are all spines, in the order of the links', () => {
    expect(nexthops(...FABRIC, 'l1', 'l3')).toEqual(['s1', 's2'])
    expect(nexthops('l1 l2 s2 s1', 'l1-s2 l1-s1 s1-l2 s2-l2', 'l1', 'l2')).toEqual(['s2', 's1'])
  })

  it('from a spine to a leaf, and to a neighbour, is the direct link', () => {
    expect(nexthops(...FABRIC, 's1', 'l2')).toEqual(['l2'])
    expect(nexthops(...FABRIC, 'l2', 's1')).toEqual(['s1'])
  })

  it('from one spine to another go down by any leaf', () => {
    expect(nexthops(...FABRIC, 's1', 's2')).toEqual(['l1', 'l2', 'l3'])
  })

  it('take the fewest hops only', () => {
    // A square with a diagonal, and a way round that is longer.
    const links = 'a-b b-c c-d d-a a-c'
    expect(nexthops('a b c d', links, 'a', 'c')).toEqual(['c'])
    expect(nexthops('a b c d', links, 'b', 'd')).toEqual(['a', 'c'])
    expect(nexthops('a b c d e', 'a-b b-c c-d d-e e-a', 'a', 'c')).toEqual(['b'])
  })

  it('name a router once, however many links lead to it', () => {
    expect(nexthops('a b c', 'a-b a-b b-c', 'a', 'c')).toEqual(['b'])
  })

  it('are none towards oneself and towards what cannot be reached', () => {
    expect(nexthops('a b c', 'a-b', 'a', 'a')).toBeUndefined()
    expect(nexthops('a b c', 'a-b', 'a', 'c')).toBeUndefined()
    expect(nexthops('a b c', 'a-b', 'c', 'a')).toBeUndefined()
  })

  it('of a three-stage fabric lead to its destination by each choice', () => {
    const routers = 'l1 l2 l3 l4 s1 s2 s3 s4 c1 c2'
    const links = 'l1-s1 l1-s2 l2-s1 l2-s2 l3-s3 l3-s4 l4-s3 l4-s4 s1-c1 s2-c2 s3-c1 s4-c2'
    const tables = equalCostNexthops(routers.split(' '), edges(links))
    for (const [destination, table] of tables) {
      expect(table.size).toBe(9)
      for (const start of table.keys()) {
        let reached = new Set([start])
        for (let hops = 0; !reached.has(destination); hops++) {
          expect(hops).toBeLessThan(6)
          reached = new Set([...reached].flatMap((node) => table.get(node)!))
        }
        expect([...reached]).toEqual([destination])
      }
    }
  })
})
