import type { Ipv4Address } from '../../../wire/ipv4-address.ts'

/** How the route came into BGP; lower is preferred. */
export const ORIGIN = { igp: 0, egp: 1, incomplete: 2 } as const

export interface AsPathSegment {
  readonly type: 'set' | 'sequence'
  /** Four-octet AS numbers. */
  readonly ases: readonly number[]
}

/** An attribute that we do not read: passed on if it is transitive. */
export interface RawAttribute {
  readonly flags: number
  readonly type: number
  readonly value: Uint8Array
}

/** Path attributes of a route. AS numbers, MED, LOCAL_PREF and communities are unsigned. */
export interface PathAttributes {
  readonly origin: number
  readonly asPath: readonly AsPathSegment[]
  readonly nextHop: Ipv4Address
  readonly med: number | null
  readonly localPref: number | null
  readonly communities: readonly number[]
  readonly originatorId: Ipv4Address | null
  readonly clusterList: readonly Ipv4Address[]
  readonly others: readonly RawAttribute[]
}

/** Attribute types (RFC 4271, 1997, 4456). */
export const ATTRIBUTE = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
} as const

export const FLAG_OPTIONAL = 0x80
export const FLAG_TRANSITIVE = 0x40
export const FLAG_PARTIAL = 0x20
export const FLAG_EXTENDED_LENGTH = 0x10

/** Well-known communities (RFC 1997). */
export const NO_EXPORT = 0xffffff01
export const NO_ADVERTISE = 0xffffff02
export const NO_EXPORT_SUBCONFED = 0xffffff03

/** Attributes of a route of our own. */
export function localAttributes(nextHop: Ipv4Address): PathAttributes {
  return {
    origin: ORIGIN.igp,
    asPath: [],
    nextHop,
    med: null,
    localPref: null,
    communities: [],
    originatorId: null,
    clusterList: [],
    others: [],
  }
}

/** Length for the choice of a path: a set counts as one (RFC 4271 section 9.1.2.2). */
export function asPathLength(path: readonly AsPathSegment[]): number {
  let length = 0
  for (const { type, ases } of path) length += type === 'set' ? 1 : ases.length
  return length
}

export function asPathContains(path: readonly AsPathSegment[], as: number): boolean {
  return path.some(({ ases }) => ases.includes(as))
}

/** The neighbouring AS that the route came through; null = it began in our own. */
export function firstAs(path: readonly AsPathSegment[]): number | null {
  const [first] = path
  return first?.type === 'sequence' ? (first.ases[0] ?? null) : null
}

/** Most numbers of a segment: its count is an octet. */
const SEGMENT_MAX = 255

export function prependAs(path: readonly AsPathSegment[], as: number): AsPathSegment[] {
  const [first, ...rest] = path
  if (first?.type === 'sequence' && first.ases.length < SEGMENT_MAX) {
    return [{ type: 'sequence', ases: [as, ...first.ases] }, ...rest]
  }
  return [{ type: 'sequence', ases: [as] }, ...path]
}
