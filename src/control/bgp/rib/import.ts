import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { asPathContains, type PathAttributes } from '../wire/attributes.ts'

export interface ImportRules {
  readonly localAs: number
  readonly routerId: Ipv4Address
  readonly clusterId: Ipv4Address
  readonly isInternal: boolean
}

/**
 * What a peer announced, as far as it is to be believed: before any filter.
 * @returns null for a route that has been here before: our AS in its path (RFC 4271 section 9.1.2), our
 *   identifier or cluster in its reflection (RFC 4456 section 8).
 */
export function acceptAttributes(
  attributes: PathAttributes,
  { localAs, routerId, clusterId, isInternal }: ImportRules,
): PathAttributes | null {
  if (asPathContains(attributes.asPath, localAs)) return null
  // iBGP's attributes mean nothing from another AS (RFC 4271 section 5.1.5, RFC 7606 section 7).
  if (!isInternal) return { ...attributes, localPref: null, originatorId: null, clusterList: [] }
  const { originatorId, clusterList } = attributes
  return originatorId === routerId || clusterList.includes(clusterId) ? null : attributes
}
