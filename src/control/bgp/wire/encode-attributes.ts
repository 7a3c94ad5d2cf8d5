import {
  type AsPathSegment,
  ATTRIBUTE,
  FLAG_EXTENDED_LENGTH,
  FLAG_OPTIONAL,
  FLAG_TRANSITIVE,
  type PathAttributes,
  type RawAttribute,
} from './attributes.ts'
import { ByteWriter } from './byte-writer.ts'

const WELL_KNOWN = FLAG_TRANSITIVE
const OPTIONAL_TRANSITIVE = FLAG_OPTIONAL | FLAG_TRANSITIVE
const OPTIONAL = FLAG_OPTIONAL

/** Types of AS path segments. */
export const SEGMENT = { set: 1, sequence: 2 } as const

/** Path attributes of an UPDATE, AS numbers in four octets, by ascending type. */
export function encodeAttributes(attributes: PathAttributes): Uint8Array {
  const { origin, asPath, nextHop, med, localPref, communities } = attributes
  const { originatorId, clusterList, others } = attributes
  const writer = new ByteWriter()
  put(writer, WELL_KNOWN, ATTRIBUTE.origin, Uint8Array.of(origin))
  put(writer, WELL_KNOWN, ATTRIBUTE.asPath, encodeAsPath(asPath))
  put(writer, WELL_KNOWN, ATTRIBUTE.nextHop, numbers([nextHop]))
  if (med !== null) put(writer, OPTIONAL, ATTRIBUTE.med, numbers([med]))
  if (localPref !== null) put(writer, WELL_KNOWN, ATTRIBUTE.localPref, numbers([localPref]))
  // The two of RFC 4271 that we do not read stand before the communities, all others after.
  putAll(writer, others, (type) => type < ATTRIBUTE.communities)
  if (communities.length > 0) {
    put(writer, OPTIONAL_TRANSITIVE, ATTRIBUTE.communities, numbers(communities))
  }
  if (originatorId !== null) put(writer, OPTIONAL, ATTRIBUTE.originatorId, numbers([originatorId]))
  if (clusterList.length > 0) put(writer, OPTIONAL, ATTRIBUTE.clusterList, numbers(clusterList))
  putAll(writer, others, (type) => type > ATTRIBUTE.communities)
  return writer.finish()
}

function put(writer: ByteWriter, flags: number, type: number, value: Uint8Array): void {
  const isLong = value.length > 255
  writer.u8(isLong ? flags | FLAG_EXTENDED_LENGTH : flags)
  writer.u8(type)
  if (isLong) writer.u16(value.length)
  else writer.u8(value.length)
  writer.put(value)
}

function putAll(
  writer: ByteWriter,
  others: readonly RawAttribute[],
  isWanted: (type: number) => boolean,
): void {
  for (const { flags, type, value } of others) {
    if (isWanted(type)) put(writer, flags, type, value)
  }
}

function encodeAsPath(path: readonly AsPathSegment[]): Uint8Array {
  const writer = new ByteWriter()
  for (const { type, ases } of path) {
    writer.u8(SEGMENT[type])
    writer.u8(ases.length)
    for (const as of ases) writer.u32(as)
  }
  return writer.finish()
}

function numbers(values: readonly number[]): Uint8Array {
  const writer = new ByteWriter()
  for (const value of values) writer.u32(value)
  return writer.finish()
}
