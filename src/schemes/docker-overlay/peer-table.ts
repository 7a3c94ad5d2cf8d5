import type { Ipv4Address } from '../../wire/ipv4-address.ts'
import type { MacAddress } from '../../wire/mac-address.ts'
import type { DockerOverlayOptions } from './options.ts'

/** Where a container of a network is. */
export interface Peer {
  readonly endpointId: string
  readonly address: Ipv4Address
  /** Of the subnet, as an address. */
  readonly mask: Ipv4Address
  readonly mac: MacAddress
  /** Address of its host. */
  readonly vtep: Ipv4Address
  readonly isLocal: boolean
}

/** What the kernel is to be told. */
export interface PeerChanges {
  readonly removed: Peer | null
  readonly added: Peer | null
}

const NOTHING: PeerChanges = { removed: null, added: null }

/**
 * Peers of one network, by address and MAC (peerdb.go). Of several for one address the kernel has the first;
 * the next follows when that has left. Until 17.09 there was but one, the latest.
 */
export class PeerTable {
  private readonly isSingle: boolean
  private readonly byKey = new Map<string, readonly Peer[]>()

  constructor(version: DockerOverlayOptions['version']) {
    this.isSingle = version === '17.06'
  }

  /** The first peer of each address. */
  get peers(): readonly Peer[] {
    return [...this.byKey.values()].map(([first]) => first!)
  }

  find(address: Ipv4Address): Peer | null {
    return this.peers.find((peer) => peer.address === address) ?? null
  }

  add(peer: Peer): PeerChanges {
    const key = keyOf(peer)
    const known = this.byKey.get(key) ?? []
    if (known.some((other) => isSame(other, peer))) return NOTHING
    if (this.isSingle || known.length === 0) {
      this.byKey.set(key, [peer])
      return { removed: null, added: peer }
    }
    this.byKey.set(key, [...known, peer])
    return NOTHING
  }

  remove(peer: Peer): PeerChanges {
    const key = keyOf(peer)
    const known = this.byKey.get(key) ?? []
    const rest = known.filter((other) => !isSame(other, peer))
    // The old one looks at address and MAC alone: a late leave takes the row of whoever has come since.
    if (this.isSingle || rest.length === 0) this.byKey.delete(key)
    else this.byKey.set(key, rest)
    if (this.isSingle) return { removed: peer, added: null }
    const [first] = known
    if (first === undefined || !isSame(first, peer)) return NOTHING
    return { removed: peer, added: rest[0] ?? null }
  }
}

function keyOf({ address, mac }: Peer): string {
  return `${address} ${mac}`
}

function isSame(a: Peer, b: Peer): boolean {
  return a.endpointId === b.endpointId && a.vtep === b.vtep
}
