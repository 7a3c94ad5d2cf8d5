import type { PeerName } from './peer.ts'

/** Something to be spread, which can be made one with more of its kind while it waits. */
export interface GossipData {
  /** The messages that carry it, made when they are sent. */
  encode(): readonly Uint8Array[]
  merge(other: GossipData): GossipData
}

/** Who takes what comes on a channel: weaveworks/mesh, Gossiper. Errors end the connection that it came by. */
export interface Gossiper {
  /** @returns the error, or null. */
  onGossipUnicast(source: PeerName, message: Uint8Array): string | null
  /** @returns what is to be handed on, an error (string), or null for nothing. */
  onGossipBroadcast(source: PeerName, update: Uint8Array): GossipData | string | null
  /** Everything that it knows; told from time to time, and to each new peer. */
  gossip(): GossipData | null
  /** @returns what was new in it, an error (string), or null for nothing. */
  onGossip(update: Uint8Array): GossipData | string | null
}

/** What waits to be sent on one connection for one channel. */
export class GossipSender {
  private gossip: GossipData | null = null
  private readonly broadcasts = new Map<PeerName, GossipData>()

  get isEmpty(): boolean {
    return this.gossip === null && this.broadcasts.size === 0
  }

  send(data: GossipData): void {
    this.gossip = this.gossip === null ? data : this.gossip.merge(data)
  }

  broadcast(source: PeerName, data: GossipData): void {
    const waiting = this.broadcasts.get(source)
    this.broadcasts.set(source, waiting === undefined ? data : waiting.merge(data))
  }

  /** Takes the next; gossip goes before broadcasts. @returns source null for gossip. */
  pick(): { readonly source: PeerName | null; readonly data: GossipData } | null {
    if (this.gossip !== null) {
      const data = this.gossip
      this.gossip = null
      return { source: null, data }
    }
    for (const [source, data] of this.broadcasts) {
      this.broadcasts.delete(source)
      return { source, data }
    }
    return null
  }
}
