import { describe, expect, it } from 'vitest'
import { ipv4, prefix } from '../../../wire/ipv4-address.ts'
import { localAttributes, ORIGIN, type PathAttributes } from '../wire/attributes.ts'
import { bestPath, multipath } from './decision.ts'
import { LocRib } from './loc-rib.ts'
import type { Path, PathSource } from './path.ts'

const TO = prefix('10.1.0.0/16')

function path(attributes: Partial<PathAttributes>, source: Partial<PathSource> = {}): Path {
  return {
    destination: TO,
    attributes: { ...localAttributes(1), asPath: sequence(1, 2), ...attributes },
    source: {
      address: ipv4('10.0.0.9'),
      routerId: ipv4('10.0.0.9'),
      isInternal: false,
      isClient: false,
      ...source,
    },
  }
}

const sequence = (...ases: number[]) => [{ type: 'sequence' as const, ases }]
const set = (...ases: number[]) => ({ type: 'set' as const, ases })

/** In each the first is better, though all that is compared later speaks for the second. */
const CASES: readonly (readonly [string, Path, Path])[] = [
  ['our own', { ...path({}), source: null }, path({ localPref: 1000, asPath: [] })],
  ['a higher LOCAL_PREF', path({ localPref: 101, asPath: sequence(1, 2, 3) }), path({})],
  [
    'a shorter AS_PATH, in which a set counts as one',
    path({ asPath: [...sequence(1), set(2, 3, 4)], origin: ORIGIN.incomplete }),
    path({ asPath: sequence(1, 2, 3) }),
  ],
  ['a lower ORIGIN', path({ med: 9 }), path({ origin: ORIGIN.egp, med: 0 })],
  ['a lower MED of the same AS', path({}, { isInternal: true }), path({ med: 1 })],
  [
    'eBGP before iBGP, whatever the MED of another AS',
    path({ med: 9 }),
    path({ asPath: sequence(3, 2), med: 0 }, { isInternal: true, routerId: 1, address: 1 }),
  ],
  [
    'the lower identifier',
    path({}, { routerId: ipv4('10.0.0.8') }),
    path({}, { routerId: ipv4('200.0.0.1'), address: 1 }),
  ],
  [
    'the lower ORIGINATOR_ID instead of it',
    path({ originatorId: 5, clusterList: [1, 2] }, { routerId: ipv4('9.9.9.9') }),
    path({ originatorId: 6 }, { routerId: 1 }),
  ],
  [
    'the shorter CLUSTER_LIST',
    path({ originatorId: 5, clusterList: [1] }),
    path({ originatorId: 5, clusterList: [1, 2] }, { address: 1 }),
  ],
  ['the lower address', path({}, { address: 1 }), path({}, { address: ipv4('200.0.0.1') })],
]

describe('of two paths the better one is that with', () => {
  it.each(CASES)('%s', (_, better, worse) => {
    expect(bestPath([better, worse])).toBe(better)
    expect(bestPath([worse, better])).toBe(better)
  })
})

it('does not depend on the order of the paths, though MED compares only some of them', () => {
  // a beats b by MED, b beats c by identifier, c beats a by identifier.
  const a = path({ med: 1 }, { routerId: 3, address: 3 })
  const b = path({ med: 2 }, { routerId: 1, address: 1 })
  const c = path({ asPath: sequence(3, 2), med: 5 }, { routerId: 2, address: 2 })
  const orders = [
    [a, b, c],
    [a, c, b],
    [b, a, c],
    [b, c, a],
    [c, a, b],
    [c, b, a],
  ]
  for (const order of orders) expect(bestPath(order)).toBe(c)
})

describe('several paths', () => {
  const first = path({}, { routerId: 1, address: 1 })
  const second = path({ asPath: sequence(3, 4) }, { routerId: 2, address: 2 })
  const longer = path({ asPath: sequence(1, 2, 3) }, { routerId: 0, address: 3 })
  const internal = path({}, { routerId: 0, address: 4, isInternal: true })

  it('share the traffic when they are equal up to the identifier, through whichever AS', () => {
    const paths = [longer, second, internal, first]
    expect(multipath(paths, bestPath(paths), 8)).toEqual([first, second])
    expect(multipath(paths, bestPath(paths), 1)).toEqual([first])
    expect(multipath([], null, 8)).toEqual([])
  })

  it('are chosen anew in a Loc-RIB whenever one of them comes or goes', () => {
    const rib = new LocRib(8)
    const [x, y, z] = [{}, {}, {}]
    expect(rib.set(x, TO, null)).toBeNull()
    expect(rib.set(x, TO, longer)!.chosen).toEqual([longer])
    expect(rib.set(y, TO, second)!.chosen).toEqual([second])
    expect(rib.set(z, TO, first)!.chosen).toEqual([first, second])
    // A path that is not chosen changes nothing.
    expect(rib.set(x, TO, null)).toBeNull()
    expect(rib.set(z, TO, null)!.best).toBe(second)
    expect(rib.set(y, TO, null)!.best).toBeNull()
    expect([...rib.destinations()]).toEqual([])
  })
})
