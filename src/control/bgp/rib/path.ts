import type { Ipv4Address, Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import type { PathAttributes } from '../wire/attributes.ts'

/** Who a path came from, as the decision process and the rules of export see it. */
export interface PathSource {
  readonly address: Ipv4Address
  /** BGP identifier of its OPEN. */
  readonly routerId: Ipv4Address
  /** Of the same AS: an iBGP peer. */
  readonly isInternal: boolean
  /** Whether we reflect for it (RFC 4456). */
  readonly isClient: boolean
}

/** A route as it stands in the Loc-RIB, after the import filter. */
export interface Path {
  readonly destination: Ipv4Prefix
  readonly attributes: PathAttributes
  /** Null = our own. */
  readonly source: PathSource | null
}

/** A prefix as one number, for maps: the base and the length below it. */
export function prefixKey({ base, length }: Ipv4Prefix): number {
  return (base >>> 0) * 64 + length
}
