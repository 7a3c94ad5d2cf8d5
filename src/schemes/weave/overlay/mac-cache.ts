import { SECOND } from '../../../sim/units.ts'
import type { MacAddress } from '../../../wire/mac-address.ts'
import type { Peer } from '../mesh/peer.ts'

/** macMaxAge of the router. */
const MAX_AGE = 600 * SECOND
/** How exactly ages are kept, and how often the cache is gone through. */
export const MAC_CACHE_SWEEP = MAX_AGE / 10

interface Entry {
  peer: Peer
  lastSeen: number
}

/** What `MacCache.add` has found. */
export type MacNews = 'known' | 'new' | { readonly conflict: Peer }

/** Which peer has which MAC address, learned from frames: weaveworks/weave, router/mac_cache.go. */
export class MacCache {
  private readonly table = new Map<MacAddress, Entry>()

  /**
   * @param force whether a peer that is not the one in the table takes its place.
   * @returns `conflict`: who was in the table; without `force` it still is.
   */
  add(mac: MacAddress, peer: Peer, force: boolean, now: number): MacNews {
    const entry = this.table.get(mac)
    if (entry === undefined) {
      this.table.set(mac, { peer, lastSeen: now })
      return 'new'
    }
    const before = entry.peer
    if (before !== peer && !force) return { conflict: before }
    entry.peer = peer
    if (now > entry.lastSeen + MAC_CACHE_SWEEP) entry.lastSeen = now
    return before === peer ? 'known' : { conflict: before }
  }

  lookup(mac: MacAddress): Peer | null {
    return this.table.get(mac)?.peer ?? null
  }

  /** A peer has gone, and its addresses with it. */
  delete(peer: Peer): void {
    for (const [mac, entry] of this.table) if (entry.peer === peer) this.table.delete(mac)
  }

  expire(now: number): void {
    for (const [mac, { lastSeen }] of this.table) {
      if (now > lastSeen + MAX_AGE) this.table.delete(mac)
    }
  }

  /** `weave report`: addresses with their peers. */
  entries(): readonly { readonly mac: MacAddress; readonly peer: Peer }[] {
    return Array.from(this.table, ([mac, { peer }]) => ({ mac, peer }))
  }
}
