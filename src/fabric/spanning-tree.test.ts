import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findLoops } from './loops.ts'
import {
  pathCost,
  type SpanningTree,
  spanningTree,
  type TreeBridge,
  type TreeLink,
} from './spanning-tree.ts'

const bridges = (...names: string[]): TreeBridge[] =>
  names.map((name, i) => ({ name, priority: 32768, mac: i + 1 }))

const link = (id: string, a: string, b: string, cost = 2000, up = true): TreeLink => ({
  id,
  a,
  b,
  cost,
  up,
})

/** Links of which both ends forward. */
const active = (tree: SpanningTree, links: readonly TreeLink[]): TreeLink[] =>
  links.filter(({ id }) => tree.links.get(id)!.a && tree.links.get(id)!.b)

const closed = (tree: SpanningTree): string[] =>
  [...tree.links].flatMap(([id, { a, b }]) => [
    ...(a ? [] : [`${id}.a`]),
    ...(b ? [] : [`${id}.b`]),
  ])

describe('spanningTree', () => {
  it('closes the end that is furthest from the root', () => {
    const links = [link('12', '1', '2'), link('23', '2', '3'), link('13', '1', '3')]
    const tree = spanningTree(bridges('1', '2', '3'), links)
    expect(closed(tree)).toEqual(['23.b'])
    expect(tree.bridges.get('3')).toEqual({ root: '1', cost: 2000 })
  })

  it('takes the lowest priority for root, then the lowest MAC', () => {
    const [one, two] = bridges('1', '2')
    const links = [link('x', '1', '2')]
    expect(spanningTree([two!, one!], links).bridges.get('2')?.root).toBe('1')
    const preferred = { ...two!, priority: 4096 }
    expect(spanningTree([one!, preferred], links).bridges.get('1')?.root).toBe('2')
  })

  it('prefers a fast detour to a slow link', () => {
    const links = [
      link('slow', '1', '3', pathCost(1e9)),
      link('a', '1', '2', pathCost(10e9)),
      link('b', '2', '3', pathCost(10e9)),
    ]
    const tree = spanningTree(bridges('1', '2', '3'), links)
    expect(closed(tree)).toEqual(['slow.b'])
    expect(tree.bridges.get('3')?.cost).toBe(4000)
  })

  it('takes the first of parallel links, and another when it is down', () => {
    const links = [link('p', '1', '2'), link('q', '1', '2')]
    expect(closed(spanningTree(bridges('1', '2'), links))).toEqual(['q.b'])
    const broken = [link('p', '1', '2', 2000, false), link('q', '1', '2')]
    expect(closed(spanningTree(bridges('1', '2'), broken))).toEqual(['p.a', 'p.b'])
  })

  it('closes one end of a link from a bridge to itself', () => {
    expect(closed(spanningTree(bridges('1'), [link('s', '1', '1')]))).toEqual(['s.b'])
  })

  it('has 802.1D-2004 path costs', () => {
    expect([100e6, 1e9, 10e9, 25e9, 100e9, 400e9].map(pathCost)).toEqual([
      200_000, 20_000, 2000, 800, 200, 50,
    ])
    expect(pathCost(1e15)).toBe(1)
  })

  it('refuses a link to nowhere', () => {
    expect(() => spanningTree(bridges('1'), [link('x', '1', '9')])).toThrow('link x')
  })
})

const graph = fc.integer({ min: 1, max: 9 }).chain((count) =>
  fc.record({
    macs: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: count, maxLength: count }),
    priorities: fc.array(fc.constantFrom(4096, 32768), { minLength: count, maxLength: count }),
    links: fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: count - 1 }),
        fc.integer({ min: 0, max: count - 1 }),
        fc.constantFrom(200, 2000, 20_000),
        fc.boolean(),
      ),
      { maxLength: 24 },
    ),
  }),
)

