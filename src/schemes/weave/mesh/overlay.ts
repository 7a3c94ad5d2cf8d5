import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import type { Peer } from './peer.ts'

/** What the mesh asks of the data plane: weaveworks/mesh, Overlay. */
export interface Overlay {
  /** Adds to the features that a new connection announces, such as `Overlays`. */
  addFeaturesTo(features: Map<string, string>): void
  /**
   * Sets up the data path of a connection, passive until `confirm`. May not wait.
   * @returns why not, where the two ends have no data path in common; the connection then fails with it.
   */
  prepareConnection(params: OverlayConnectionParams): OverlayConnection | string
  /** Routes were calculated anew: what was derived from them holds no more. */
  invalidateRoutes(): void
  /** A short id means another peer than before. */
  invalidateShortIds(): void
  /** A peer cannot be reached any more, by any path, and has been forgotten. */
  peerRemoved(peer: Peer): void
  stop(): void
}

export interface OverlayConnectionParams {
  readonly remotePeer: Peer
  /** Ends of the control connection. */
  readonly localAddress: Ipv4Address
  /** Where to send to, if the connection is outbound; else the data path has to find out. */
  readonly remoteAddress: Ipv4Address
  readonly isOutbound: boolean
  /** Of this connection, the same at both ends; 64 bits. */
  readonly connectionUid: bigint
  /** A token that only the two ends have; null when the data path is not to be encrypted. */
  readonly sessionKey: string | null
  /** What the other end announced. */
  readonly features: ReadonlyMap<string, string>
  /**
   * Sends to the other end's `controlMessage` by the control connection, in order. Never waits.
   * @param tag `TAG_OVERLAY_CONTROL`, or one of the three old ones of sleeve.
   */
  sendControlMessage(tag: number, content: Uint8Array): void
  /** To be called once, when the data path is known to work: traffic may be routed over it. */
  established(): void
  /** To be called when the data path is beyond repair: the connection ends, and is tried again. */
  failed(error: string): void
}

/** The data path of one connection: weaveworks/mesh, OverlayConnection. All calls come on the program's thread. */
export interface OverlayConnection {
  /** The connection is wanted (no duplicate): begin with heartbeats. */
  confirm(): void
  controlMessage(tag: number, content: Uint8Array): void
  /** The connection has ended. */
  stop(): void
}
