import type { Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { bestPath, multipath } from './decision.ts'
import { type Path, prefixKey } from './path.ts'

/** One destination of the Loc-RIB. */
export interface Destination {
  readonly prefix: Ipv4Prefix
  /** Null = unreachable: it is only left until it has been withdrawn everywhere. */
  readonly best: Path | null
  /** Paths that share the traffic, the best first. */
  readonly chosen: readonly Path[]
}

interface Entry extends Destination {
  /** By who announced it, in the order in which they began to. */
  readonly paths: Map<object, Path>
  best: Path | null
  chosen: readonly Path[]
}

/** All paths that import filters let through, and for each destination the choice among them. */
export class LocRib {
  private readonly entries = new Map<number, Entry>()
  private readonly most: number

  /** @param most paths that may share the traffic to one destination. */
  constructor(most: number) {
    this.most = most
  }

  /** Puts the path of one announcer, or takes it out. @returns the destination if the choice changed. */
  set(announcer: object, prefix: Ipv4Prefix, path: Path | null): Destination | null {
    const key = prefixKey(prefix)
    const existing = this.entries.get(key)
    if (existing === undefined && path === null) return null
    const entry = existing ?? { prefix, best: null, chosen: [], paths: new Map() }
    if (path === null) entry.paths.delete(announcer)
    else entry.paths.set(announcer, path)
    if (entry.paths.size === 0) this.entries.delete(key)
    else if (existing === undefined) this.entries.set(key, entry)
    return this.choose(entry) ? entry : null
  }

  private choose(entry: Entry): boolean {
    const paths = [...entry.paths.values()]
    const best = bestPath(paths)
    const chosen = multipath(paths, best, this.most)
    const isSame =
      chosen.length === entry.chosen.length && chosen.every((path, i) => path === entry.chosen[i])
    entry.best = best
    entry.chosen = chosen
    return !isSame
  }

  get(key: number): Destination | null {
    return this.entries.get(key) ?? null
  }

  /** All destinations that can be reached, oldest first. */
  destinations(): IterableIterator<Destination> {
    return this.entries.values()
  }
}
