import { describe, expect, it } from 'vitest'
import { ipv4, prefix } from '../../../wire/ipv4-address.ts'
import {
  localAttributes,
  NO_ADVERTISE,
  NO_EXPORT,
  type PathAttributes,
} from '../wire/attributes.ts'
import { type ExportRules, exportAttributes, mayExport } from './export.ts'
import { acceptAttributes } from './import.ts'
import type { Path } from './path.ts'

const OWN_AS = 65000
const OWN = ipv4('10.0.0.1')
const PEER = ipv4('10.0.0.2')

const ATTRIBUTES: PathAttributes = {
  ...localAttributes(ipv4('10.9.9.9')),
  asPath: [{ type: 'sequence', ases: [1, 2] }],
  med: 5,
  communities: [77],
}

function pathFrom(kind: 'ours' | 'ebgp' | 'ibgp' | 'client', communities = [77]): Path {
  const source = {
    address: PEER,
    routerId: PEER,
    isInternal: kind !== 'ebgp',
    isClient: kind === 'client',
  }
  const attributes = { ...ATTRIBUTES, communities }
  return {
    destination: prefix('10.1.0.0/16'),
    attributes,
    source: kind === 'ours' ? null : source,
  }
}

function rulesTo(kind: 'ebgp' | 'ibgp' | 'client', nextHopSelf = false): ExportRules {
  return {
    localAs: OWN_AS,
    localAddress: OWN,
    isInternal: kind !== 'ebgp',
    isClient: kind === 'client',
    clusterId: OWN,
    nextHopSelf,
    nextHopKeep: false,
  }
}

const exported = (path: Path, to: ExportRules) => exportAttributes(path, path.attributes, to)

describe('a path', () => {
  it.each([
    ['ours', 'ebgp', true],
    ['ours', 'ibgp', true],
    ['ebgp', 'ebgp', true],
    ['ebgp', 'ibgp', true],
    ['ibgp', 'ebgp', true],
    ['ibgp', 'ibgp', false],
    ['ibgp', 'client', true],
    ['client', 'ibgp', true],
    ['client', 'client', true],
  ] as const)('from %s goes to %s: %s', (from, to, goes) => {
    expect(mayExport(pathFrom(from), rulesTo(to))).toBe(goes)
  })

  it('goes no further than its communities say (RFC 1997)', () => {
    const goes = (community: number, to: 'ebgp' | 'ibgp') =>
      mayExport(pathFrom('ebgp', [77, community]), rulesTo(to))
    expect([goes(NO_EXPORT, 'ebgp'), goes(NO_EXPORT, 'ibgp')]).toEqual([false, true])
    expect([goes(NO_ADVERTISE, 'ebgp'), goes(NO_ADVERTISE, 'ibgp')]).toEqual([false, false])
  })
})

describe('attributes on the wire', () => {
  it('to eBGP: our AS first, our address, nothing that is only for within the AS', () => {
    const path = pathFrom('client')
    const inside = { ...path.attributes, localPref: 200, originatorId: 1, clusterList: [2] }
    expect(exportAttributes(path, inside, rulesTo('ebgp'))).toEqual({
      ...ATTRIBUTES,
      asPath: [{ type: 'sequence', ases: [OWN_AS, 1, 2] }],
      nextHop: OWN,
      med: null,
    })
    expect(exported(pathFrom('ours'), rulesTo('ebgp')).med).toBe(5)
  })

  it('from eBGP to iBGP: as they came, with a preference, and our address only if told so', () => {
    const path = pathFrom('ebgp')
    expect(exported(path, rulesTo('ibgp'))).toEqual({ ...ATTRIBUTES, localPref: 100 })
    expect(exported(path, rulesTo('ibgp', true)).nextHop).toBe(OWN)
    expect(exported(pathFrom('ours'), rulesTo('ibgp')).nextHop).toBe(OWN)
  })

  it('reflected: marked with the originator and our cluster, and otherwise the same (RFC 4456)', () => {
    const path = pathFrom('client')
    const once = exported(path, rulesTo('client', true))
    const marks = { localPref: 100, originatorId: PEER, clusterList: [OWN] }
    expect(once).toEqual({ ...ATTRIBUTES, ...marks })
    const second = { ...rulesTo('ibgp'), clusterId: 7 }
    const twice = exportAttributes(path, once, second)
    expect(twice).toEqual({ ...once, clusterList: [7, OWN] })
  })

  it('made once for all clients of a reflector, and anew for another cluster or originator', () => {
    const path = pathFrom('client')
    const to = rulesTo('client')
    const first = exported(path, to)
    expect(exported(path, rulesTo('ibgp'))).toBe(first)
    expect(exportAttributes(path, path.attributes, { ...to, clusterId: 9 }).clusterList).toEqual([
      9,
    ])
    const source = { ...path.source!, routerId: 5 }
    expect(exported({ ...path, source }, to).originatorId).toBe(5)
    expect(exported(path, to)).toEqual(first)
  })
})

describe('what a peer announces', () => {
  const rules = { localAs: OWN_AS, routerId: OWN, clusterId: 7, isInternal: true }

  it('is refused when it has been here before', () => {
    const accepts = (change: Partial<PathAttributes>) =>
      acceptAttributes({ ...ATTRIBUTES, ...change }, rules) !== null
    expect(accepts({})).toBe(true)
    expect(accepts({ asPath: [{ type: 'sequence', ases: [1, OWN_AS] }] })).toBe(false)
    expect(accepts({ asPath: [{ type: 'set', ases: [OWN_AS] }] })).toBe(false)
    expect(accepts({ originatorId: OWN })).toBe(false)
    expect(accepts({ clusterList: [1, 7] })).toBe(false)
  })

  it('means nothing from another AS where it is about the inside of one', () => {
    const inside = { ...ATTRIBUTES, localPref: 9, originatorId: OWN, clusterList: [7] }
    expect(acceptAttributes(inside, { ...rules, isInternal: false })).toEqual(ATTRIBUTES)
  })
})
