import { asPathLength, firstAs } from '../wire/attributes.ts'
import type { Path } from './path.ts'

/** Preference of a path without one (RFC 4271 leaves it to the speaker; BIRD, Cisco and FRR say 100). */
export const DEFAULT_LOCAL_PREF = 100

/**
 * Order of two paths to one destination (RFC 4271 section 9.1.2.2 with RFC 4456 section 9).
 * @returns below zero when `a` is better; zero only for paths of one peer.
 */
function comparePaths(a: Path, b: Path): number {
  return compareMerit(a, b) || compareIdentity(a, b)
}

/** The steps up to the tie-breakers: paths that are equal here may share the traffic. */
function compareMerit(a: Path, b: Path): number {
  if (a.source === null || b.source === null) {
    return Number(b.source === null) - Number(a.source === null)
  }
  const [x, y] = [a.attributes, b.attributes]
  return (
    (y.localPref ?? DEFAULT_LOCAL_PREF) - (x.localPref ?? DEFAULT_LOCAL_PREF) ||
    asPathLength(x.asPath) - asPathLength(y.asPath) ||
    x.origin - y.origin ||
    compareMed(a, b) ||
    Number(a.source.isInternal) - Number(b.source.isInternal)
  )
}

/** Only between paths through the same neighbouring AS; none counts as 0. */
function compareMed(a: Path, b: Path): number {
  if (firstAs(a.attributes.asPath) !== firstAs(b.attributes.asPath)) return 0
  return (a.attributes.med ?? 0) - (b.attributes.med ?? 0)
}

/** Lower identifier, then the shorter CLUSTER_LIST, then the lower address of the peer. */
function compareIdentity(a: Path, b: Path): number {
  if (a.source === null || b.source === null) return 0
  return (
    identifierOf(a) - identifierOf(b) ||
    a.attributes.clusterList.length - b.attributes.clusterList.length ||
    (a.source.address >>> 0) - (b.source.address >>> 0)
  )
}

/** A reflected path is the originator's. */
function identifierOf({ attributes, source }: Path): number {
  return (attributes.originatorId ?? source!.routerId) >>> 0
}

/**
 * The best of several paths. Because MED compares only some pairs, "better" is no order: as RFC 4271
 * demands and BIRD's `deterministic med` does, the best through each neighbouring AS is found first.
 */
export function bestPath(paths: readonly Path[]): Path | null {
  const groups = new Map<number | null, Path>()
  for (const path of paths) {
    const as = path.source === null ? null : firstAs(path.attributes.asPath)
    const rival = groups.get(as)
    if (rival === undefined || comparePaths(path, rival) < 0) groups.set(as, path)
  }
  let best: Path | null = null
  for (const path of groups.values()) {
    if (best === null || comparePaths(path, best) < 0) best = path
  }
  return best
}

/**
 * The paths that share the traffic with the best one, the best first: equal up to the tie-breakers,
 * whatever their ASes (BIRD's `merge paths`, elsewhere "multipath relax").
 * @param most paths in all.
 */
export function multipath(paths: readonly Path[], best: Path | null, most: number): Path[] {
  if (best === null) return []
  const equals = paths.filter((path) => path !== best && compareMerit(path, best) === 0)
  equals.sort(compareIdentity)
  return [best, ...equals].slice(0, most)
}
