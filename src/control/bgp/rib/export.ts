import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import {
  NO_ADVERTISE,
  NO_EXPORT,
  NO_EXPORT_SUBCONFED,
  type PathAttributes,
  prependAs,
} from '../wire/attributes.ts'
import { DEFAULT_LOCAL_PREF } from './decision.ts'
import type { Path } from './path.ts'

/** What decides how a path is told to one peer. */
export interface ExportRules {
  readonly localAs: number
  readonly localAddress: Ipv4Address
  readonly isInternal: boolean
  /** Whether the peer is our client (RFC 4456). */
  readonly isClient: boolean
  readonly clusterId: Ipv4Address
  /** Whether iBGP peers get us as the next hop of what we learned elsewhere. eBGP peers always do. */
  readonly nextHopSelf: boolean
  /** Whether an eBGP peer gets the next hop of what we learned elsewhere. */
  readonly nextHopKeep: boolean
}

/** Whether the rules of BGP let a path go to a peer, before any filter. */
export function mayExport({ source, attributes }: Path, to: ExportRules): boolean {
  if (source === null) return true
  const { communities } = attributes
  if (communities.includes(NO_ADVERTISE)) return false
  if (!to.isInternal) {
    return !communities.includes(NO_EXPORT) && !communities.includes(NO_EXPORT_SUBCONFED)
  }
  // From iBGP to iBGP only a reflector passes on, from or to a client (RFC 4456 section 6).
  return !source.isInternal || source.isClient || to.isClient
}

/** The attributes as they go on the wire. */
export function exportAttributes(
  path: Path,
  attributes: PathAttributes,
  to: ExportRules,
): PathAttributes {
  return to.isInternal ? toInternal(path, attributes, to) : toExternal(path, attributes, to)
}

/** MED goes no further than the neighbouring AS (RFC 4271 section 5.1.4), iBGP's attributes not at all. */
function toExternal(
  { source }: Path,
  attributes: PathAttributes,
  { localAs, localAddress, nextHopKeep }: ExportRules,
): PathAttributes {
  return {
    ...attributes,
    asPath: prependAs(attributes.asPath, localAs),
    nextHop: nextHopKeep && source !== null ? attributes.nextHop : localAddress,
    med: source === null ? attributes.med : null,
    localPref: null,
    originatorId: null,
    clusterList: [],
  }
}

interface Reflection {
  readonly routerId: Ipv4Address
  readonly clusterId: Ipv4Address
  readonly attributes: PathAttributes
}

/** A reflector tells all of its clients the same: made, and then encoded, once for all. */
const reflections = new WeakMap<PathAttributes, Reflection>()

function reflected(
  attributes: PathAttributes,
  routerId: Ipv4Address,
  clusterId: Ipv4Address,
): PathAttributes {
  const known = reflections.get(attributes)
  if (known?.routerId === routerId && known.clusterId === clusterId) return known.attributes
  const made = {
    ...attributes,
    localPref: attributes.localPref ?? DEFAULT_LOCAL_PREF,
    originatorId: attributes.originatorId ?? routerId,
    clusterList: [clusterId, ...attributes.clusterList],
  }
  reflections.set(attributes, { routerId, clusterId, attributes: made })
  return made
}

function toInternal({ source }: Path, attributes: PathAttributes, to: ExportRules): PathAttributes {
  const isOurs = source === null
  const isReflected = source?.isInternal === true
  const localPref = attributes.localPref ?? DEFAULT_LOCAL_PREF
  // A reflector changes nothing else, the next hop included (RFC 4456 section 10).
  if (isReflected) return reflected(attributes, source.routerId, to.clusterId)
  const nextHop = isOurs || to.nextHopSelf ? to.localAddress : attributes.nextHop
  return { ...attributes, localPref, nextHop }
}