/** Cheapest way between every two bridges, by Floyd and Warshall. */
function distances(count: number, links: readonly TreeLink[]): number[][] {
  const table = Array.from({ length: count }, (_, i) =>
    Array.from({ length: count }, (_, j) => (i === j ? 0 : Infinity)),
  )
  for (const { a, b, cost } of links) {
    const [i, j] = [Number(a), Number(b)]
    table[i]![j] = Math.min(table[i]![j]!, cost)
    table[j]![i] = table[i]![j]!
  }
  for (let k = 0; k < count; k++) {
    for (const row of table) {
      for (let j = 0; j < count; j++) row[j] = Math.min(row[j]!, row[k]! + table[k]![j]!)
    }
  }
  return table
}

describe('spanning trees of random graphs', () => {
  it('connect what is connected, without a loop, by the cheapest ways to the root', () => {
    fc.assert(
      fc.property(graph, ({ macs, priorities, links: drawn }) => {
        const nodes = macs.map((mac, i) => ({ name: `${i}`, mac, priority: priorities[i]! }))
        const names = nodes.map(({ name }) => name)
        const links = drawn.map(([a, b, cost, up], i) => link(`l${i}`, `${a}`, `${b}`, cost, up))
        const tree = spanningTree(nodes, links)
        const kept = active(tree, links)
        const reach = distances(
          nodes.length,
          links.filter(({ up }) => up),
        )
        const keptReach = distances(nodes.length, kept)
        expect(kept.every(({ up }) => up)).toBe(true)
        expect(findLoops(names, kept)).toEqual([])
        nodes.forEach((node, i) => {
          const part = nodes.filter((_, j) => reach[i]![j] !== Infinity)
          const [root] = part.sort((x, y) => x.priority - y.priority || x.mac - y.mac)
          const { root: found, cost } = tree.bridges.get(node.name)!
          expect([found, cost]).toEqual([root!.name, reach[i]![Number(root!.name)]])
          expect(keptReach[i]![Number(found)]).toBe(cost)
        })
        // Every link that is up has a designated end: a station between the bridges would be served.
        for (const { id, up } of links) {
          const state = tree.links.get(id)!
          expect(state.a || state.b).toBe(up)
        }
      }),
      { seed: 20261122, numRuns: process.env['ENCAP_DEEP'] ? 10_000 : 500 },
    )
  })
})

describe('findLoops', () => {
  it('names each loop, and none in a tree', () => {
    const ring = [
      { a: 'a', b: 'b' },
      { a: 'b', b: 'c' },
      { a: 'c', b: 'd' },
      { a: 'd', b: 'a' },
    ]
    expect(findLoops(['a', 'b', 'c', 'd'], ring.slice(1))).toEqual([])
    expect(findLoops(['a', 'b', 'c', 'd'], ring)).toEqual([['c', 'b', 'a', 'd']])
    const twice = [
      { a: 'a', b: 'b' },
      { a: 'a', b: 'b' },
      { a: 'b', b: 'b' },
    ]
    expect(findLoops(['a', 'b'], twice)).toEqual([['a', 'b'], ['b']])
    expect(() => findLoops(['a'], [{ a: 'a', b: 'z' }])).toThrow('z')
  })

  it('finds one simple loop for every link too many', () => {
    fc.assert(
      fc.property(graph, ({ macs, links: drawn }) => {
        const names = macs.map((_, i) => `${i}`)
        const links = drawn.map(([a, b, cost], i) => link(`l${i}`, `${a}`, `${b}`, cost))
        const loops = findLoops(names, links)
        const kept = active(spanningTree(bridges(...names), links), links)
        expect(loops).toHaveLength(links.length - kept.length)
        const joined = new Set(links.flatMap(({ a, b }) => [`${a}-${b}`, `${b}-${a}`]))
        for (const loop of loops) {
          expect(new Set(loop).size).toBe(loop.length)
          loop.forEach((node, i) => {
            expect(joined).toContain(`${node}-${loop[(i + 1) % loop.length]}`)
          })
        }
      }),
      { seed: 20261122, numRuns: process.env['ENCAP_DEEP'] ? 10_000 : 500 },
    )
  })
})
