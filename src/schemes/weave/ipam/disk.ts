import { formatPrefix, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'
import { formatMac } from '../../../wire/mac-address.ts'
import type { PeerName } from '../mesh/peer.ts'
import { describeRange, type Offset, rangeOf } from './address-range.ts'
import type { RingState } from './ring.ts'

/** An address of a container, or of whoever asked for it under a name. */
export interface OwnedAddress {
  readonly address: Offset
  readonly isContainer: boolean
}

/** What an allocator keeps in /weavedb on its host, over restarts and reboots. */
export class AllocatorDisk {
  name: PeerName | null = null
  ring: RingState | null = null
  owned: ReadonlyMap<string, readonly OwnedAddress[]> = new Map()

  /** Why its ring is of no use to this peer; null if it is. */
  faultFor(ourself: PeerName, range: Ipv4Prefix): string | null {
    const { name, ring } = this
    if (name === null || ring === null || ring.entries.length === 0)
      return 'No valid persisted data'
    if (name !== ourself) return `Deleting persisted data for peername ${formatMac(name)}`
    const { start, end } = rangeOf(range)
    if (start === ring.range.start && end === ring.range.end) return null
    const found = describeRange(ring.range)
    return `Deleting persisted data for IPAM range ${found}; our range is ${formatPrefix(range)}`
  }

  /** `weave reset` removes it. */
  clear(): void {
    this.name = null
    this.ring = null
    this.owned = new Map()
  }
}
