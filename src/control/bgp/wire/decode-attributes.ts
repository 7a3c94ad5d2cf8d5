import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import {
  type AsPathSegment,
  ATTRIBUTE,
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_PARTIAL,
  FLAG_TRANSITIVE,
  type PathAttributes,
  type RawAttribute,
} from './attributes.ts'
import { ByteReader } from './byte-reader.ts'
import { SEGMENT } from './encode-attributes.ts'
import { type BgpError, bgpError, ERROR, UPDATE_ERROR } from './error.ts'

/** What an UPDATE's attributes turn out to be. */
export type DecodedAttributes =
  | { readonly kind: 'right'; readonly attributes: PathAttributes }
  /** The routes are taken as withdrawn (RFC 7606 section 2). */
  | { readonly kind: 'withdraw' }
  /** Their end cannot be told: the session ends. */
  | { readonly kind: 'error'; readonly error: BgpError }

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Draft = Mutable<Partial<PathAttributes>> & { others: RawAttribute[] }

/** Reads the path attributes of an UPDATE, AS numbers in four octets. */
export function decodeAttributes(bytes: Uint8Array): DecodedAttributes {
  const reader = new ByteReader(bytes)
  const draft: Draft = { others: [] }
  const seen = new Set<number>()
  let isRight = true
  while (reader.left > 0) {
    const raw = readAttribute(reader)
    if (raw === null) return malformedList()
    // Of an attribute that stands there twice the first counts (RFC 7606 section 3).
    if (seen.has(raw.type)) continue
    seen.add(raw.type)
    if (isUnknownWellKnown(raw)) {
      return { kind: 'error', error: bgpError(ERROR.update, UPDATE_ERROR.wellKnown, raw.value) }
    }
    if (!apply(draft, raw)) isRight = false
  }
  const attributes = isRight ? complete(draft) : null
  return attributes === null ? { kind: 'withdraw' } : { kind: 'right', attributes }
}

function malformedList(): DecodedAttributes {
  return { kind: 'error', error: bgpError(ERROR.update, UPDATE_ERROR.attributeList) }
}

function readAttribute(reader: ByteReader): RawAttribute | null {
  if (reader.left < 3) return null
  const flags = reader.u8()
  const type = reader.u8()
  const isLong = (flags & FLAG_EXTENDED_LENGTH) !== 0
  if (isLong && reader.left < 2) return null
  const length = isLong ? reader.u16() : reader.u8()
  if (reader.left < length) return null
  return { flags: flags & ~FLAG_EXTENDED_LENGTH, type, value: reader.take(length) }
}

function isUnknownWellKnown({ flags, type }: RawAttribute): boolean {
  return (flags & FLAG_OPTIONAL) === 0 && type > ATTRIBUTE.aggregator
}

/** @returns whether the attribute is as it should be. */
function apply(draft: Draft, raw: RawAttribute): boolean {
  const { type, value } = raw
  switch (type) {
    case ATTRIBUTE.origin:
      draft.origin = value[0]!
      return value.length === 1 && value[0]! <= 2
    case ATTRIBUTE.asPath: {
      const path = decodeAsPath(value)
      if (path !== null) draft.asPath = path
      return path !== null
    }
    case ATTRIBUTE.nextHop:
      draft.nextHop = first(value) | 0
      return value.length === 4
    case ATTRIBUTE.med:
      draft.med = first(value)
      return value.length === 4
    case ATTRIBUTE.localPref:
      draft.localPref = first(value)
      return value.length === 4
    case ATTRIBUTE.communities:
      draft.communities = numbers(value)
      return value.length % 4 === 0
    case ATTRIBUTE.originatorId:
      draft.originatorId = first(value) | 0
      return value.length === 4
    case ATTRIBUTE.clusterList:
      draft.clusterList = numbers(value).map((id): Ipv4Address => id | 0)
      return value.length % 4 === 0 && value.length > 0
    default:
      keep(draft, raw)
      return true
  }
}

/** What we do not read goes on only if it is transitive, and then tells so (RFC 4271 section 5). */
function keep(draft: Draft, { flags, type, value }: RawAttribute): void {
  if ((flags & FLAG_TRANSITIVE) === 0) return
  const isKnown = type === ATTRIBUTE.atomicAggregate || type === ATTRIBUTE.aggregator
  draft.others.push({ flags: isKnown ? flags : flags | FLAG_PARTIAL, type, value: value.slice() })
}

function complete(draft: Draft): PathAttributes | null {
  const { origin, asPath, nextHop, others } = draft
  if (origin === undefined || asPath === undefined || nextHop === undefined) return null
  const { med = null, localPref = null, communities = [] } = draft
  const { originatorId = null, clusterList = [] } = draft
  return {
    ...{ origin, asPath, nextHop, med, localPref, communities },
    ...{ originatorId, clusterList, others },
  }
}

function decodeAsPath(value: Uint8Array): AsPathSegment[] | null {
  const reader = new ByteReader(value)
  const path: AsPathSegment[] = []
  while (reader.left > 0) {
    if (reader.left < 2) return null
    const code = reader.u8()
    const count = reader.u8()
    const isKnown = code === SEGMENT.set || code === SEGMENT.sequence
    if (!isKnown || count === 0 || reader.left < 4 * count) return null
    const ases = numbers(reader.take(4 * count))
    path.push({ type: code === SEGMENT.set ? 'set' : 'sequence', ases })
  }
  return path
}

function first(value: Uint8Array): number {
  return new ByteReader(value).u32()
}

function numbers(value: Uint8Array): number[] {
  const reader = new ByteReader(value)
  const found: number[] = []
  while (reader.left >= 4) found.push(reader.u32())
  return found
}
